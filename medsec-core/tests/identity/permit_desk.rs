//! What a device takes a permit for, and every way in which it does not. Each refusal stands beside what is taken.

use medsec_core::Secret;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE};
use medsec_core::identity::permit::desk::{
    Allowed, Desk, Here, Holder, Lapsed, Permitted, Refused,
};
use medsec_core::identity::permit::{Action, Actions, Binding, PermitError, Terms};
use medsec_core::identity::trust::{Anchor, Origin, Refusal, Today};
use medsec_core::rng::{Random, RandomError};
use medsec_core::time::Ticks;
use medsec_sim::rng::{Behaviour, Noise};

use crate::fixtures::{HOLDER, MAKER, MODEL, OWNER, SCOPE, anchor, claims, day, key, signed};
use crate::permit_fixtures::{
    ABOVE, ASKED, BETWEEN, Bedside, EVERY_ACTION, FIRST, HANDSHAKE, OTHER_OWNER, SECOND, STRANGER,
    anchors, between, body, here, later, on_link, record, service, signers_of, terms, written,
};

/// A device that asks for the action is shown a permit that answers, with changed terms.
fn try_with(
    here: &Here<'_>,
    action: Action,
    signers: &[u8],
    change: impl Fn(&mut Terms),
) -> Result<Permitted, Refused> {
    let mut bedside = Bedside::new();
    let mut terms = terms(action, &bedside.ask(action));
    change(&mut terms);
    bedside.take(&written(&terms, signers), here)
}

/// A good permit for each action gives what it says.
#[test]
fn each_action_is_allowed_by_its_permit() {
    let anchors = anchors(EVERY_ACTION);
    let here = here(&anchors, &[], &[]);
    for action in Action::ALL {
        let permitted = try_with(&here, action, signers_of(action), |_| ()).unwrap();
        assert_eq!((permitted.terms().action, permitted.terms().number), (action, 7));
        let until = later(ASKED, 600_000);
        assert_eq!(permitted.until(), until);
        let expected = match action {
            Action::Service => {
                Allowed::Service { roles: 0b101, link: HANDSHAKE, reason: 0x0102_0304, until }
            }
            Action::Recovery => Allowed::Recovery,
            Action::Downgrade => {
                Allowed::Downgrade { manifest: [0xd6; 32], security_version: 0x0102_0304 }
            }
            Action::ReturnToClaim | _ => Allowed::ReturnToClaim,
        };
        assert_eq!(permitted.exercise(ASKED), Ok(expected));
    }
    // Only service needs somebody who is certified.
    for action in Action::ALL {
        let mut bedside = Bedside::new();
        let terms = terms(action, &bedside.ask(action));
        let taken = bedside.desk.take(&written(&terms, signers_of(action)), &here, None, ASKED);
        let expected = if action == Action::Service { Some(Refused::Holder) } else { None };
        assert_eq!(taken.err(), expected);
    }
}

#[test]
fn no_changed_bit_and_no_other_length_is_taken() {
    let anchors = anchors(EVERY_ACTION);
    let here = Here { delegated: EVERY_ACTION, ..here(&anchors, &[], &[]) };
    let (mut flipped, mut cut, mut by_signature) = (0, 0, 0);
    let mut check = |action, on_a_link: bool, signers: &[u8]| {
        let mut bedside = Bedside::new();
        let challenge = bedside.ask(action);
        let terms = if on_a_link { on_link(&challenge) } else { terms(action, &challenge) };
        let bytes = written(&terms, signers);
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let error = bedside.take(&changed, &here).expect_err("a changed bit");
            by_signature += usize::from(error == Refused::Signature);
            flipped += 1;
        }
        for length in (0..bytes.len()).chain(bytes.len() + 1..bytes.len() + 70) {
            let mut changed = bytes.clone();
            changed.resize(length, 0);
            let error = bedside.take(&changed, &here).expect_err("another length");
            assert!(matches!(error, Refused::Document(PermitError::Layout(_))), "{length}");
            cut += 1;
        }
        // None of that has used the challenge up.
        bedside.take(&bytes, &here).unwrap();
    };
    for action in Action::ALL {
        check(action, false, signers_of(action));
    }
    check(Action::Service, true, &[FIRST]);
    check(Action::Recovery, false, &[FIRST, SECOND]);
    println!("permits: {flipped} flipped bits, {cut} other lengths, 0 taken");
    assert_eq!(flipped, 8 * (3 * 180 + 3 * 244));
    assert!(by_signature > 5_000, "{by_signature}");
}

/// What was used, what a boot ended, and what was asked before.
#[test]
fn no_permit_is_taken_twice() {
    let anchors = anchors(EVERY_ACTION);
    let here = here(&anchors, &[], &[]);
    let check = |action, on_a_link: bool| {
        let mut bedside = Bedside::new();
        let answer = |challenge: &[u8; 32]| {
            let terms = if on_a_link { on_link(challenge) } else { terms(action, challenge) };
            written(&terms, signers_of(action))
        };
        let unused = answer(&bedside.ask(action));
        let used = answer(&bedside.ask(action));
        assert_eq!(bedside.take(&unused, &here), Err(Refused::Run), "of the challenge before");
        bedside.take(&used, &here).unwrap();
        assert_eq!(bedside.take(&used, &here), Err(Refused::NoChallenge));
        assert_eq!(bedside.desk.asked(ASKED), None);
        bedside.ask(action);
        assert_eq!(bedside.take(&used, &here), Err(Refused::Run));
        // Another boot has another challenge, or none.
        let unused = answer(&bedside.ask(action));
        bedside.reboot();
        assert_eq!(bedside.take(&unused, &here), Err(Refused::NoChallenge));
        bedside.ask(action);
        for old in [&unused, &used] {
            assert_eq!(bedside.take(old, &here), Err(Refused::Run));
        }
        let unused = answer(&bedside.ask(action));
        bedside.desk.close();
        assert_eq!(bedside.take(&unused, &here), Err(Refused::NoChallenge));
    };
    for action in Action::ALL {
        check(action, false);
    }
    check(Action::Service, true);
}

/// Every action asked for, and every other in the permit.
#[test]
fn a_permit_is_for_its_device_and_for_what_was_asked() {
    let anchors = anchors(EVERY_ACTION);
    let here = here(&anchors, &[], &[]);
    for action in Action::ALL {
        for other in Action::ALL {
            let mut bedside = Bedside::new();
            let terms = terms(other, &bedside.ask(action));
            assert_eq!(bedside.desk.asked(ASKED), Some(action));
            let taken = bedside.take(&written(&terms, signers_of(other)), &here).map(|_| ());
            assert_eq!(taken, if action == other { Ok(()) } else { Err(Refused::Action) });
        }
        let signers = signers_of(action);
        for byte in 0..16 {
            let taken = try_with(&here, action, signers, |terms| terms.device[byte] ^= 0x10);
            assert_eq!(taken, Err(Refused::Device));
        }
        for byte in 0..32 {
            let taken = try_with(&here, action, signers, |terms| terms.run[byte] ^= 0x10);
            assert_eq!(taken, Err(Refused::Run));
        }
        let elsewhere = Here { device: [3; 16], ..here };
        let taken = try_with(&elsewhere, action, signers, |_| ());
        assert_eq!(taken, Err(Refused::Device));
    }
}

#[test]
fn a_challenge_and_a_permit_end_in_time() {
    let anchors = anchors(EVERY_ACTION);
    let here = here(&anchors, &[], &[]);
    for (action, wait, ttl) in [
        (Action::Service, 3_600_000, 28_800),
        (Action::Recovery, 600_000, 600),
        (Action::Downgrade, 3_600_000, 3_600),
        (Action::ReturnToClaim, 600_000, 600),
    ] {
        let take = |now: Ticks| {
            let mut bedside = Bedside::new();
            let terms = Terms { ttl_seconds: ttl, ..terms(action, &bedside.ask(action)) };
            let bytes = written(&terms, signers_of(action));
            let taken = bedside.take_at(&bytes, &here, now);
            if taken.is_err() {
                // Ticks that go back open nothing.
                assert_eq!(bedside.take(&bytes, &here), Err(Refused::NoChallenge));
            }
            taken
        };
        let last = later(ASKED, wait - 1);
        let permitted = take(last).unwrap();
        let until = later(last, u64::from(ttl) * 1_000);
        assert_eq!(permitted.until(), until);
        for late in [later(ASKED, wait), later(ASKED, wait + 1), Ticks::from_millis(u64::MAX)] {
            assert_eq!(take(late), Err(Refused::Late), "{action:?}");
        }
        assert_eq!(take(Ticks::from_millis(ASKED.as_millis() - 1)), Err(Refused::Late));
        permitted.exercise(Ticks::from_millis(until.as_millis() - 1)).unwrap();
        let exercise = |now| take(last).unwrap().exercise(now);
        exercise(last).unwrap();
        for over in [until, later(until, 1), Ticks::from_millis(u64::MAX), ASKED] {
            assert_eq!(exercise(over), Err(Lapsed), "{action:?}");
        }
        let mut bedside = Bedside::new();
        bedside.ask(action);
        assert_eq!(bedside.desk.asked(last), Some(action));
        assert_eq!(bedside.desk.asked(later(ASKED, wait)), None);
        assert_eq!(bedside.desk.asked(ASKED), None, "closed for good");
    }
}

/// Everybody who could sign, alone and in pairs, for each action, with each set of actions that anchors may sign, and with and
/// without delegation, against a table written by hand.
#[test]
fn only_those_sign_who_may() {
    let everybody = [FIRST, SECOND, OWNER, OTHER_OWNER, BETWEEN, ABOVE, MAKER, STRANGER, HOLDER];
    let mut groups: Vec<Vec<u8>> = everybody.iter().map(|one| vec![*one]).collect();
    for (index, one) in everybody.iter().enumerate() {
        groups.extend(everybody[index + 1..].iter().map(|other| vec![*one, *other]));
    }
    let makers = [FIRST, SECOND, ABOVE];
    let owners = [OWNER, OTHER_OWNER];
    let issuers = [between(ABOVE, &[Kind::Service], |_| ())];
    let mut bedside = Bedside::new();
    let (mut taken, mut refused) = (0, 0);
    for subset in 0..16_usize {
        let listed =
            |(index, action): (usize, &Action)| (subset >> index & 1 == 1).then_some(*action);
        let may: Vec<Action> = Action::ALL.iter().enumerate().filter_map(listed).collect();
        let anchors = anchors(Actions::of(&may));
        for (action, delegates) in Action::ALL.into_iter().flat_map(|it| [(it, false), (it, true)])
        {
            let delegated = if delegates { EVERY_ACTION } else { Actions::NONE };
            let here = Here { delegated, ..here(&anchors, &issuers, &[]) };
            for group in &groups {
                let all = |keys: &[u8]| group.iter().all(|one| keys.contains(one));
                let is_allowed = may.contains(&action)
                    && match (action, group.len()) {
                        (Action::Service, 1) => all(&makers) || all(&[BETWEEN]),
                        (Action::Recovery, 1) => all(&owners),
                        (Action::Recovery, 2) => all(&makers) && delegates,
                        (Action::Downgrade | Action::ReturnToClaim, 2) => all(&makers),
                        _ => false,
                    };
                let terms = terms(action, &bedside.ask(action));
                let result = bedside.take(&written(&terms, group), &here);
                assert_eq!(result.is_ok(), is_allowed, "{action:?} {may:?} {group:?} {result:?}");
                taken += usize::from(is_allowed);
                refused += usize::from(!is_allowed);
            }
        }
    }
    println!("who may sign: {taken} taken, {refused} refused");
    assert_eq!(taken + refused, 16 * 4 * 2 * (9 + 36));
    // Each action is in 8 of the 16 sets: 4 for service, 2 of the owner and 3 pairs if delegated, 3 pairs, 3 pairs.
    assert_eq!(taken, 8 * (2 * 4 + 2 * 2 + 3 + 2 * 3 + 2 * 3));
}

/// Each refusal of a signer, with the one change that causes it.
#[test]
fn each_refusal_of_a_signer_has_its_cause() {
    let plain = anchors(EVERY_ACTION);
    let good = here(&plain, &[], &[]);
    let downgrade = |here: &Here<'_>, signers: &[u8]| {
        try_with(here, Action::Downgrade, signers, |_| ()).map(|_| ())
    };
    let both = [FIRST, SECOND];
    assert_eq!(downgrade(&good, &both), Ok(()));
    assert_eq!(downgrade(&good, &[FIRST, STRANGER]), Err(Refused::Signer));
    assert_eq!(downgrade(&good, &[FIRST, OWNER]), Err(Refused::Quorum));
    assert_eq!(downgrade(&good, &[OWNER, OTHER_OWNER]), Err(Refused::Quorum));
    assert_eq!(downgrade(&good, &[FIRST, MAKER]), Err(Refused::Right), "it signs no permits");
    let short = Err(Refused::Document(PermitError::Signers));
    assert_eq!(downgrade(&good, &[FIRST]), short);
    assert_eq!(downgrade(&good, &[FIRST, FIRST]), short, "the same twice");
    // Recovery: nobody of the maker without the owner's word, and never one alone.
    let recovery = |here: &Here<'_>, signers: &[u8]| {
        try_with(here, Action::Recovery, signers, |_| ()).map(|_| ())
    };
    let only = |action| Here { delegated: Actions::of(&[action]), ..good };
    assert_eq!(recovery(&good, &both), Err(Refused::Quorum));
    assert_eq!(recovery(&only(Action::Downgrade), &both), Err(Refused::Quorum));
    assert_eq!(recovery(&only(Action::Recovery), &both), Ok(()));
    assert_eq!(recovery(&only(Action::Recovery), &[FIRST]), Err(Refused::Quorum));
    assert_eq!(recovery(&good, &[OWNER, OTHER_OWNER]), Err(Refused::Quorum), "one is enough");
    // An anchor that is limited to other devices, or gives fewer roles.
    let limited = |change: fn(&mut Anchor)| {
        let mut anchors = plain.clone();
        for anchor in anchors.iter_mut().filter(|anchor| anchor.key == key(FIRST).public()) {
            change(anchor);
        }
        let here = here(&anchors, &[], &[]);
        try_with(&here, Action::Service, &[FIRST], |_| ()).map(|_| ())
    };
    let standing = |refusal| Err(Refused::Standing(refusal));
    assert_eq!(limited(|_| ()), Ok(()));
    assert_eq!(limited(|anchor| anchor.model = 8), standing(Refusal::Model));
    assert_eq!(limited(|anchor| anchor.model = MODEL), Ok(()));
    assert_eq!(limited(|anchor| anchor.scope = *b"ward 005"), standing(Refusal::Scope));
    assert_eq!(limited(|anchor| anchor.scope = SCOPE), Ok(()));
    assert_eq!(limited(|anchor| anchor.roles = 0b001), standing(Refusal::Roles));
    assert_eq!(limited(|anchor| anchor.roles = 0b101), Ok(()));
    let nowhere = Here { scope: NO_SCOPE, model: 9, ..good };
    try_with(&nowhere, Action::Service, &[FIRST], |_| ()).unwrap();
    // Permits below the least number of any signer.
    for (issuer, least, expected) in [
        (FIRST, 7, Ok(())),
        (FIRST, 8, Err(Refused::Number)),
        (SECOND, 7, Ok(())),
        (SECOND, 8, Err(Refused::Number)),
        (OWNER, 8, Ok(())),
    ] {
        let records = [record(issuer, 0, least, &[])];
        assert_eq!(downgrade(&here(&plain, &[], &records), &both), expected, "{issuer} {least}");
    }
}

/// The key of an issuer between signs for service, as long as it stands.
#[test]
fn an_issuer_between_signs_for_service_while_it_stands() {
    let anchors = anchors(EVERY_ACTION);
    let try_with = |issuer: Certificate, records: &[_], today| {
        let issuers = [issuer];
        let here = Here { today, ..here(&anchors, &issuers, records) };
        try_with(&here, Action::Service, &[BETWEEN], |_| ()).map(|_| ())
    };
    let early = Today { floor: day(0), clock: None };
    let plain = || between(ABOVE, &[Kind::Service], |_| ());
    let standing = |refusal| Err(Refused::Standing(refusal));
    assert_eq!(try_with(plain(), &[], early), Ok(()));
    assert_eq!(try_with(plain(), &[record(ABOVE, 0, 0, &[5])], early), standing(Refusal::Revoked));
    assert_eq!(try_with(plain(), &[record(ABOVE, 0, 0, &[6])], early), Ok(()));
    assert_eq!(try_with(plain(), &[record(BETWEEN, 0, 8, &[])], early), Err(Refused::Number));
    assert_eq!(try_with(plain(), &[record(BETWEEN, 0, 7, &[])], early), Ok(()));
    let late = Today { floor: day(3_001), clock: None };
    assert_eq!(try_with(plain(), &[], late), standing(Refusal::Expired));
    let test = between(ABOVE, &[Kind::Service], |claims| claims.is_test = true);
    assert_eq!(try_with(test, &[], early), standing(Refusal::Stage));
    let devices = between(ABOVE, &[Kind::Device], |_| ());
    assert_eq!(try_with(devices, &[], early), Err(Refused::Right), "not of service");
    let owners = between(OWNER, &[Kind::Person], |_| ());
    assert_eq!(try_with(owners, &[], early), Err(Refused::Right), "an owner's");
    let more = between(OWNER, &[Kind::Service], |_| ());
    assert_eq!(try_with(more, &[], early), standing(Refusal::Roles), "more than its anchor has");
    let silent = between(MAKER, &[Kind::Service], |_| ());
    assert_eq!(try_with(silent, &[], early), Err(Refused::Right), "its anchor signs no permits");
    let forged = signed(
        Claims { may_issue: Kinds::of(&[Kind::Service]), ..claims(Kind::Issuer, ABOVE) },
        BETWEEN,
        STRANGER,
    );
    assert_eq!(try_with(forged, &[], early), standing(Refusal::Signature));
}

/// An epoch that is over takes an issuer between with it.
#[test]
fn an_issuer_of_an_old_epoch_signs_nothing() {
    let issuers = [between(ABOVE, &[Kind::Service], |_| ())];
    for (least, expected) in [(3, Ok(())), (4, Err(Refused::Standing(Refusal::Epoch)))] {
        let mut anchors = anchors(EVERY_ACTION);
        for anchor in anchors.iter_mut().filter(|anchor| anchor.key == key(ABOVE).public()) {
            anchor.min_epoch = least;
        }
        let here = here(&anchors, &issuers, &[]);
        let taken = try_with(&here, Action::Service, &[BETWEEN], |_| ()).map(|_| ());
        assert_eq!(taken, expected);
    }
}

/// Service: the certificate, the link, the roles, and two keys of the maker.
#[test]
fn a_permit_for_service_is_of_one_holder_and_link() {
    let anchors = anchors(EVERY_ACTION);
    let good = here(&anchors, &[], &[]);
    let try_as =
        |certificate: &Certificate, shown: &Certificate, hash, change: &dyn Fn(&mut Terms)| {
            let mut bedside = Bedside::new();
            let mut terms = on_link(&bedside.ask(Action::Service));
            change(&mut terms);
            let bytes = written(&terms, &[FIRST]);
            let peer = bedside.peer(certificate, hash);
            let holder = Holder { peer: &peer, certificate: shown };
            bedside.desk.take(&bytes, &good, Some(holder), ASKED).map(|permitted| {
                assert_eq!(permitted.terms().binding, Binding::Link);
            })
        };
    let named = service();
    assert_eq!(try_as(&named, &named, HANDSHAKE, &|_| ()), Ok(()));
    assert_eq!(try_as(&named, &named, [0x78; 32], &|_| ()), Err(Refused::Run), "another link");
    let claims = claims(Kind::Service, MAKER);
    let other = signed(Claims { serial: 6, ..claims }, HOLDER, MAKER);
    assert_eq!(try_as(&other, &other, HANDSHAKE, &|_| ()), Err(Refused::Holder), "not named");
    assert_eq!(try_as(&other, &named, HANDSHAKE, &|_| ()), Err(Refused::Holder), "not at the link");
    assert_eq!(try_as(&named, &other, HANDSHAKE, &|_| ()), Err(Refused::Holder));
    let names_other = |terms: &mut Terms| terms.digest = other.digest();
    assert_eq!(try_as(&other, &other, HANDSHAKE, &names_other), Ok(()));
    // Nobody but service acts with a permit.
    let device = signed(crate::fixtures::claims(Kind::Device, MAKER), HOLDER, MAKER);
    let names_device = |terms: &mut Terms| terms.digest = device.digest();
    assert_eq!(try_as(&device, &device, HANDSHAKE, &names_device), Err(Refused::Holder));
    let person = signed(crate::fixtures::claims(Kind::Person, OWNER), HOLDER, OWNER);
    let names_person = |terms: &mut Terms| terms.digest = person.digest();
    assert_eq!(try_as(&person, &person, HANDSHAKE, &names_person), Err(Refused::Holder));
    // Roles: the certificate has bits 0 and 2.
    for mask in 1..=0xff {
        let taken = try_as(&named, &named, HANDSHAKE, &|terms| terms.mask = mask);
        let is_his = mask & !0b101 == 0;
        assert_eq!(taken, if is_his { Ok(()) } else { Err(Refused::Roles) }, "{mask:#b}");
    }
    // Without a link there is nobody.
    let mut bedside = Bedside::new();
    let bytes = written(&on_link(&bedside.ask(Action::Service)), &[FIRST]);
    assert_eq!(bedside.desk.take(&bytes, &good, None, ASKED), Err(Refused::Holder));
}

/// What was revoked after the handshake counts; and a key that certifies does not allow as well.
#[test]
fn a_holder_is_judged_again_and_no_key_is_both() {
    let anchors = anchors(EVERY_ACTION);
    let try_at = |records: &[_], today| {
        let here = Here { today, ..here(&anchors, &[], records) };
        try_with(&here, Action::Service, &[FIRST], |_| ()).map(|_| ())
    };
    let early = Today { floor: day(0), clock: None };
    let over = |refusal| Err(Refused::Certificate(refusal));
    assert_eq!(try_at(&[record(MAKER, 0, 0, &[6])], early), Ok(()));
    assert_eq!(try_at(&[record(MAKER, 0, 0, &[5])], early), over(Refusal::Revoked));
    assert_eq!(try_at(&[], Today { floor: day(3_001), clock: None }), over(Refusal::Expired));
    // The anchor that issued the certificate signs permits for service too, but not for that holder.
    let mut doubled = anchors.clone();
    doubled[0] = Anchor { permits: EVERY_ACTION, ..anchor(Origin::Maker, MAKER) };
    let here = here(&doubled, &[], &[]);
    let taken = try_with(&here, Action::Service, &[MAKER], |_| ());
    assert_eq!(taken, Err(Refused::SameKey));
    try_with(&here, Action::Service, &[FIRST], |_| ()).unwrap();
    try_with(&here, Action::Downgrade, &[FIRST, MAKER], |_| ()).unwrap();
}

/// A signature is over all signers, so none can be left out, exchanged or moved to another permit.
#[test]
fn signatures_cannot_be_taken_apart() {
    let anchors = anchors(EVERY_ACTION);
    let here = Here { delegated: EVERY_ACTION, ..here(&anchors, &[], &[]) };
    let mut bedside = Bedside::new();
    let terms = terms(Action::Recovery, &bedside.ask(Action::Recovery));
    let both = written(&terms, &[OWNER, FIRST]);
    let lone = written(&terms, &[OWNER]);
    let two = written(&terms, &[FIRST, SECOND]);
    assert_eq!(bedside.take(&both, &here), Err(Refused::Quorum));
    for at in [116, 180] {
        let left = [&body(&terms, &[OWNER])[..], &both[at..at + 64]].concat();
        assert_eq!(bedside.take(&left, &here), Err(Refused::Signature));
    }
    let exchanged = [&two[..116], &two[180..], &two[116..180]].concat();
    assert_eq!(bedside.take(&exchanged, &here), Err(Refused::Signature));
    let doubled = [&two[..116], &two[116..180], &two[116..180]].concat();
    assert_eq!(bedside.take(&doubled, &here), Err(Refused::Signature));
    let second = Terms { number: 8, ..terms };
    let mixed = [&two[..180], &written(&second, &[FIRST, SECOND])[180..]].concat();
    assert_eq!(bedside.take(&mixed, &here), Err(Refused::Signature));
    bedside.take(&lone, &here).unwrap();
}

#[test]
fn without_fresh_noise_nothing_is_asked() {
    let mut stuck = Random::new(Noise::<1000>::new(Behaviour::Stuck(true), 1));
    stuck.start(Secret::new([1; 32]), b"").unwrap_or_default();
    let mut bedside = Bedside::new();
    bedside.ask(Action::Recovery);
    let asked = bedside.desk.ask(Action::Recovery, &mut stuck, ASKED);
    assert!(matches!(asked, Err(RandomError::Fault(_))));
    assert_eq!(bedside.desk.asked(ASKED), None, "what was open before is closed");
    assert!(size_of::<Desk>() <= 64);
    assert_eq!(format!("{:?}", bedside.desk), "Desk");
}

#[test]
fn refusals_say_why() {
    let refusals = [
        Refused::Document(PermitError::Version),
        Refused::NoChallenge,
        Refused::Late,
        Refused::Action,
        Refused::Device,
        Refused::Run,
        Refused::Holder,
        Refused::Certificate(Refusal::Revoked),
        Refused::Roles,
        Refused::Signer,
        Refused::Signature,
        Refused::Standing(Refusal::Expired),
        Refused::Right,
        Refused::SameKey,
        Refused::Number,
        Refused::Quorum,
    ];
    let mut texts = refusals.map(|refused| refused.to_string()).to_vec();
    texts.push(Lapsed.to_string());
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), 17);
}
