//! Who may issue what, against tables written by hand.

use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking};
use medsec_core::identity::trust::{
    ANCHORS_MAX, Anchor, ISSUERS_MAX, Origin, Refusal, Stage, Today, Trust, TrustError,
};

use crate::fixtures::{
    HOLDER, ISSUER, MAKER, MODEL, OWNER, SCOPE, TODAY, anchor, anchors, claims, day, judge, key,
    signed,
};

/// Each refusal, with the change that causes it and nothing else.
#[test]
fn each_refusal_has_its_cause() {
    let narrow = Anchor {
        may_issue: Kinds::of(&[Kind::Device, Kind::Person, Kind::Service, Kind::Issuer]),
        roles: 0b111,
        scope: SCOPE,
        model: MODEL,
        min_epoch: 3,
        ..anchor(Origin::Owner, OWNER)
    };
    let try_at = |today: Today, stage, change: fn(&mut Claims)| {
        let mut claims = claims(Kind::Person, OWNER);
        change(&mut claims);
        let certificate = signed(claims, HOLDER, OWNER);
        let anchors = [narrow];
        Trust::new(&anchors, &[], &[]).unwrap().judge(&certificate, today, stage).err()
    };
    let try_with = |change| try_at(TODAY, Stage::Service, change);
    assert_eq!(try_with(|_| ()), None);
    assert_eq!(try_with(|claims| claims.issuer[0] ^= 1), Some(Refusal::Issuer));
    assert_eq!(try_with(|claims| claims.kind = Kind::Service), Some(Refusal::Kind));
    assert_eq!(try_with(|claims| claims.kind = Kind::Station), Some(Refusal::Kind));
    assert_eq!(try_with(|claims| claims.roles = 0b1000), Some(Refusal::Roles));
    assert_eq!(try_with(|claims| claims.roles = 0b111), None);
    assert_eq!(try_with(|claims| claims.scope = NO_SCOPE), Some(Refusal::Scope));
    assert_eq!(try_with(|claims| claims.scope[7] ^= 1), Some(Refusal::Scope));
    assert_eq!(try_with(|claims| claims.model = 0), Some(Refusal::Model));
    assert_eq!(try_with(|claims| claims.model = 8), Some(Refusal::Model));
    assert_eq!(try_with(|claims| claims.epoch = 2), Some(Refusal::Epoch));
    assert_eq!(try_with(|claims| claims.epoch = 4), None);
    assert_eq!(try_with(|claims| claims.is_test = true), Some(Refusal::Stage));
    assert_eq!(try_at(TODAY, Stage::Production, |claims| claims.is_test = true), None);
    let at = |floor: u16, clock: Option<u16>| {
        let today = Today { floor: day(floor), clock: clock.map(day) };
        try_at(today, Stage::Service, |_| ())
    };
    assert_eq!(at(3_000, None), None);
    assert_eq!(at(3_001, None), Some(Refusal::Expired));
    assert_eq!(at(0, None), None, "without a clock it may be any day from the floor on");
    assert_eq!(at(0, Some(1_999)), Some(Refusal::Early));
    assert_eq!(at(0, Some(2_000)), None);
    assert_eq!(at(0, Some(3_000)), None);
    assert_eq!(at(0, Some(3_001)), Some(Refusal::Expired));
    assert_eq!(at(3_001, Some(2_500)), Some(Refusal::Expired), "a clock that was set back");
    let forged = signed(claims(Kind::Person, OWNER), HOLDER, MAKER);
    assert_eq!(judge(&forged), Err(Refusal::Signature));
}

/// A station, and what it is for, end when the device waits for an owner.
#[test]
fn stations_are_for_production() {
    let station = signed(claims(Kind::Station, MAKER), HOLDER, MAKER);
    let anchors = anchors();
    let trust = Trust::new(&anchors, &[], &[]).unwrap();
    assert_eq!(trust.judge(&station, TODAY, Stage::Production).err(), None);
    assert_eq!(trust.judge(&station, TODAY, Stage::Service), Err(Refusal::Stage));
}

/// Every origin, list of the anchor, list of an issuer between, and kind, against the table of who issues what.
#[test]
fn only_the_maker_issues_what_is_the_makers() {
    let by_maker = [Kind::Device, Kind::Service, Kind::Station];
    let by_owner = [Kind::Device, Kind::Person, Kind::Recipient];
    let leaves: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Issuer).collect();
    let subset = |bits: usize| -> Vec<Kind> {
        let chosen = leaves.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
        chosen.map(|(_, kind)| *kind).collect()
    };
    let direct: Vec<_> =
        leaves.iter().map(|kind| signed(claims(*kind, MAKER), HOLDER, MAKER)).collect();
    let below: Vec<_> =
        leaves.iter().map(|kind| signed(claims(*kind, ISSUER), HOLDER, ISSUER)).collect();
    let issuer = signed(Claims { serial: 6, ..claims(Kind::Issuer, MAKER) }, HOLDER, MAKER);
    let (mut held, mut refused) = (0, 0);
    for (origin, its_own) in [(Origin::Maker, by_maker), (Origin::Owner, by_owner)] {
        for (anchored, delegates) in (0..32).flat_map(|bits| [(bits, false), (bits, true)]) {
            let list = subset(anchored);
            let mut kinds = list.clone();
            kinds.extend(delegates.then_some(Kind::Issuer));
            let anchors = [Anchor { may_issue: Kinds::of(&kinds), ..anchor(origin, MAKER) }];
            let trust = Trust::new(&anchors, &[], &[]).unwrap();
            let mut check = |trust: &Trust<'_>, certificate, holds: bool| {
                let judged = trust.judge(certificate, TODAY, Stage::Production);
                assert_eq!(judged.is_ok(), holds, "{origin:?} {kinds:?} {certificate:?}");
                if let Ok(trusted) = judged {
                    assert_eq!(trusted.origin(), origin);
                    held += 1;
                } else {
                    refused += 1;
                }
            };
            for (kind, certificate) in leaves.iter().zip(&direct) {
                check(&trust, certificate, list.contains(kind) && its_own.contains(kind));
            }
            check(&trust, &issuer, delegates);
            for given in 1..32 {
                let given = subset(given);
                let claims = Claims { may_issue: Kinds::of(&given), ..claims(Kind::Issuer, MAKER) };
                let issuers = [signed(claims, ISSUER, MAKER)];
                let trust = Trust::new(&anchors, &issuers, &[]).unwrap();
                // One that was given more than its anchor has issues nothing at all.
                let is_sound = delegates
                    && given.iter().all(|kind| list.contains(kind) && its_own.contains(kind));
                for (kind, certificate) in leaves.iter().zip(&below) {
                    check(&trust, certificate, is_sound && given.contains(kind));
                }
            }
        }
    }
    println!("who issues what: {held} held, {refused} refused");
    assert_eq!(held + refused, 2 * 64 * (6 + 31 * 5));
    assert_eq!(held, 2 * (2 * 4 * 3 * 4 + 32) + 2 * 4 * 27, "counted by hand");
}

/// What an issuer is refused for, its holders are refused for.
#[test]
fn an_issuer_gives_no_more_than_it_has() {
    let anchors = anchors();
    let try_with = |above: fn(&mut Claims), below: fn(&mut Claims), today| {
        let mut issuer = claims(Kind::Issuer, OWNER);
        issuer.may_issue = Kinds::of(&[Kind::Person, Kind::Device]);
        above(&mut issuer);
        let issuers = [signed(issuer, ISSUER, OWNER)];
        let mut leaf = claims(Kind::Person, ISSUER);
        below(&mut leaf);
        let leaf = signed(leaf, HOLDER, ISSUER);
        let trust = Trust::new(&anchors, &issuers, &[]).unwrap();
        trust.judge(&leaf, today, Stage::Service).err()
    };
    let same = |_: &mut Claims| ();
    assert_eq!(try_with(same, same, TODAY), None);
    assert_eq!(try_with(|c| c.roles = 0b100, same, TODAY), Some(Refusal::Roles));
    assert_eq!(try_with(|c| c.scope = *b"ward 005", same, TODAY), Some(Refusal::Scope));
    assert_eq!(try_with(|c| c.scope = NO_SCOPE, same, TODAY), None);
    assert_eq!(try_with(|c| c.model = 8, same, TODAY), Some(Refusal::Model));
    assert_eq!(try_with(|c| c.model = 0, same, TODAY), None);
    assert_eq!(try_with(same, |c| c.not_after = Some(day(3_001)), TODAY), Some(Refusal::Expired));
    assert_eq!(try_with(same, |c| c.not_after = None, TODAY), Some(Refusal::Expired));
    assert_eq!(try_with(|c| c.not_after = None, |c| c.not_after = None, TODAY), None);
    assert_eq!(try_with(|c| c.is_test = true, same, TODAY), Some(Refusal::Stage));
    let late = Today { floor: day(3_001), clock: None };
    let lasting = |c: &mut Claims| c.not_after = None;
    assert_eq!(try_with(same, lasting, late), Some(Refusal::Expired), "the issuer is over");
    assert_eq!(try_with(|c| c.issuer = key(8).public().kid(), same, TODAY), Some(Refusal::Issuer));
    // An issuer under an issuer: the id it names is that of no anchor.
    let first = signed(
        Claims { may_issue: Kinds::of(&[Kind::Person]), ..claims(Kind::Issuer, OWNER) },
        ISSUER,
        OWNER,
    );
    let second = signed(
        Claims { may_issue: Kinds::of(&[Kind::Person]), ..claims(Kind::Issuer, ISSUER) },
        4,
        ISSUER,
    );
    let leaf = signed(claims(Kind::Person, 4), HOLDER, 4);
    let issuers = [first, second];
    let trust = Trust::new(&anchors, &issuers, &[]).unwrap();
    assert_eq!(trust.judge(&leaf, TODAY, Stage::Service), Err(Refusal::Issuer));
    assert_eq!(trust.judge(&second, TODAY, Stage::Service), Err(Refusal::Kind));
}

#[test]
fn what_cannot_be_trusted_together_is_refused() {
    let anchors = anchors();
    let issuer = |byte| signed(claims(Kind::Issuer, MAKER), byte, MAKER);
    let new = |anchors: &[Anchor], issuers: &[Certificate]| {
        Trust::new(anchors, issuers, &[]).map(|_| ()).err()
    };
    assert_eq!(new(&[anchors[0], anchors[1], anchors[0]], &[]), Some(TrustError::SameId));
    assert_eq!(new(&anchors, &[issuer(MAKER)]), Some(TrustError::SameId));
    assert_eq!(new(&anchors, &[issuer(20), issuer(21), issuer(20)]), Some(TrustError::SameId));
    let person = signed(claims(Kind::Person, OWNER), HOLDER, OWNER);
    assert_eq!(new(&anchors, &[person]), Some(TrustError::NoIssuer));
    let many: Vec<_> = (20..29).map(issuer).collect();
    assert_eq!(new(&anchors, &many[..ISSUERS_MAX]), None);
    assert_eq!(new(&anchors, &many), Some(TrustError::TooMany));
    let many: Vec<_> = (20..29).map(|byte| anchor(Origin::Maker, byte)).collect();
    assert_eq!(new(&many[..ANCHORS_MAX], &[]), None);
    assert_eq!(new(&many, &[]), Some(TrustError::TooMany));
    let record = |byte: u8| {
        let revoking =
            Revoking { day: day(0), number: 1, min_epoch: 0, min_permit: 0, revoked: &[] };
        let state = IssuerState::sign(&revoking, &key(byte)).unwrap();
        IssuerRecord::after(None, &state, &key(byte).public(), None).unwrap()
    };
    let with = |records: &[IssuerRecord]| Trust::new(&anchors, &[], records).map(|_| ()).err();
    assert_eq!(with(&[record(1), record(2)]), None);
    assert_eq!(with(&[record(1), record(2), record(1)]), Some(TrustError::SameId));
    let many: Vec<_> = (1..=17).map(record).collect();
    assert_eq!(with(&many[..ANCHORS_MAX + ISSUERS_MAX]), None);
    assert_eq!(with(&many), Some(TrustError::TooMany));
}

#[test]
fn days_are_those_of_the_calendar() {
    assert_eq!(Day::of(0), Some(Day::FIRST));
    assert_eq!(Day::of(u16::MAX), None);
    assert_eq!(Day::of_unix(1_577_836_799), None);
    assert_eq!(Day::of_unix(1_577_836_800), Some(Day::FIRST));
    // 2024-02-29T23:59:59Z and the second after it, by the calendar.
    assert_eq!(Day::of_unix(1_709_251_199), Day::of(366 + 365 * 3 + 59));
    assert_eq!(Day::of_unix(1_709_251_200), Day::of(366 + 365 * 3 + 60));
    assert_eq!(Day::of_unix(u64::MAX), None);
}

/// By its id anybody can name an issuer. Only a certificate that the issuer signed tells how it stands.
#[test]
fn nobody_learns_of_an_issuer_by_naming_it() {
    let mut between = claims(Kind::Issuer, MAKER);
    between.not_after = Some(day(1));
    between.not_before = None;
    let kept = [signed(between, ISSUER, MAKER)];
    let anchors = anchors();
    let trust = Trust::new(&anchors, &kept, &[]).unwrap();
    let late = Today { floor: day(2_500), clock: None };
    let judge = |certificate| trust.judge(&certificate, late, Stage::Service).err();
    let true_one = signed(claims(Kind::Device, ISSUER), HOLDER, ISSUER);
    assert_eq!(judge(true_one), Some(Refusal::Expired));
    let named = signed(claims(Kind::Device, ISSUER), HOLDER, 77);
    assert_eq!(judge(named), Some(Refusal::Signature));
}
