//! The knowledge factor.

use core::cell::Cell;

use medsec_auth::factor::password::{
    Block, EnrollError, Knowledge, KnowledgeError, LengthClass, M_KIB_MAX, M_KIB_MIN, PASSES_MAX,
    PASSES_MIN, Passwords, Rules, SECRET_BYTES_MAX, Stretch, VerifyError, Words,
};
use medsec_auth::hal::{
    HeldPepper, Pepper, PepperFault, PepperStrength, ReadLocked, SameFlash, SecureElement,
    Stretched,
};
use medsec_core::Secret;
use medsec_core::rng::Random;
use medsec_sim::rng::{Behaviour, Noise};

use super::fixtures::{DEVICE, NURSE, ZERO, flipped, is_accepted, one_bit, random};

type Locked = HeldPepper<ReadLocked>;

const PASSPHRASE: &[u8] = b"correct horse battery staple";
const LIST: Words<'static> = Words(&[b"passwordpassword", b"letmein-letmein-letmein"]);
/// The cheapest stretch, where a test makes many.
const CHEAP: Stretch = Stretch::new(M_KIB_MIN, PASSES_MIN).unwrap();

fn memory(blocks: u16) -> Vec<Block> {
    vec![Block::new(); usize::from(blocks)]
}

fn locked() -> Locked {
    HeldPepper::from_read_locked(Secret::new([0x77; 32]))
}

fn passwords(memory: &mut [Block], stretch: Stretch) -> Passwords<'_, Locked> {
    Passwords { device: DEVICE, stretch, pepper: locked(), memory }
}

fn enrolled(passwords: &mut Passwords<'_, Locked>, secret: &[u8]) -> Knowledge {
    passwords.enroll(secret, &NURSE, &Rules::pin(), &LIST, &mut random(1)).unwrap()
}

fn opens(passwords: &mut Passwords<'_, Locked>, record: &Knowledge, secret: &[u8]) -> bool {
    let verdict = passwords.verify(Some(record), secret, &NURSE, &ZERO).unwrap();
    verdict.accept().is_ok_and(|accepted| is_accepted(&accepted))
}

#[test]
fn the_right_secret_is_accepted_and_no_other() {
    let mut memory = memory(32);
    let mut passwords = passwords(&mut memory, Stretch::DEFAULT);
    let record = enrolled(&mut passwords, PASSPHRASE);
    assert!(opens(&mut passwords, &record, PASSPHRASE));
    for wrong in [
        &b""[..],
        b"correct horse battery stapl",
        b"correct horse battery staple ",
        b"Correct horse battery staple",
    ] {
        assert!(!opens(&mut passwords, &record, wrong), "{wrong:?}");
    }
    for bit in 0..8 * PASSPHRASE.len() {
        let near = flipped::<28>(PASSPHRASE.try_into().unwrap(), bit);
        assert!(!opens(&mut passwords, &record, &near), "bit {bit}");
    }
}

#[test]
fn two_people_with_one_secret_have_two_records() {
    let mut memory = memory(16);
    let mut passwords = passwords(&mut memory, CHEAP);
    let mut random = random(2);
    let rules = Rules::only_factor();
    let mut make = |random: &mut Random<Noise>| {
        passwords.enroll(PASSPHRASE, &NURSE, &rules, &LIST, random).unwrap().encode()
    };
    let (one, other) = (make(&mut random), make(&mut random));
    assert_eq!(one.expose()[..8], other.expose()[..8]);
    assert_ne!(one.expose()[8..24], other.expose()[8..24], "salt");
    assert_ne!(one.expose()[24..], other.expose()[24..], "verifier");
}

#[test]
fn a_record_is_of_one_principal_device_and_pepper() {
    let mut memory = memory(16);
    let record = enrolled(&mut passwords(&mut memory, CHEAP), PASSPHRASE);
    let mut here = passwords(&mut memory, CHEAP);
    let other = here.verify(Some(&record), PASSPHRASE, b"nurse-08", &ZERO).unwrap();
    other.accept().unwrap_err();
    here.device[15] ^= 1;
    assert!(!opens(&mut here, &record, PASSPHRASE));
    here.device[15] ^= 1;
    here.pepper = HeldPepper::from_read_locked(Secret::new([0x78; 32]));
    assert!(!opens(&mut here, &record, PASSPHRASE));
    here.pepper = locked();
    assert!(opens(&mut here, &record, PASSPHRASE));
}

#[test]
fn an_attempt_that_is_not_on_the_flash_refuses_the_right_secret() {
    let mut memory = memory(16);
    let mut passwords = passwords(&mut memory, CHEAP);
    let record = enrolled(&mut passwords, PASSPHRASE);
    let mut refused = 0;
    for bit in 0..256 {
        let verdict = passwords.verify(Some(&record), PASSPHRASE, &NURSE, &one_bit(bit)).unwrap();
        verdict.accept().unwrap_err();
        refused += 1;
    }
    println!("password: {refused} blinds of one bit refuse the right secret");
    assert_eq!(refused, 256);
    assert!(opens(&mut passwords, &record, PASSPHRASE));
}

#[test]
fn each_bit_of_a_record_counts() {
    let mut memory = memory(M_KIB_MAX);
    let mut passwords = passwords(&mut memory, CHEAP);
    let record = enrolled(&mut passwords, PASSPHRASE);
    let bytes = record.encode();
    let (mut unread, mut refused) = (0, 0);
    for bit in 0..8 * bytes.expose().len() {
        match Knowledge::parse(&flipped(bytes.expose(), bit)) {
            Ok(changed) => {
                assert!(!opens(&mut passwords, &changed, PASSPHRASE), "bit {bit}");
                refused += 1;
            }
            Err(_) => unread += 1,
        }
    }
    println!(
        "password: of 448 bits of a record, {unread} are no record and {refused} refuse the secret"
    );
    assert_eq!(unread + refused, 448);
    assert!(refused >= 384);
    let again = Knowledge::parse(bytes.expose()).unwrap();
    assert_eq!(again.encode().expose(), bytes.expose());
    assert!(opens(&mut passwords, &again, PASSPHRASE));
}

#[test]
fn a_record_of_another_layout_is_none() {
    let mut memory = memory(16);
    let record = enrolled(&mut passwords(&mut memory, CHEAP), PASSPHRASE).encode();
    let bytes = record.expose();
    let changed = |at: usize, value: u8| {
        let mut bytes = *bytes;
        bytes[at] = value;
        Knowledge::parse(&bytes).map(|_| ())
    };
    assert_eq!(changed(0, 2), Err(KnowledgeError::Version));
    assert_eq!(changed(1, 0), Err(KnowledgeError::Algorithm));
    assert_eq!(changed(2, 15), Err(KnowledgeError::Stretch));
    assert_eq!(changed(3, 2), Err(KnowledgeError::Stretch));
    assert_eq!(changed(4, 2), Err(KnowledgeError::Stretch));
    assert_eq!(changed(4, 65), Err(KnowledgeError::Stretch));
    assert_eq!(changed(6, 0), Err(KnowledgeError::Class));
    assert_eq!(changed(6, 4), Err(KnowledgeError::Class));
    assert_eq!(changed(7, 2), Err(KnowledgeError::Flags));
    for length in 0..bytes.len() {
        Knowledge::parse(&bytes[..length]).map(|_| ()).unwrap_err();
    }
    let longer = [&bytes[..], &[0]].concat();
    assert_eq!(Knowledge::parse(&longer).map(|_| ()), Err(KnowledgeError::Length));
    Knowledge::parse(&[0xFF; 56]).map(|_| ()).unwrap_err();
    Knowledge::parse(&[0; 56]).map(|_| ()).unwrap_err();
}

#[test]
fn work_is_bounded_from_below_and_above() {
    for (m_kib, passes) in [(M_KIB_MIN, PASSES_MIN), (M_KIB_MAX, PASSES_MAX), (32, 8)] {
        let stretch = Stretch::new(m_kib, passes).unwrap();
        assert_eq!((stretch.m_kib(), stretch.passes()), (m_kib, passes));
    }
    for (m_kib, passes) in [
        (M_KIB_MIN - 1, 8),
        (M_KIB_MAX + 1, 8),
        (32, PASSES_MIN - 1),
        (32, PASSES_MAX + 1),
        (0, 0),
        (u16::MAX, u16::MAX),
    ] {
        assert_eq!(Stretch::new(m_kib, passes), None);
    }
}

#[test]
fn lengths_are_those_of_the_rules() {
    let mut memory = memory(16);
    let mut passwords = passwords(&mut memory, CHEAP);
    let mut random = random(3);
    let long = "x9".repeat(SECRET_BYTES_MAX);
    let mut try_it = |rules: &Rules<Locked>, secret: &[u8]| {
        passwords.enroll(secret, &NURSE, rules, &LIST, &mut random).map(|record| record.class())
    };
    for (rules, class, least) in [
        (Rules::only_factor(), LengthClass::OnlyFactor, 15),
        (Rules::beside_another(), LengthClass::BesideAnother, 8),
        (Rules::pin(), LengthClass::Pin, 6),
    ] {
        assert_eq!(class.characters_min(), least);
        assert_eq!(try_it(&rules, &long.as_bytes()[..least - 1]), Err(EnrollError::TooShort));
        assert_eq!(try_it(&rules, &long.as_bytes()[..least]), Ok(class));
        assert_eq!(try_it(&rules, &long.as_bytes()[..SECRET_BYTES_MAX]), Ok(class));
        assert_eq!(
            try_it(&rules, &long.as_bytes()[..=SECRET_BYTES_MAX]),
            Err(EnrollError::TooLong)
        );
        // Characters count, not bytes: 64 of four bytes are taken, and 7 of two bytes are not eight.
        assert_eq!(try_it(&rules, "\u{1F600}\u{1F601}".repeat(32).as_bytes()), Ok(class));
        let short = "é".repeat(least - 2) + "a";
        assert_eq!(try_it(&rules, short.as_bytes()), Err(EnrollError::TooShort));
    }
    // Any character will do: there are no rules of composition.
    for secret in [&b"               "[..], b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        assert_eq!(
            try_it(&Rules::only_factor(), secret),
            Err(EnrollError::Listed),
            "one character"
        );
    }
    assert_eq!(try_it(&Rules::only_factor(), b"all lower case "), Ok(LengthClass::OnlyFactor));
}

#[test]
fn a_secret_that_is_tried_first_is_refused() {
    let mut memory = memory(16);
    let mut passwords = passwords(&mut memory, CHEAP);
    let mut random = random(4);
    let mut try_it =
        |secret: &[u8]| passwords.enroll(secret, &NURSE, &Rules::pin(), &LIST, &mut random).err();
    for listed in [
        &b"passwordpassword"[..],
        b"PassWordPassWord",
        b"000000",
        b"999999",
        b"123456",
        b"654321",
        b"abcdefgh",
    ] {
        assert_eq!(try_it(listed), Some(EnrollError::Listed), "{listed:?}");
    }
    for other in [&b"passwordpassword1"[..], b"123457", b"482915", b"000001", b"112233"] {
        assert_eq!(try_it(other), None, "{other:?}");
    }
}

#[test]
fn a_secret_to_be_changed_says_so() {
    let mut memory = memory(16);
    let mut passwords = passwords(&mut memory, CHEAP);
    let rules = Rules::only_factor().to_be_changed();
    let record = passwords.enroll(PASSPHRASE, &NURSE, &rules, &LIST, &mut random(5)).unwrap();
    assert!(record.must_change());
    assert!(opens(&mut passwords, &record, PASSPHRASE));
    assert!(!enrolled(&mut passwords, PASSPHRASE).must_change());
}

#[test]
fn the_memory_is_wiped_and_too_little_of_it_is_no_verdict() {
    let is_wiped = |memory: &[Block]| memory.iter().all(|block| block.as_ref() == [0; 128]);
    let mut memory = vec![Block::default(); 33];
    memory[32].as_mut()[5] = 7;
    let record = enrolled(&mut passwords(&mut memory, Stretch::DEFAULT), PASSPHRASE);
    assert!(is_wiped(&memory));
    memory[3].as_mut()[0] = 1;
    assert!(opens(&mut passwords(&mut memory, Stretch::DEFAULT), &record, PASSPHRASE));
    assert!(is_wiped(&memory));
    memory[3].as_mut()[0] = 1;
    let mut small = passwords(&mut memory[..31], Stretch::DEFAULT);
    let verdict = small.verify(Some(&record), PASSPHRASE, &NURSE, &ZERO);
    assert_eq!(verdict.map(|_| ()), Err(VerifyError::Memory));
    let made = small.enroll(PASSPHRASE, &NURSE, &Rules::only_factor(), &LIST, &mut random(6));
    assert_eq!(made.map(|_| ()), Err(EnrollError::Memory));
    assert!(is_wiped(&memory));
}

/// A pepper that counts what it is asked, and fails when told.
struct Counting {
    asked: Cell<u32>,
    fails: bool,
}

impl Pepper for Counting {
    type Kept = SecureElement;

    fn prf(&mut self, input: &Stretched<'_>) -> Result<Secret<32>, PepperFault> {
        self.asked.set(self.asked.get() + 1);
        if self.fails { Err(PepperFault) } else { locked().prf(input) }
    }
}

#[test]
fn an_unknown_principal_costs_the_same_and_is_refused() {
    let mut memory = memory(32);
    let pepper = Counting { asked: Cell::new(0), fails: false };
    let mut passwords =
        Passwords { device: DEVICE, stretch: Stretch::DEFAULT, pepper, memory: &mut memory };
    let record =
        passwords.enroll(PASSPHRASE, &NURSE, &Rules::pin(), &LIST, &mut random(7)).unwrap();
    assert_eq!(passwords.pepper.asked.take(), 1);
    passwords.verify(Some(&record), b"wrong", &NURSE, &ZERO).unwrap().accept().unwrap_err();
    let known = passwords.pepper.asked.take();
    for secret in [&b""[..], b"wrong", PASSPHRASE] {
        passwords.verify(None, secret, &NURSE, &ZERO).unwrap().accept().unwrap_err();
        assert_eq!(passwords.pepper.asked.take(), known, "stretched and peppered alike");
        // The blind of nobody is all ones; no blind of a caller takes it off.
        passwords.verify(None, secret, &NURSE, &[0xFF; 32]).unwrap().accept().unwrap_err();
        passwords.pepper.asked.set(0);
    }
    let long = [b'x'; SECRET_BYTES_MAX + 1];
    passwords.verify(Some(&record), &long, &NURSE, &ZERO).unwrap().accept().unwrap_err();
    passwords.verify(None, &long, &NURSE, &ZERO).unwrap().accept().unwrap_err();
    assert_eq!(passwords.pepper.asked.get(), 0, "the same for both: nothing");
}

#[test]
fn faults_of_the_device_are_no_verdict() {
    let mut memory = memory(16);
    let record = enrolled(&mut passwords(&mut memory, CHEAP), PASSPHRASE);
    let pepper = Counting { asked: Cell::new(0), fails: true };
    let mut failing = Passwords { device: DEVICE, stretch: CHEAP, pepper, memory: &mut memory };
    let verdict = failing.verify(Some(&record), PASSPHRASE, &NURSE, &ZERO);
    assert_eq!(verdict.map(|_| ()), Err(VerifyError::Pepper(PepperFault)));
    let made = failing.enroll(PASSPHRASE, &NURSE, &Rules::pin(), &LIST, &mut random(8));
    assert_eq!(made.map(|_| ()), Err(EnrollError::Pepper(PepperFault)));
    let mut dead = Random::<Noise>::new(Noise::new(Behaviour::Stuck(true), 1));
    let _fault = dead.start(Secret::new([1; 32]), b"").unwrap_err();
    let made = passwords(&mut memory, CHEAP).enroll(
        PASSPHRASE,
        &NURSE,
        &Rules::only_factor(),
        &LIST,
        &mut dead,
    );
    assert!(matches!(made, Err(EnrollError::Random(_))));
}

#[test]
fn a_pepper_says_how_it_is_kept() {
    assert_eq!(<HeldPepper<SameFlash> as Pepper>::STRENGTH, PepperStrength::SameFlash);
    assert_eq!(<Locked as Pepper>::STRENGTH, PepperStrength::ReadLocked);
    assert_eq!(<&mut Counting as Pepper>::STRENGTH, PepperStrength::SecureElement);
    // A long secret is enrolled under any of them.
    let mut memory = memory(16);
    let mut pepper = HeldPepper::from_same_flash(Secret::new([0x77; 32]));
    let mut passwords =
        Passwords { device: DEVICE, stretch: CHEAP, pepper: &mut pepper, memory: &mut memory };
    let record =
        passwords.enroll(PASSPHRASE, &NURSE, &Rules::only_factor(), &LIST, &mut random(9)).unwrap();
    let verdict = passwords.verify(Some(&record), PASSPHRASE, &NURSE, &ZERO).unwrap();
    assert!(is_accepted(&verdict.accept().unwrap()));
}
