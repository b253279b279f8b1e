//! The outcome of a check as a value that a skipped instruction does not make.
//!
//! A factor is evaluated twice. Each evaluation gives a word, [`YES`] or [`NO`], which differ in all 32 bits and are computed
//! without a branch. The two are added, not compared: every sum but that of two yeses is a no, also one of which a part was
//! left out.
//!
//! # Security
//! One instruction that is skipped, or one word that reads wrong, makes no yes. Two are not claimed.

use core::hint::black_box;

use medsec_core::Secret;

/// What an evaluation gives that agrees.
pub const YES: u32 = 0x5A3C_96E1;

/// What an evaluation gives that does not.
pub const NO: u32 = 0xA5C3_691E;

/// The sum of two yeses.
const ACCEPTED: u32 = joined(YES, YES);

const fn joined(first: u32, second: u32) -> u32 {
    first.wrapping_add(second.rotate_left(9))
}

/// No sum with a no in it, and no part of one, is that of two yeses.
const _: () = {
    assert!(YES == !NO, "they differ in every bit");
    let mut others: &[u32] = &[
        joined(NO, NO),
        joined(YES, NO),
        joined(NO, YES),
        NO.wrapping_add(NO),
        NO.wrapping_add(YES),
        YES.wrapping_add(YES),
        joined(0, YES),
        joined(YES, 0),
        joined(0, NO),
        joined(NO, 0),
        joined(u32::MAX, NO),
        joined(NO, u32::MAX),
        YES,
        NO,
        0,
        u32::MAX,
    ];
    while let [other, rest @ ..] = others {
        assert!(*other != ACCEPTED, "a sum without two yeses is accepted");
        others = rest;
    }
};

/// [`YES`] if `difference` is zero, else [`NO`], without a branch.
pub(crate) fn word(difference: u32) -> u32 {
    let difference = black_box(difference);
    let differs = black_box((difference | difference.wrapping_neg()) >> 31);
    YES ^ differs.wrapping_neg()
}

/// All bits that are set in any word of `blind`.
pub(crate) fn folded(blind: &[u8; 32]) -> u32 {
    let mut fold = 0;
    for byte in blind {
        fold |= u32::from(*byte);
    }
    black_box(fold)
}

/// Whether `stored` XOR `blind` is `computed`, evaluated twice.
pub(crate) fn compare(stored: &Secret<32>, blind: &[u8; 32], computed: &Secret<32>) -> Verdict {
    let first = forwards(black_box(stored), black_box(blind), black_box(computed));
    let second = backwards(black_box(stored), black_box(blind), black_box(computed));
    Verdict::join(first, second)
}

#[inline(never)]
fn forwards(stored: &Secret<32>, blind: &[u8; 32], computed: &Secret<32>) -> u32 {
    let (mut difference, mut count) = (0_u32, 0_u32);
    for ((stored, blind), computed) in stored.expose().iter().zip(blind).zip(computed.expose()) {
        difference |= u32::from(stored ^ blind ^ computed);
        count = count.wrapping_add(1);
    }
    // A loop that ended early has compared nothing.
    word(difference | (black_box(count) ^ 32))
}

#[inline(never)]
fn backwards(stored: &Secret<32>, blind: &[u8; 32], computed: &Secret<32>) -> u32 {
    let (mut agreement, mut left) = (0xFF_u32, 32_u32);
    let bytes = stored.expose().iter().zip(blind).zip(computed.expose());
    for ((stored, blind), computed) in bytes.rev() {
        agreement &= u32::from(!(stored ^ blind ^ computed));
        left = left.wrapping_sub(1);
    }
    word((agreement ^ 0xFF) | black_box(left))
}

/// What was shown is not what it should be. Whoever showed it is told no more than this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mismatch;

impl core::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not what was asked for")
    }
}

impl core::error::Error for Mismatch {}

/// The outcome of one factor, not looked at yet. There is no `Clone`, and only a factor makes one.
///
/// ```compile_fail,E0451
/// let forged = medsec_auth::verdict::Verdict { word: medsec_auth::verdict::YES };
/// ```
#[must_use = "an outcome that nobody looks at lets nobody in"]
pub struct Verdict {
    word: u32,
}

impl Verdict {
    /// The outcome of two evaluations.
    pub(crate) fn join(first: u32, second: u32) -> Self {
        Self { word: joined(black_box(first), black_box(second)) }
    }

    /// The outcome of what needs no evaluation, since it cannot be right.
    pub(crate) fn no() -> Self {
        Self::join(NO, NO)
    }

    /// Asks for the outcome.
    ///
    /// # Errors
    /// [`Mismatch`]: not two yeses.
    pub fn accept(self) -> Result<Accepted, Mismatch> {
        if black_box(self.word) != ACCEPTED {
            return Err(Mismatch);
        }
        // Asked again of the complement: one branch that was skipped must not be enough.
        if black_box(!self.word) == !ACCEPTED {
            return Ok(Accepted { word: self.word });
        }
        Err(Mismatch)
    }
}

impl core::fmt::Debug for Verdict {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Verdict")
    }
}

/// A factor agreed. Only [`Verdict::accept`] makes one, and there is no `Clone`.
///
/// ```compile_fail,E0451
/// let forged = medsec_auth::verdict::Accepted { word: medsec_auth::verdict::YES };
/// ```
#[derive(Debug)]
#[must_use = "a factor that agreed is part of a session"]
pub struct Accepted {
    word: u32,
}

impl Accepted {
    /// The word that an accepted factor has.
    pub const WORD: u32 = ACCEPTED;

    /// The word it was accepted with, read again. A session is made of it, not of a branch on it: whatever else a session is
    /// found by is added to `word() ^ WORD`, which is zero.
    #[must_use]
    pub fn word(&self) -> u32 {
        black_box(self.word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_in_any_bit_is_a_no() {
        assert_eq!(word(0), YES);
        for bit in 0..32 {
            assert_eq!(word(1 << bit), NO, "bit {bit}");
            assert_eq!(word(!(1 << bit)), NO, "all but bit {bit}");
        }
    }

    #[test]
    fn two_yeses_are_accepted_and_nothing_near_them() {
        assert_eq!(Verdict::join(YES, YES).accept().unwrap().word(), Accepted::WORD);
        for (first, second) in [(YES, NO), (NO, YES), (NO, NO), (0, 0), (YES, 0), (0, YES)] {
            assert!(Verdict::join(first, second).accept().is_err(), "{first:x} {second:x}");
        }
        for bit in 0..32_u32 {
            assert!(Verdict::join(YES ^ (1 << bit), YES).accept().is_err(), "first, bit {bit}");
            assert!(Verdict::join(YES, YES ^ (1 << bit)).accept().is_err(), "second, bit {bit}");
        }
        Verdict::no().accept().unwrap_err();
    }

    #[test]
    fn each_of_the_two_evaluations_sees_each_bit() {
        let computed = Secret::new([0x3C; 32]);
        let zero = [0; 32];
        let same = computed.duplicate();
        assert_eq!(
            (forwards(&same, &zero, &computed), backwards(&same, &zero, &computed)),
            (YES, YES)
        );
        let mut seen = 0;
        for bit in 0..256_usize {
            let mut blind = [0; 32];
            blind[bit / 8] = 1 << (bit % 8);
            let mut stored = computed.duplicate();
            stored.expose_mut()[bit / 8] ^= blind[bit / 8];
            assert_eq!(forwards(&stored, &zero, &computed), NO, "bit {bit}");
            assert_eq!(backwards(&stored, &zero, &computed), NO, "bit {bit}");
            assert_ne!(compare(&same, &blind, &computed).word, ACCEPTED, "blind, bit {bit}");
            // The blind is in the comparison: what it hides is found when it is there.
            assert_eq!(compare(&stored, &blind, &computed).word, ACCEPTED, "both, bit {bit}");
            assert_ne!(folded(&blind), 0);
            seen += 1;
        }
        assert_eq!(seen, 256);
    }
}
