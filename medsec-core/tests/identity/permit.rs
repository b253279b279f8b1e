//! Bytes of a permit: one encoding, the terms that an action can have, and the signatures that it wants.

use core::fmt::Write as _;

use medsec_core::codec::DecodeError;
use medsec_core::identity::permit::rule::{Carries, Quorum, Rule};
use medsec_core::identity::permit::{
    Action, Actions, BODY_BYTES, Binding, PERMIT_BYTES_MAX, Permit, PermitError, Terms, Unsigned,
};
use medsec_core::identity::trust::Origin;
use medsec_core::key::{Context, PublicKey};

use crate::fixtures::{OWNER, key};
use crate::permit_fixtures::{FIRST, SECOND, STRANGER, body, on_link, signers_of, terms, written};

const CHALLENGE: [u8; 32] = *b"challenge of this boot, 32 bytes";

/// A permit of each kind, with its signers.
fn all() -> Vec<(Terms, &'static [u8])> {
    let of = |action| (terms(action, &CHALLENGE), signers_of(action));
    let mut all: Vec<_> = Action::ALL.into_iter().map(of).collect();
    all.push((on_link(&CHALLENGE), &[FIRST]));
    all.push((terms(Action::Recovery, &CHALLENGE), &[FIRST, SECOND]));
    all
}

fn publics(signers: &[u8]) -> Vec<PublicKey> {
    signers.iter().map(|byte| key(*byte).public()).collect()
}

fn made(terms: &Terms, signers: &[u8]) -> Result<Vec<u8>, PermitError> {
    let mut unsigned = Unsigned::new(*terms, &publics(signers))?;
    for byte in signers {
        unsigned.sign(&key(*byte))?;
    }
    Ok(unsigned.finish()?.to_bytes(&mut [0; PERMIT_BYTES_MAX]).to_vec())
}

#[test]
fn the_bytes_are_those_of_version_1() {
    let mut now = String::new();
    for (terms, signers) in all() {
        let bytes = made(&terms, signers).unwrap();
        let hex = bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        });
        let (action, binding) = (terms.action.code(), terms.binding.code());
        writeln!(now, "{action} {binding} {} {hex}", signers.len()).unwrap();
    }
    let golden = include_str!("../golden/permit_v1.txt");
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(golden, now.lines().collect::<Vec<_>>(), "\n{now}");
}

#[test]
fn a_permit_is_read_as_it_was_written() {
    for (terms, signers) in all() {
        let bytes = made(&terms, signers).unwrap();
        assert_eq!(bytes, written(&terms, signers), "by hand");
        assert_eq!(bytes.len(), BODY_BYTES + 64 * signers.len());
        let parsed = Permit::parse(&bytes).unwrap();
        let mut buffer = [0; PERMIT_BYTES_MAX];
        assert_eq!((*parsed.terms(), parsed.to_bytes(&mut buffer)), (terms, &bytes[..]));
        let mut kids: Vec<_> = publics(signers).iter().map(PublicKey::kid).collect();
        kids.sort_unstable();
        assert_eq!(parsed.signers().copied().collect::<Vec<_>>(), kids);
    }
}

#[test]
fn no_other_length_parses() {
    let mut lengths = 0;
    for (terms, signers) in all() {
        let bytes = written(&terms, signers);
        for length in 0..bytes.len() {
            let short = Permit::parse(&bytes[..length]);
            assert_eq!(short, Err(PermitError::Layout(DecodeError::Short)), "{length}");
            lengths += 1;
        }
        for more in 1..=128 {
            let longer = [&bytes[..], &vec![0; more]].concat();
            let trailing = PermitError::Layout(DecodeError::Trailing);
            assert_eq!(Permit::parse(&longer), Err(trailing), "{more}");
            lengths += 1;
        }
    }
    println!("permits: {lengths} other lengths, 0 parsed");
    assert_eq!(lengths, 3 * 180 + 3 * 244 + 6 * 128);
}

/// The rules, by hand.
#[test]
fn the_rules_are_those_of_the_format() {
    let quorum = |origin, signatures, is_delegated| Quorum { origin, signatures, is_delegated };
    let table = [
        (
            Action::Service,
            vec![quorum(Origin::Maker, 1, false)],
            (true, 3_600, 28_800, Carries::Access),
        ),
        (
            Action::Recovery,
            vec![quorum(Origin::Owner, 1, false), quorum(Origin::Maker, 2, true)],
            (false, 600, 600, Carries::Nothing),
        ),
        (
            Action::Downgrade,
            vec![quorum(Origin::Maker, 2, false)],
            (false, 3_600, 3_600, Carries::Image),
        ),
        (
            Action::ReturnToClaim,
            vec![quorum(Origin::Maker, 2, false)],
            (false, 600, 600, Carries::Nothing),
        ),
    ];
    assert_eq!(table.len(), Action::ALL.len());
    for (action, quorums, (takes_issuers, challenge_seconds, ttl_seconds_max, carries)) in table {
        let real = Rule::of(action);
        assert_eq!(real.quorums, quorums, "{action:?}");
        assert_eq!(
            (real.takes_issuers, real.challenge_seconds, real.ttl_seconds_max, real.carries),
            (takes_issuers, challenge_seconds, ttl_seconds_max, carries),
            "{action:?}"
        );
    }
}

/// Each field, with a value that no permit for the action has, and with its edges.
#[test]
fn terms_that_an_action_cannot_have_are_refused() {
    let mut tried = 0;
    let mut check = |action, is_sound: bool, change: &dyn Fn(&mut Terms)| {
        let mut terms = terms(action, &CHALLENGE);
        change(&mut terms);
        let expected = if is_sound { Ok(()) } else { Err(PermitError::Terms) };
        let signers = signers_of(action);
        assert_eq!(Unsigned::new(terms, &publics(signers)).map(|_| ()), expected, "{terms:?}");
        assert_eq!(Permit::parse(&written(&terms, signers)).map(|_| ()), expected, "{terms:?}");
        tried += 1;
    };
    for action in Action::ALL {
        let is_service = action == Action::Service;
        let has_digest = is_service || action == Action::Downgrade;
        check(action, false, &|terms| terms.number = 0);
        check(action, true, &|terms| terms.number = u32::MAX);
        check(action, false, &|terms| terms.ttl_seconds = 0);
        let longest = match action {
            Action::Service => 28_800,
            Action::Downgrade => 3_600,
            Action::Recovery | Action::ReturnToClaim | _ => 600,
        };
        check(action, true, &|terms| terms.ttl_seconds = 1);
        check(action, true, &|terms| terms.ttl_seconds = longest);
        check(action, false, &|terms| terms.ttl_seconds = longest + 1);
        check(action, false, &|terms| terms.ttl_seconds = u16::MAX);
        check(action, !has_digest, &|terms| terms.digest = [0; 32]);
        check(action, has_digest, &|terms| terms.digest[31] ^= 1);
        check(action, is_service, &|terms| terms.mask = 0xff);
        check(action, !is_service, &|terms| terms.mask = 0);
        check(action, false, &|terms| terms.mask = 0x101);
        check(action, false, &|terms| terms.mask = 0x8000_0000);
        check(action, has_digest, &|terms| terms.value = 9);
        check(action, true, &|terms| terms.value = 0);
        check(action, is_service, &|terms| terms.binding = Binding::Link);
    }
    assert_eq!(tried, 4 * 16);
}

#[test]
fn what_is_unknown_or_reserved_is_refused() {
    let bytes = written(&terms(Action::Service, &CHALLENGE), &[FIRST]);
    let with = |at: usize, new: &[u8]| {
        let mut changed = bytes.clone();
        changed[at..at + new.len()].copy_from_slice(new);
        Permit::parse(&changed).err()
    };
    let reserved = Some(PermitError::Layout(DecodeError::Reserved));
    for version in (0..=255).filter(|version| *version != 1) {
        assert_eq!(with(0, &[version]), Some(PermitError::Version));
    }
    for action in (0..=255).filter(|action| !(1..=4).contains(action)) {
        assert_eq!(with(1, &[action]), Some(PermitError::Unknown));
    }
    for binding in (0..=255).filter(|binding| !(1..=2).contains(binding)) {
        assert_eq!(with(2, &[binding]), Some(PermitError::Unknown));
    }
    for count in (0..=255).filter(|count| *count != 1) {
        assert_eq!(with(3, &[count]), Some(PermitError::Signers));
    }
    for at in [98, 99] {
        assert_eq!(with(at, &[1]), reserved);
    }
    assert_eq!(with(115, &[1]), Some(PermitError::Signers), "a second signer without a signature");
    assert_eq!(Actions::of(&[Action::Downgrade]), Actions::of(&[Action::Downgrade; 3]));
    assert!(Action::ALL.into_iter().all(|action| !Actions::NONE.has(action)));
}

/// Two signers have one order, so that a permit has one encoding; nobody counts twice.
#[test]
fn signers_are_in_order_and_differ() {
    let terms = terms(Action::Downgrade, &CHALLENGE);
    let mut ordered = [FIRST, SECOND];
    ordered.sort_by_key(|byte| key(*byte).public().kid());
    let signed = |signers: &[u8]| {
        let body = body(&terms, signers);
        let sign = |byte: &u8| key(*byte).sign(Context::Permit, &[&body]).unwrap();
        [&body[..], &signers.iter().flat_map(sign).collect::<Vec<_>>()].concat()
    };
    let parse = |signers: &[u8]| Permit::parse(&signed(signers)).map(|_| ());
    assert_eq!(parse(&ordered), Ok(()));
    assert_eq!(parse(&[ordered[1], ordered[0]]), Err(PermitError::Signers));
    for byte in ordered {
        assert_eq!(parse(&[byte, byte]), Err(PermitError::Signers));
        assert_eq!(parse(&[byte]), Err(PermitError::Signers));
        assert_eq!(made(&terms, &[byte, byte]), Err(PermitError::Signers));
        assert_eq!(made(&terms, &[byte]), Err(PermitError::Signers));
    }
    assert_eq!(made(&terms, &[]), Err(PermitError::Signers));
    assert_eq!(made(&terms, &[FIRST, SECOND, STRANGER]), Err(PermitError::Signers));
    assert_eq!(made(&terms, &[FIRST, SECOND]), made(&terms, &[SECOND, FIRST]));
    let service = super::permit_fixtures::terms(Action::Service, &CHALLENGE);
    assert_eq!(made(&service, &[FIRST, SECOND]), Err(PermitError::Signers), "one too many");
}

#[test]
fn signatures_come_from_whom_the_permit_names() {
    let terms = terms(Action::Downgrade, &CHALLENGE);
    let mut unsigned = Unsigned::new(terms, &publics(&[FIRST, SECOND])).unwrap();
    let signature =
        |byte: u8| key(byte).sign(Context::Permit, &[&unsigned.to_be_signed()]).unwrap();
    let [first, second, stranger] = [FIRST, SECOND, STRANGER].map(signature);
    let other = key(FIRST).sign(Context::Certificate, &[&unsigned.to_be_signed()]).unwrap();
    let [one, two, three] = [FIRST, SECOND, STRANGER].map(|byte| key(byte).public());
    assert_eq!(unsigned.add_signature(stranger, &three), Err(PermitError::Signers));
    assert_eq!(unsigned.add_signature(second, &one), Err(PermitError::Unsigned));
    assert_eq!(unsigned.add_signature(other, &one), Err(PermitError::Unsigned));
    assert_eq!(unsigned.sign(&key(STRANGER)), Err(PermitError::Signers));
    assert_eq!(unsigned.clone().finish(), Err(PermitError::Unsigned));
    assert_eq!(unsigned.add_signature(first, &one), Ok(()));
    assert_eq!(unsigned.clone().finish(), Err(PermitError::Unsigned), "one is missing");
    assert_eq!(unsigned.add_signature(second, &two), Ok(()));
    let permit = unsigned.finish().unwrap();
    assert_eq!(permit.to_bytes(&mut [0; PERMIT_BYTES_MAX]), written(&terms, &[FIRST, SECOND]));
    let lone = Unsigned::new(
        super::permit_fixtures::terms(Action::Recovery, &CHALLENGE),
        &publics(&[OWNER]),
    );
    assert_eq!(lone.unwrap().finish(), Err(PermitError::Unsigned));
}

#[test]
fn errors_say_what_is_wrong() {
    let texts = [
        PermitError::Layout(DecodeError::Short),
        PermitError::Version,
        PermitError::Unknown,
        PermitError::Terms,
        PermitError::Signers,
        PermitError::Unsigned,
    ]
    .map(|error| error.to_string());
    let mut different = texts.to_vec();
    different.dedup();
    assert_eq!(different.len(), texts.len());
    assert_eq!(texts[0], "input ended inside a field");
}
