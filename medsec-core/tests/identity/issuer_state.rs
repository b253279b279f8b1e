//! What an issuer has revoked, and what a device keeps of it.

use medsec_core::codec::DecodeError;
use medsec_core::identity::certificate::{Claims, Kind, Kinds};
use medsec_core::identity::issuer_state::{
    IssuerRecord, IssuerState, REVOKED_MAX, Revoking, STATE_BYTES_MAX, StateError,
};
use medsec_core::identity::trust::{Refusal, Stage, Trust, Trusted};

use crate::fixtures::{
    HOLDER, ISSUER, MAKER, OWNER, TODAY, anchors, claims, day, judge, key, numbered, signed,
};

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
