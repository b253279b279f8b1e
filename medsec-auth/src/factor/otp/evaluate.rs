//! The two evaluations of a code: one from the oldest step to the newest, one back.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use super::record::{Digits, Hash, Otp};
use crate::verdict::{folded, word};

/// The steps that are looked at: `count` of them from `start` on. Those below `least` do not match; without one, none does.
pub(super) struct Span {
    pub(super) least: Option<u32>,
    pub(super) start: u32,
    pub(super) count: u8,
}

impl Span {
    /// The step at `place`, and all ones if it may match, else zero.
    fn step(&self, place: u8) -> (u32, u32) {
        let (step, is_over) = self.start.overflowing_add(u32::from(place));
        let may_match = !is_over && self.least.is_some_and(|least| step >= least);
        (step, u32::from(may_match).wrapping_neg())
    }
}

/// What was shown: a code, and the one of the step before it if both count.
pub(super) struct Wanted {
    pub(super) code: u32,
    pub(super) before: Option<u32>,
}

/// What an evaluation found: the newest step, and its word.
pub(super) struct Found {
    pub(super) word: u32,
    pub(super) step: u32,
}

/// All ones if the two are equal, else zero, without a branch.
const fn equal(one: u32, other: u32) -> u32 {
    let difference = one ^ other;
    ((difference | difference.wrapping_neg()) >> 31).wrapping_sub(1)
}

/// `one` where `mask` is ones, `other` where it is zero.
const fn select(mask: u32, one: u32, other: u32) -> u32 {
    (one & mask) | (other & !mask)
}

#[inline(never)]
pub(super) fn forwards(otp: &Otp, wanted: &Wanted, span: &Span, blind: &[u8; 32]) -> Found {
    let codes = Codes::new(otp);
    let (mut any, mut step, mut looked) = (0_u32, 0_u32, 0_u8);
    // Whether the code before this step's was the one before the wanted one; if only one is wanted, it always was.
    let mut follows = u32::from(wanted.before.is_none()).wrapping_neg();
    for place in 0..span.count {
        let (candidate, may_match) = span.step(place);
        let value = codes.of(candidate);
        let hit = equal(value, wanted.code) & follows & may_match;
        any |= hit;
        step = select(hit, candidate, step);
        if let Some(before) = wanted.before {
            follows = equal(value, before) & may_match;
        }
        looked = looked.wrapping_add(1);
    }
    let missed = !any | u32::from(looked ^ span.count);
    Found { word: word(missed | folded(blind)), step }
}

#[inline(never)]
pub(super) fn backwards(otp: &Otp, wanted: &Wanted, span: &Span, blind: &[u8; 32]) -> Found {
    let codes = Codes::new(otp);
    let (mut missed, mut step, mut left) = (u32::MAX, 0_u32, span.count);
    // Whether the step behind this one has the wanted code.
    let mut next = 0_u32;
    for place in (0..span.count).rev() {
        let (candidate, may_match) = span.step(place);
        let value = codes.of(candidate);
        let is_code = equal(value, wanted.code) & may_match;
        let (hit, found) = match wanted.before {
            None => (is_code, candidate),
            Some(before) => (equal(value, before) & may_match & next, candidate.wrapping_add(1)),
        };
        // The newest comes first here, and stays.
        step = select(hit & missed, found, step);
        missed &= !hit;
        next = is_code;
        left = left.wrapping_sub(1);
    }
    Found { word: word(folded(blind) | missed | u32::from(left)), step }
}

/// Makes codes: the key is put into the hash once.
struct Codes {
    mac: Keyed,
    digits: Digits,
}

enum Keyed {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    /// Not reached: every length of key is taken.
    Nothing,
}

impl Codes {
    fn new(otp: &Otp) -> Self {
        let key = otp.key();
        let mac = match otp.settings().hash() {
            Hash::Sha1 => Hmac::new_from_slice(key).map_or(Keyed::Nothing, Keyed::Sha1),
            Hash::Sha256 => Hmac::new_from_slice(key).map_or(Keyed::Nothing, Keyed::Sha256),
        };
        Self { mac, digits: otp.settings().digits() }
    }

    /// The code of a step (RFC 4226 §5.3); no code at all if there is no key.
    fn of(&self, step: u32) -> u32 {
        let moving = u64::from(step).to_be_bytes();
        match &self.mac {
            Keyed::Sha1(mac) => {
                let mut mac = mac.clone();
                mac.update(&moving);
                reduced(truncated(&mac.finalize().into_bytes()), self.digits)
            }
            Keyed::Sha256(mac) => {
                let mut mac = mac.clone();
                mac.update(&moving);
                reduced(truncated(&mac.finalize().into_bytes()), self.digits)
            }
            Keyed::Nothing => u32::MAX,
        }
    }
}

/// Dynamic truncation: the 31 bits where the last four say. All sixteen places are looked at.
fn truncated(tag: &[u8]) -> u32 {
    let place = tag.last().map_or(0, |last| u32::from(last & 0x0F));
    let (mut four, mut bits) = (0, 0);
    // The last byte of each four stands three behind its first.
    for (at, byte) in (0..19).zip(tag) {
        four = (four << 8) | u32::from(*byte);
        bits |= four & equal(at, place.wrapping_add(3));
    }
    bits & 0x7FFF_FFFF
}

/// The last digits of `value`, by twelve subtractions: some cores divide in a time that depends on what they divide.
fn reduced(value: u32, digits: Digits) -> u32 {
    let mut rest = u64::from(value);
    for shift in (0..12_u32).rev() {
        let part = u64::from(digits.modulus()) << shift;
        let difference = rest.wrapping_sub(part);
        let is_below = (difference >> 63).wrapping_neg();
        rest = difference.wrapping_add(part & is_below);
    }
    // It is below 10^8 by now.
    u32::try_from(rest).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digits_are_those_of_a_division() {
        let mut value = 0_u32;
        let mut compared = 0_u32;
        for digits in [Digits::Six, Digits::Seven, Digits::Eight] {
            for edge in (0..=21).map(|times| digits.modulus().wrapping_mul(times)) {
                for value in [edge.wrapping_sub(1), edge, edge.wrapping_add(1)] {
                    let value = value & 0x7FFF_FFFF;
                    assert_eq!(reduced(value, digits), value % digits.modulus(), "{value}");
                }
            }
            for _ in 0..100_000 {
                value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let value = value & 0x7FFF_FFFF;
                assert_eq!(reduced(value, digits), value % digits.modulus(), "{value}");
                compared += 1;
            }
            assert_eq!(reduced(0x7FFF_FFFF, digits), 0x7FFF_FFFF % digits.modulus());
        }
        assert_eq!(compared, 300_000);
    }

    #[test]
    fn equal_is_ones_and_anything_else_zero() {
        assert_eq!(equal(7, 7), u32::MAX);
        for bit in 0..32 {
            assert_eq!(equal(7, 7 ^ (1 << bit)), 0);
        }
    }
}
