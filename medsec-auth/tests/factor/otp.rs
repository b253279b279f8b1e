//! One-time passwords.

use hmac::{Hmac, KeyInit, Mac};
use medsec_auth::factor::otp::{
    Code, Digits, Hash, ImportError, MatchError, Matched, Moving, Otp, OtpError, RESYNC_STEPS,
    Settings,
};
use medsec_core::time::{TimeSource, WallTime};
use sha1::Sha1;

use super::fixtures::{ZERO, at, flipped, is_accepted, one_bit, random};

pub(super) const KEY: &[u8; 20] = b"12345678901234567890";

/// RFC 4226 as its text has it: the value of a step, and its last six digits.
pub(super) fn naive(key: &[u8], step: u32) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
    mac.update(&u64::from(step).to_be_bytes());
    let tag = mac.finalize().into_bytes();
    let offset = usize::from(tag[19] & 0xF);
    let four: [u8; 4] = tag[offset..offset + 4].try_into().unwrap();
    (u32::from_be_bytes(four) & 0x7FFF_FFFF) % 1_000_000
}

pub(super) fn code(value: u32) -> Code {
    Code::parse(format!("{value:06}").as_bytes()).unwrap()
}

fn code_of(step: u32) -> Code {
    code(naive(KEY, step))
}

fn hotp() -> Otp {
    Otp::import(Settings::HOTP, KEY).unwrap()
}

fn totp() -> Otp {
    Otp::import(Settings::TOTP, KEY).unwrap()
}

/// The middle of a step.
fn during(step: u32) -> WallTime {
    at(u64::from(step) * 30 + 15)
}

/// The step that was accepted.
fn taken(matched: Result<Matched, MatchError>) -> Option<u32> {
    let step = matched.unwrap().accept().ok()?;
    let mut written = None;
    let accepted = step.record(|number| {
        written = Some(number);
        Ok::<(), ()>(())
    });
    assert!(is_accepted(&accepted.unwrap()));
    written
}

#[test]
fn a_code_by_time_is_taken_within_the_window_and_not_beyond() {
    let (otp, now) = (totp(), 50_000_000_u32);
    for (step, expected) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let step = now.checked_add_signed(step).unwrap();
        let matched = taken(otp.match_step(&code_of(step), 0, during(now), &ZERO));
        assert_eq!(matched, expected.then_some(step), "step {step}");
    }
    // The edges of a step, to the second.
    let shown = code_of(now + 1);
    for (seconds, expected) in [(-1, false), (0, true), (89, true), (90, false)] {
        let seconds = (u64::from(now) * 30).checked_add_signed(seconds).unwrap();
        let matched = taken(otp.match_step(&shown, 0, at(seconds), &ZERO));
        assert_eq!(matched.is_some(), expected, "second {seconds}");
    }
    let wide = Moving::Time { period_seconds: 30, window: 2 };
    let wide = Settings::new(wide, Hash::Sha1, Digits::Six).unwrap();
    let wide = Otp::import(wide, KEY).unwrap();
    for (step, expected) in [(-3, false), (-2, true), (2, true), (3, false)] {
        let step = now.checked_add_signed(step).unwrap();
        let matched = taken(wide.match_step(&code_of(step), 0, during(now), &ZERO));
        assert_eq!(matched, expected.then_some(step), "step {step}");
    }
}

#[test]
fn a_code_by_counter_is_taken_within_the_look_ahead_and_not_beyond() {
    for ahead in [3, 5, 10] {
        let settings = Settings::new(Moving::Counter { ahead }, Hash::Sha1, Digits::Six).unwrap();
        let (otp, last) = (Otp::import(settings, KEY).unwrap(), 700);
        for step in last - 20..last + 30 {
            let matched = taken(otp.match_step(&code_of(step), last, at(0), &ZERO));
            let is_within = step > last && step <= last + u32::from(ahead);
            assert_eq!(matched, is_within.then_some(step), "step {step}");
        }
    }
}

#[test]
fn a_replayed_code_is_refused() {
    let (otp, now) = (totp(), 50_000_000);
    let first = taken(otp.match_step(&code_of(now), now - 7, during(now), &ZERO)).unwrap();
    assert_eq!(first, now);
    for later in 0..3 {
        let again = otp.match_step(&code_of(now), first, during(now + later), &ZERO);
        assert_eq!(taken(again), None);
    }
    // An older one that was never shown is refused too, though the window has it.
    assert_eq!(taken(otp.match_step(&code_of(now - 1), first, during(now), &ZERO)), None);
    // A clock that went back brings nothing back.
    assert_eq!(taken(otp.match_step(&code_of(now), first, during(now - 1), &ZERO)), None);
    assert_eq!(taken(otp.match_step(&code_of(now + 1), first, during(now), &ZERO)), Some(now + 1));
}

#[test]
fn of_two_steps_with_one_code_the_newest_counts() {
    // Found by trying a million steps of this key.
    let (older, newer) = (910_737, 910_738);
    assert_eq!(naive(KEY, older), naive(KEY, newer));
    let otp = totp();
    let shown = code_of(newer);
    // With the older one used, the newer is fresh; taking the first that matches would refuse it.
    assert_eq!(taken(otp.match_step(&shown, older, during(newer), &ZERO)), Some(newer));
    // With neither used, the newer is taken, and nothing is left of either.
    assert_eq!(taken(otp.match_step(&shown, older - 1, during(older), &ZERO)), Some(newer));
    assert_eq!(taken(otp.match_step(&shown, newer, during(newer), &ZERO)), None);
    let counter = hotp();
    assert_eq!(taken(counter.match_step(&shown, older - 1, at(0), &ZERO)), Some(newer));
    assert_eq!(taken(counter.match_step(&shown, newer, at(0), &ZERO)), None);
    // Two steps apart.
    let (older, newer) = (153_567, 153_569);
    assert_eq!(naive(KEY, older), naive(KEY, newer));
    assert_eq!(taken(counter.match_step(&code_of(older), older - 1, at(0), &ZERO)), Some(newer));
}

#[test]
fn a_code_of_zeros_is_a_code() {
    let step = 349_495;
    assert_eq!(naive(KEY, step), 0);
    let zeros = Code::parse(b"000000").unwrap();
    assert_eq!(taken(totp().match_step(&zeros, 0, during(step), &ZERO)), Some(step));
    assert_eq!(taken(hotp().match_step(&zeros, step - 1, at(0), &ZERO)), Some(step));
    // And is no key to anything else.
    let mut refused = 0;
    for last in 0..10_000 {
        refused += u32::from(taken(hotp().match_step(&zeros, last, at(0), &ZERO)).is_none());
    }
    assert_eq!(refused, 10_000);
}

#[test]
fn what_is_no_code_is_not_read() {
    for text in [
        &b""[..],
        b"12345",
        b"123456789",
        b"12345a",
        b" 123456",
        b"-12345",
        b"+123456",
        b"12345\0",
        b"\xB2\xB2\xB2\xB2\xB2\xB2",
    ] {
        assert!(Code::parse(text).is_none(), "{text:?}");
    }
    for text in [&b"000000"[..], b"9999999", b"99999999"] {
        assert!(Code::parse(text).is_some());
    }
}

#[test]
fn a_code_of_another_length_is_refused() {
    // RFC 4226, appendix D: the value of step 9 before it is cut.
    let value = 0x2679_DC69_u32 & 0x7FFF_FFFF;
    let mut compared = 0;
    for digits in [Digits::Six, Digits::Seven, Digits::Eight] {
        let settings = Settings::new(Moving::Counter { ahead: 3 }, Hash::Sha1, digits).unwrap();
        let otp = Otp::import(settings, KEY).unwrap();
        for width in [6, 7, 8_usize] {
            let text = format!("{value:010}");
            let code = Code::parse(&text.as_bytes()[10 - width..]).unwrap();
            let is_its = width == usize::from(digits.count());
            let matched = taken(otp.match_step(&code, 8, at(0), &ZERO));
            assert_eq!(matched, is_its.then_some(9), "{width} of {digits:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 9);
}

#[test]
fn an_attempt_that_is_not_on_the_flash_refuses_the_right_code() {
    let mut refused = 0;
    for bit in 0..256 {
        let blind = one_bit(bit);
        assert_eq!(taken(hotp().match_step(&code_of(8), 7, at(0), &blind)), None);
        assert_eq!(taken(totp().match_step(&code_of(8), 7, during(8), &blind)), None);
        assert_eq!(taken(hotp().resync(&code_of(8), &code_of(9), 7, &blind)), None);
        refused += 3;
    }
    println!("otp: {refused} blinds of one bit refuse the right code");
    assert_eq!(refused, 768);
    assert_eq!(taken(hotp().match_step(&code_of(8), 7, at(0), &ZERO)), Some(8));
}

#[test]
fn time_that_nobody_vouches_for_gives_no_verdict() {
    let step = 50_000_000;
    let shown = code_of(step);
    let try_it = |source, uncertainty_seconds| {
        let now = WallTime { source, uncertainty_seconds, ..during(step) };
        totp().match_step(&shown, 0, now, &ZERO).map(|_| ()).err()
    };
    assert_eq!(try_it(TimeSource::Unknown, 0), Some(MatchError::Time));
    assert_eq!(try_it(TimeSource::Person, 0), Some(MatchError::Time));
    assert_eq!(try_it(TimeSource::RealTimeClock, 30), None);
    assert_eq!(try_it(TimeSource::Authenticated, 30), None);
    assert_eq!(try_it(TimeSource::Authenticated, 31), Some(MatchError::Time));
    assert_eq!(try_it(TimeSource::RealTimeClock, u16::MAX), Some(MatchError::Time));
    // Later than 32 bits of steps.
    let late = totp().match_step(&shown, 0, at(u64::MAX), &ZERO);
    assert_eq!(late.map(|_| ()).err(), Some(MatchError::Time));
    // A counter asks for no time.
    let unknown = WallTime { source: TimeSource::Unknown, unix_seconds: 0, uncertainty_seconds: 0 };
    assert_eq!(taken(hotp().match_step(&code_of(2), 1, unknown, &ZERO)), Some(2));
}

#[test]
fn the_code_of_the_enrolment_is_used_by_it() {
    for first in [0, 1, 9] {
        let step = taken(hotp().first_step(&code_of(first), at(0))).unwrap();
        assert_eq!(step, first);
        assert_eq!(taken(hotp().match_step(&code_of(first), step, at(0), &ZERO)), None);
        let next = hotp().match_step(&code_of(first + 1), step, at(0), &ZERO);
        assert_eq!(taken(next), Some(first + 1));
    }
    assert_eq!(taken(hotp().first_step(&code_of(10), at(0))), None);
    let now = 50_000_000;
    let step = taken(totp().first_step(&code_of(now), during(now))).unwrap();
    assert_eq!(taken(totp().match_step(&code_of(now), step, during(now), &ZERO)), None);
}

#[test]
fn a_counter_that_ran_ahead_is_found_by_two_codes_in_a_row() {
    let (otp, last) = (hotp(), 1_000);
    let far = last + 60;
    assert_eq!(taken(otp.match_step(&code_of(far), last, at(0), &ZERO)), None);
    let resync = |one, two| taken(otp.resync(&code_of(one), &code_of(two), last, &ZERO));
    assert_eq!(resync(far, far + 1), Some(far + 1));
    assert_eq!(resync(far + 1, far), None, "in the other order");
    assert_eq!(resync(far, far), None, "one twice");
    assert_eq!(resync(far, far + 2), None, "not in a row");
    let end = last + u32::from(RESYNC_STEPS);
    assert_eq!(resync(end - 1, end), Some(end));
    assert_eq!(resync(end, end + 1), None, "beyond");
    assert_eq!(resync(last + 1, last + 2), Some(last + 2));
    assert_eq!(resync(last, last + 1), None, "one is used");
    let by_time = totp().resync(&code_of(1), &code_of(2), 0, &ZERO);
    assert_eq!(by_time.map(|_| ()).err(), Some(MatchError::NotCounter));
}

#[test]
fn the_last_steps_there_are_do_not_wrap() {
    let end = u32::MAX;
    let otp = hotp();
    assert_eq!(taken(otp.match_step(&code_of(end), end - 1, at(0), &ZERO)), Some(end));
    for step in [0, 1, 2, end] {
        assert_eq!(taken(otp.match_step(&code_of(step), end, at(0), &ZERO)), None, "{step}");
        assert_eq!(
            taken(otp.resync(&code_of(step), &code_of(step + u32::from(step < end)), end, &ZERO)),
            None
        );
    }
    assert_eq!(taken(otp.match_step(&code_of(0), end - 2, at(0), &ZERO)), None);
    assert_eq!(taken(otp.resync(&code_of(end), &code_of(0), end - 3, &ZERO)), None);
    // The first of all, by time.
    assert_eq!(taken(totp().first_step(&code_of(0), at(0))), Some(0));
    assert_eq!(taken(totp().match_step(&code_of(1), 0, at(0), &ZERO)), Some(1));
}

#[test]
fn each_bit_of_a_record_counts() {
    let (mut unread, mut refused) = (0, 0);
    for (otp, now) in [(hotp(), at(0)), (totp(), during(8))] {
        let bytes = otp.encode();
        for bit in 0..8 * bytes.expose().len() {
            match Otp::parse(&flipped(bytes.expose(), bit)) {
                Ok(changed) => {
                    let matched = taken(changed.match_step(&code_of(8), 7, now, &ZERO));
                    assert_eq!(matched, None, "bit {bit}");
                    refused += 1;
                }
                Err(_) => unread += 1,
            }
        }
        let again = Otp::parse(bytes.expose()).unwrap();
        assert_eq!(taken(again.match_step(&code_of(8), 7, now, &ZERO)), Some(8));
        assert_eq!(again.encode().expose(), bytes.expose());
    }
    println!(
        "otp: of 768 bits of two records, {unread} are no record and {refused} refuse the code"
    );
    assert_eq!(unread + refused, 768);
    assert!(refused >= 320);
}

#[test]
fn a_record_of_another_layout_is_none() {
    let bytes = totp().encode();
    let changed = |at: usize, value: u8| {
        let mut bytes = *bytes.expose();
        bytes[at] = value;
        Otp::parse(&bytes).map(|_| ()).err()
    };
    assert_eq!(changed(0, 0), Some(OtpError::Version));
    for (at, value) in [(1, 3), (1, 1), (2, 3), (3, 5), (3, 9), (4, 31), (5, 0), (5, 3)] {
        assert_eq!(changed(at, value), Some(OtpError::Settings), "{at} {value}");
    }
    for at in (6..16).chain(36..48) {
        assert_eq!(changed(at, 1), Some(OtpError::Reserved), "{at}");
    }
    for length in 0..48 {
        assert_eq!(Otp::parse(&bytes.expose()[..length]).map(|_| ()).err(), Some(OtpError::Length));
    }
    let longer = [&bytes.expose()[..], &[0]].concat();
    assert_eq!(Otp::parse(&longer).map(|_| ()).err(), Some(OtpError::Length));
    let mut empty = *bytes.expose();
    empty[16..].fill(0);
    assert_eq!(Otp::parse(&empty).map(|_| ()).err(), Some(OtpError::Secret));
}

#[test]
fn secrets_are_long_enough_and_fresh() {
    let import = |key: &[u8]| Otp::import(Settings::HOTP, key).map(|_| ()).err();
    assert_eq!(import(&KEY[..15]), Some(ImportError::TooShort));
    assert_eq!(import(&KEY[..16]), None);
    assert_eq!(import(&[&KEY[..], b"1"].concat()), Some(ImportError::TooLong));
    assert_eq!(import(&[0; 20]), Some(ImportError::Constant));
    assert_eq!(import(&[0x41; 16]), Some(ImportError::Constant));
    let mut random = random(11);
    let one = Otp::generate(Settings::TOTP, &mut random).unwrap();
    let other = Otp::generate(Settings::TOTP, &mut random).unwrap();
    assert_eq!(one.key().len(), 20);
    assert_ne!(one.key(), other.key());
    let wide = Settings::new(Settings::TOTP.moving(), Hash::Sha256, Digits::Eight).unwrap();
    assert_eq!(Otp::generate(wide, &mut random).unwrap().key().len(), 32);
    for (period_seconds, window) in [(0, 1), (29, 1), (30, 0), (30, 3), (61, 1)] {
        let moving = Moving::Time { period_seconds, window };
        assert_eq!(Settings::new(moving, Hash::Sha1, Digits::Six), None);
    }
    for ahead in [0, 1, 4, 11, 255] {
        assert_eq!(Settings::new(Moving::Counter { ahead }, Hash::Sha1, Digits::Six), None);
    }
}

#[test]
fn a_step_that_could_not_be_recorded_does_not_count() {
    let step = hotp().match_step(&code_of(8), 7, at(0), &ZERO).unwrap().accept().unwrap();
    assert_eq!(step.number(), 8);
    assert_eq!(step.record(|_| Err("flash")).map(|_| ()), Err("flash"));
}
