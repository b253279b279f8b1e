//! Certificates: one encoding, every changed bit refused, and who may issue what against a table written by hand.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and the counts are evidence"
)]

use core::fmt::Write as _;

use medsec_core::Secret;
use medsec_core::codec::DecodeError;
use medsec_core::hpke::{RecipientKey, RecipientSecret};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{
    CERTIFICATE_BYTES, Certificate, CertificateError, Claims, Kind, Kinds, NO_SCOPE, Unsigned,
    WIRE_BYTES, WireCertificate,
};
use medsec_core::identity::issuer_state::{
    IssuerRecord, IssuerState, REVOKED_MAX, Revoking, STATE_BYTES_MAX, StateError,
};
use medsec_core::identity::trust::{
    ANCHORS_MAX, Anchor, ISSUERS_MAX, Origin, Refusal, Stage, Today, Trust, TrustError, Trusted,
};
use medsec_core::key::{Context, DeviceKey, device_id};
use medsec_core::suite::NotAuthentic;

const SCOPE: [u8; 8] = *b"ward 004";
const MODEL: u32 = 7;
const TODAY: Today = Today { floor: Day::FIRST, clock: None };
const EVERY_KIND: Kinds = Kinds::of(&Kind::ALL);

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn agreement(byte: u8) -> RecipientKey {
    RecipientSecret::from_bytes(Secret::new([byte; 32])).public()
}

fn day(number: u16) -> Day {
    Day::of(number).unwrap()
}

/// The maker's key, the owner's, and that of an issuer between.
const MAKER: u8 = 1;
const OWNER: u8 = 2;
const ISSUER: u8 = 3;
/// The keys of a holder.
const HOLDER: u8 = 9;

fn claims(kind: Kind, issuer: u8) -> Claims {
    let is_device = kind == Kind::Device;
    Claims {
        kind,
        suites: 0b11,
        is_test: false,
        serial: 5,
        issuer: key(issuer).public().kid(),
        epoch: if is_device { 0 } else { 3 },
        not_before: Some(day(2_000)),
        not_after: Some(day(3_000)),
        roles: 0b101,
        may_issue: if kind == Kind::Issuer { Kinds::of(&[Kind::Device]) } else { Kinds::NONE },
        model: MODEL,
        scope: SCOPE,
        subject: if is_device {
            device_id(MODEL, &key(HOLDER).public())
        } else {
            *b"subject 16 bytes"
        },
    }
}

fn numbered(claims: Claims, serial: u32, epoch: u32) -> Claims {
    Claims { serial, epoch, ..claims }
}

/// A certificate with the keys that a holder of its kind has.
fn unsigned(claims: Claims, holder: u8) -> Result<Unsigned, CertificateError> {
    let agrees = (claims.kind != Kind::Issuer).then(|| agreement(holder));
    let signs = (claims.kind != Kind::Recipient).then(|| key(holder).public());
    Unsigned::new(claims, agrees.as_ref(), signs.as_ref())
}

fn signed(claims: Claims, holder: u8, issuer: u8) -> Certificate {
    unsigned(claims, holder).unwrap().sign(&key(issuer)).unwrap()
}

fn anchor(origin: Origin, byte: u8) -> Anchor {
    Anchor {
        origin,
        key: key(byte).public(),
        may_issue: EVERY_KIND,
        roles: 0xff,
        scope: NO_SCOPE,
        model: 0,
        min_epoch: 0,
    }
}

fn anchors() -> [Anchor; 2] {
    [anchor(Origin::Maker, MAKER), anchor(Origin::Owner, OWNER)]
}

/// Who issues a kind.
fn issuer_of(kind: Kind) -> u8 {
    if matches!(kind, Kind::Person | Kind::Recipient) { OWNER } else { MAKER }
}

fn judge(certificate: &Certificate) -> Result<Trusted, Refusal> {
    let anchors = anchors();
    let trust = Trust::new(&anchors, &[], &[]).map_err(|_: TrustError| Refusal::Issuer)?;
    trust.judge(certificate, TODAY, Stage::Production)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[test]
fn the_bytes_are_those_of_version_1() {
    let mut now = String::new();
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        writeln!(now, "{} {}", kind.code(), hex(&certificate.to_bytes())).unwrap();
    }
    for revoked in [&[][..], &[1, 5, 0xffff_ffff]] {
        let revoking =
            Revoking { day: day(2_500), number: 4, min_epoch: 3, min_permit: 2, revoked };
        let state = IssuerState::sign(&revoking, &key(MAKER)).unwrap();
        let mut buffer = [0; STATE_BYTES_MAX];
        writeln!(now, "state {}", hex(state.to_bytes(&mut buffer))).unwrap();
    }
    let golden = include_str!("golden/certificate_v1.txt");
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(golden, now.lines().collect::<Vec<_>>(), "\n{now}");
}

#[test]
fn a_certificate_is_read_as_it_was_written() {
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        let bytes = certificate.to_bytes();
        let parsed = Certificate::parse(&bytes).unwrap();
        assert_eq!((parsed, parsed.to_bytes()), (certificate, bytes));
        assert_eq!(*parsed.claims(), claims(kind, issuer_of(kind)));
        assert_eq!(parsed.agreement_key(), (kind != Kind::Issuer).then(|| agreement(HOLDER)));
        assert_eq!(parsed.signing_key(), (kind != Kind::Recipient).then(|| key(HOLDER).public()));
        assert_eq!(judge(&parsed).map(|trusted| *trusted.certificate()), Ok(parsed));
    }
}

/// A judgement that the certificate of another key gets is none for the key that was proved.
#[test]
fn the_wire_form_takes_the_proven_key() {
    let proven = agreement(HOLDER).to_bytes();
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        let wire = certificate.to_wire();
        assert_eq!(wire.len(), WIRE_BYTES);
        let wire = WireCertificate::parse(&wire).unwrap();
        if kind == Kind::Issuer {
            for key in [proven, [0; 32]] {
                assert_eq!(wire.complete(&key), Err(CertificateError::Key));
            }
            continue;
        }
        assert_eq!(wire.complete(&proven), Ok(certificate));
        let other = wire.complete(&agreement(8).to_bytes()).unwrap();
        assert_eq!(judge(&other), Err(Refusal::Signature));
        assert_eq!(wire.complete(&[0; 32]), Err(CertificateError::Key));
    }
    for length in (0..WIRE_BYTES).chain([WIRE_BYTES + 1, CERTIFICATE_BYTES]) {
        let error = WireCertificate::parse(&vec![0; length]).unwrap_err();
        assert!(matches!(error, CertificateError::Layout(_)), "{length}");
    }
}

#[test]
fn no_changed_bit_and_no_other_length_is_taken() {
    let (mut unparsed, mut refused) = (0, 0);
    for kind in Kind::ALL {
        let certificate = signed(claims(kind, issuer_of(kind)), HOLDER, issuer_of(kind));
        let bytes = certificate.to_bytes();
        for bit in 0..8 * CERTIFICATE_BYTES {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            match Certificate::parse(&changed) {
                Err(_) => unparsed += 1,
                Ok(other) => {
                    assert!(judge(&other).is_err(), "{kind:?}: bit {bit}");
                    assert_eq!(other.to_bytes(), changed);
                    refused += 1;
                }
            }
        }
        for length in 0..CERTIFICATE_BYTES {
            assert!(Certificate::parse(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        let trailing = CertificateError::Layout(DecodeError::Trailing);
        assert_eq!(Certificate::parse(&longer), Err(trailing));
    }
    println!("certificates: {unparsed} flipped bits do not parse, {refused} are refused, 0 taken");
    assert_eq!(unparsed + refused, 6 * 8 * CERTIFICATE_BYTES);
    assert!(unparsed > 1_000 && refused > 1_000);
}

#[test]
fn what_a_kind_cannot_have_does_not_parse() {
    let make = |kind, change: fn(&mut Claims)| {
        let mut claims = claims(kind, MAKER);
        change(&mut claims);
        unsigned(claims, HOLDER).map(|_| ())
    };
    let unknown = Err(CertificateError::Unknown);
    let wrong = Err(CertificateError::Claims);
    for kind in Kind::ALL {
        assert_eq!(make(kind, |_| ()), Ok(()));
        assert_eq!(make(kind, |claims| claims.suites = 0), unknown);
        assert_eq!(make(kind, |claims| claims.suites = 0b100), unknown);
        assert_eq!(make(kind, |claims| claims.suites = 0b01), Ok(()));
        assert_eq!(make(kind, |claims| claims.serial = 0), wrong);
        assert_eq!(make(kind, |claims| claims.not_before = Some(day(3_001))), wrong);
        assert_eq!(make(kind, |claims| claims.not_before = Some(day(3_000))), Ok(()));
        assert_eq!(make(kind, |claims| claims.not_before = None), Ok(()));
        assert_eq!(make(kind, |claims| claims.not_after = None), Ok(()));
        let is_device = kind == Kind::Device;
        assert_eq!(make(kind, |claims| claims.epoch = 1), if is_device { wrong } else { Ok(()) });
        let is_service = kind == Kind::Service;
        let no_scope = make(kind, |claims| claims.scope = NO_SCOPE);
        assert_eq!(no_scope, if is_service { wrong } else { Ok(()) });
        let is_issuer = kind == Kind::Issuer;
        let issues = make(kind, |claims| claims.may_issue = Kinds::of(&[Kind::Person]));
        assert_eq!(issues, if is_issuer { Ok(()) } else { wrong });
        let issues_none = make(kind, |claims| claims.may_issue = Kinds::NONE);
        assert_eq!(issues_none, if is_issuer { wrong } else { Ok(()) });
        let subject = make(kind, |claims| claims.subject[0] ^= 1);
        assert_eq!(subject, if is_device { Err(CertificateError::Subject) } else { Ok(()) });
        let model = make(kind, |claims| claims.model = 8);
        assert_eq!(model, if is_device { Err(CertificateError::Subject) } else { Ok(()) });
    }
}

#[test]
fn a_kind_has_its_keys_and_no_others() {
    let (agrees, signs) = (agreement(HOLDER), key(HOLDER).public());
    for kind in Kind::ALL {
        for (agrees_too, signs_too) in [(true, true), (true, false), (false, true), (false, false)]
        {
            let made = Unsigned::new(
                claims(kind, MAKER),
                agrees_too.then_some(&agrees),
                signs_too.then_some(&signs),
            );
            let wanted = (kind != Kind::Issuer, kind != Kind::Recipient);
            let is_right = (agrees_too, signs_too) == wanted;
            let made = made.map(|_| ());
            assert_eq!(made, if is_right { Ok(()) } else { Err(CertificateError::Key) });
        }
    }
    // Keys of small order and other encodings, in bytes that nobody signed.
    let bytes = signed(claims(Kind::Person, OWNER), HOLDER, OWNER).to_bytes();
    for (at, bad) in [(56, 1_u8), (88, 1)] {
        let mut changed = bytes;
        changed[at..at + 32].fill(0);
        changed[at] = bad;
        assert_eq!(Certificate::parse(&changed), Err(CertificateError::Key));
        changed[at..at + 32].fill(0xff);
        assert_eq!(Certificate::parse(&changed), Err(CertificateError::Key));
    }
}

#[test]
fn bytes_that_no_version_1_has_are_refused() {
    let bytes = signed(claims(Kind::Person, OWNER), HOLDER, OWNER).to_bytes();
    let with = |at: usize, byte: u8| {
        let mut changed = bytes;
        changed[at] = byte;
        Certificate::parse(&changed).err()
    };
    for version in (0..=255).filter(|version| *version != 1) {
        assert_eq!(with(0, version), Some(CertificateError::Version));
    }
    for kind in (0..=255).filter(|code| Kind::ALL.iter().all(|kind| kind.code() != *code)) {
        assert_eq!(with(1, kind), Some(CertificateError::Unknown));
    }
    for flags in 2..=255 {
        assert_eq!(with(3, flags), Some(CertificateError::Layout(DecodeError::Reserved)));
    }
    for byte in 1..=255 {
        assert_eq!(with(25, byte), Some(CertificateError::Layout(DecodeError::Reserved)));
    }
    // A list of kinds that names an issuer, or a kind that does not exist.
    let bytes = signed(claims(Kind::Issuer, MAKER), HOLDER, MAKER).to_bytes();
    let known = [1, 2, 3, 6, 7];
    for bit in 0..16 {
        let mut changed = bytes;
        changed[26..28].copy_from_slice(&(1_u16 << bit).to_le_bytes());
        let parsed = Certificate::parse(&changed);
        assert_eq!(parsed.err() == Some(CertificateError::Unknown), !known.contains(&bit), "{bit}");
    }
}

#[test]
fn a_signature_made_elsewhere_is_checked() {
    let body = unsigned(claims(Kind::Person, OWNER), HOLDER).unwrap().to_be_signed();
    let signature = key(OWNER).sign(Context::Certificate, &[&body]).unwrap();
    let make = |signature, issuer| {
        unsigned(claims(Kind::Person, OWNER), HOLDER)
            .unwrap()
            .with_signature(signature, &key(issuer).public())
    };
    let made = make(signature, OWNER).unwrap();
    assert_eq!(made, signed(claims(Kind::Person, OWNER), HOLDER, OWNER));
    assert_eq!(make(signature, MAKER), Err(NotAuthentic));
    let for_another = key(OWNER).sign(Context::IssuerState, &[&body]).unwrap();
    assert_eq!(make(for_another, OWNER), Err(NotAuthentic));
}

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

fn state(number: u32, min_epoch: u32, min_permit: u32, revoked: &[u32]) -> IssuerState {
    let revoking = Revoking { day: day(2_500), number, min_epoch, min_permit, revoked };
    IssuerState::sign(&revoking, &key(OWNER)).unwrap()
}

#[test]
fn a_state_is_read_as_it_was_written_and_no_changed_bit_is_taken() {
    let owner = key(OWNER).public();
    let mut flipped = 0;
    let full: Vec<u32> = (1..).step_by(3).take(REVOKED_MAX).collect();
    for revoked in [&[][..], &[7], &full] {
        let state = state(4, 3, 2, revoked);
        let mut buffer = [0; STATE_BYTES_MAX];
        let bytes = state.to_bytes(&mut buffer).to_vec();
        assert_eq!(bytes.len(), 88 + 4 * revoked.len());
        let parsed = IssuerState::parse(&bytes).unwrap();
        assert_eq!(parsed, state);
        assert_eq!(parsed.revoked().collect::<Vec<_>>(), revoked);
        assert_eq!((parsed.day(), parsed.number(), parsed.issuer()), (day(2_500), 4, owner.kid()));
        assert_eq!((parsed.min_epoch(), parsed.min_permit()), (3, 2));
        assert_eq!(
            (parsed.verify(&owner), parsed.verify(&key(1).public()).is_err()),
            (Ok(()), true)
        );
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let taken =
                IssuerState::parse(&changed).is_ok_and(|other| other.verify(&owner).is_ok());
            assert!(!taken, "bit {bit}");
            flipped += 1;
        }
        for length in 0..bytes.len() {
            let short = StateError::Layout(DecodeError::Short);
            assert_eq!(IssuerState::parse(&bytes[..length]), Err(short));
        }
        let longer = IssuerState::parse(&[&bytes[..], &[0]].concat());
        assert_eq!(longer, Err(StateError::Layout(DecodeError::Trailing)));
    }
    println!("issuer states: {flipped} flipped bits, 0 taken");
    assert_eq!(STATE_BYTES_MAX, 216);
}

#[test]
fn lists_that_no_issuer_makes_are_refused() {
    let sign = |revoked: &[u32]| {
        let revoking = Revoking { day: day(0), number: 1, min_epoch: 0, min_permit: 0, revoked };
        IssuerState::sign(&revoking, &key(OWNER)).map(|_| ())
    };
    let many: Vec<u32> = (1..=33).collect();
    for wrong in [&[0][..], &[2, 1], &[1, 1], &many] {
        assert_eq!(sign(wrong), Err(StateError::Claims));
    }
    let unnumbered = Revoking { day: day(0), number: 0, min_epoch: 0, min_permit: 0, revoked: &[] };
    assert_eq!(IssuerState::sign(&unnumbered, &key(OWNER)), Err(StateError::Claims));
    let mut buffer = [0; STATE_BYTES_MAX];
    let bytes = state(1, 0, 0, &[1, 2]).to_bytes(&mut buffer).to_vec();
    let with = |at: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + new.len()].copy_from_slice(new);
        IssuerState::parse(&changed).err()
    };
    assert_eq!(with(0, &[2]), Some(StateError::Version));
    assert_eq!(with(1, &[33]), Some(StateError::Claims));
    assert_eq!(with(2, &[0xff, 0xff]), Some(StateError::Claims));
    assert_eq!(with(4, &[0]), Some(StateError::Claims), "number 0");
    assert_eq!(with(24, &[2]), Some(StateError::Claims), "twice the same");
    assert_eq!(with(24, &[0]), Some(StateError::Claims));
}

/// Whoever holds what a state revokes, or is too old, is refused; others are not.
#[test]
fn what_is_revoked_does_not_hold() {
    let anchors = anchors();
    let (person, owner) = (claims(Kind::Person, OWNER), key(OWNER).public());
    let witness = judge(&signed(Claims { epoch: 9, serial: 99, ..person }, 8, OWNER)).unwrap();
    let revoking = state(1, 4, 0, &[5, 8]);
    let record = IssuerRecord::after(None, &revoking, &owner, Some(&witness)).unwrap();
    let records = [record];
    let trust = Trust::new(&anchors, &[], &records).unwrap();
    let judge = |serial, epoch| {
        let certificate = signed(numbered(person, serial, epoch), HOLDER, OWNER);
        trust.judge(&certificate, TODAY, Stage::Service).err()
    };
    assert_eq!(judge(5, 4), Some(Refusal::Revoked));
    assert_eq!(judge(8, 9), Some(Refusal::Revoked));
    assert_eq!(judge(6, 3), Some(Refusal::Epoch));
    assert_eq!(judge(6, 4), None);
    // A device has no epoch, but a serial.
    let device = claims(Kind::Device, OWNER);
    let judge = |serial| {
        let certificate = signed(numbered(device, serial, 0), HOLDER, OWNER);
        trust.judge(&certificate, TODAY, Stage::Service).err()
    };
    assert_eq!((judge(5), judge(6)), (Some(Refusal::Revoked), None));
    // The maker's certificates with these numbers are others.
    let service = signed(claims(Kind::Service, MAKER), HOLDER, MAKER);
    assert_eq!(trust.judge(&service, TODAY, Stage::Service).err(), None);
}

/// A revoked issuer takes all it issued with it.
#[test]
fn a_revoked_issuer_issues_nothing() {
    let anchors = anchors();
    let may_issue = Kinds::of(&[Kind::Person]);
    let issuers =
        [signed(Claims { serial: 40, may_issue, ..claims(Kind::Issuer, OWNER) }, ISSUER, OWNER)];
    let leaf = signed(claims(Kind::Person, ISSUER), HOLDER, ISSUER);
    let judge = |records: &[IssuerRecord]| {
        let trust = Trust::new(&anchors, &issuers, records).unwrap();
        trust.judge(&leaf, TODAY, Stage::Service).err()
    };
    assert_eq!(judge(&[]), None);
    let owner = key(OWNER).public();
    let record = IssuerRecord::after(None, &state(1, 0, 0, &[40]), &owner, None).unwrap();
    assert_eq!(judge(&[record]), Some(Refusal::Revoked));
}

/// A thief of the issuer's key cannot shut out everyone while nobody of that issuer is there.
#[test]
fn an_epoch_rises_only_before_a_holder_it_leaves_valid() {
    let owner = key(OWNER).public();
    let holder = |serial, epoch, issuer| {
        let issuer_kind = if issuer == OWNER { Kind::Person } else { Kind::Service };
        let claims = Claims { serial, epoch, ..claims(issuer_kind, issuer) };
        judge(&signed(claims, HOLDER, issuer)).unwrap()
    };
    let after = |state: &IssuerState, witness: Option<&Trusted>| {
        IssuerRecord::after(None, state, &owner, witness).unwrap().min_epoch()
    };
    let rising = state(1, 7, 0, &[50]);
    assert_eq!(after(&rising, None), 0);
    assert_eq!(after(&rising, Some(&holder(1, 6, OWNER))), 0, "it would shut the holder out");
    assert_eq!(after(&rising, Some(&holder(50, 7, OWNER))), 0, "it revokes the holder");
    assert_eq!(after(&rising, Some(&holder(1, 7, MAKER))), 0, "of another issuer");
    assert_eq!(after(&rising, Some(&holder(1, 7, OWNER))), 7);
    assert_eq!(after(&rising, Some(&holder(1, 8, OWNER))), 7);
    // The list counts at once, and the epoch follows when a holder comes.
    let unseen = IssuerRecord::after(None, &rising, &owner, None).unwrap();
    assert_eq!(unseen.state().revoked().collect::<Vec<_>>(), [50]);
    let next = state(2, 7, 0, &[50]);
    let seen = IssuerRecord::after(Some(&unseen), &next, &owner, Some(&holder(1, 7, OWNER)));
    assert_eq!(seen.unwrap().min_epoch(), 7);
}

#[test]
fn no_state_takes_anything_back() {
    let owner = key(OWNER).public();
    let live =
        judge(&signed(Claims { epoch: 9, serial: 99, ..claims(Kind::Person, OWNER) }, 8, OWNER));
    let live = live.unwrap();
    let first = state(5, 3, 2, &[1, 2]);
    let stored = IssuerRecord::after(None, &first, &owner, Some(&live)).unwrap();
    let after = |state: &IssuerState, witness: Option<&Trusted>| {
        IssuerRecord::after(Some(&stored), state, &owner, witness).map(|_| ())
    };
    assert_eq!(after(&first, Some(&live)), Err(StateError::Old));
    assert_eq!(after(&state(4, 3, 2, &[1, 2]), Some(&live)), Err(StateError::Old));
    assert_eq!(after(&state(6, 2, 2, &[1, 2]), Some(&live)), Err(StateError::TakesBack));
    assert_eq!(after(&state(6, 3, 1, &[1, 2]), Some(&live)), Err(StateError::TakesBack));
    assert_eq!(after(&state(6, 3, 2, &[1]), Some(&live)), Err(StateError::TakesBack));
    assert_eq!(after(&state(6, 3, 2, &[1, 2]), None), Ok(()));
    assert_eq!(after(&state(6, 3, 2, &[1, 2, 3]), None), Ok(()));
    // A new epoch starts a new list, once it is in force.
    assert_eq!(after(&state(6, 4, 2, &[]), Some(&live)), Ok(()));
    assert_eq!(after(&state(6, 4, 2, &[]), None), Err(StateError::TakesBack));
    let foreign = Revoking { day: day(0), number: 9, min_epoch: 9, min_permit: 9, revoked: &[] };
    let foreign = IssuerState::sign(&foreign, &key(MAKER)).unwrap();
    assert_eq!(after(&foreign, Some(&live)), Err(StateError::NotAuthentic));
    let maker = key(MAKER).public();
    let mixed = IssuerRecord::after(Some(&stored), &foreign, &maker, Some(&live));
    assert_eq!(mixed, Err(StateError::NotAuthentic), "the record is another issuer's");
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

#[test]
fn nothing_personal_is_printed() {
    let certificate = signed(claims(Kind::Person, OWNER), HOLDER, OWNER);
    let printed = format!("{certificate:?} {:?}", judge(&certificate));
    assert!(!printed.contains("115, 117, 98"), "{printed}");
    assert!(!printed.contains("subject"), "{printed}");
}
