//! Which numbered messages were received: each once, and none from too far back.

use medsec_core::suite::Verified;

/// Why a number does not count any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stale {
    /// It was received before.
    Again,
    /// It lies so far back that nobody knows.
    Behind,
}

/// The numbers that were received of the last 64 for each word (RFC 6479 is a window of the same kind). Without a word, numbers are
/// taken one after the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Window<const WORDS: usize> {
    /// One above the highest that was received.
    next: u64,
    /// Bit 64 i + j is the number `next` - 1 - 64 i - j.
    seen: [u64; WORDS],
}

impl<const WORDS: usize> Window<WORDS> {
    pub(crate) const fn new() -> Self {
        Self { next: 0, seen: [0; WORDS] }
    }

    /// One above the highest number that was received.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// How far back numbers are known.
    pub(crate) fn reach() -> u64 {
        u64::try_from(WORDS).unwrap_or(u64::MAX).saturating_mul(64)
    }

    /// Whether a message with this number still counts. It moves nothing: nobody has vouched for the number yet.
    pub(crate) fn check(&self, number: u64) -> Result<(), Stale> {
        let Some(back) = self.back(number) else { return Ok(()) };
        let word = usize::try_from(back / 64).ok().and_then(|word| self.seen.get(word));
        let word = word.ok_or(Stale::Behind)?;
        if word & bit(back) == 0 { Ok(()) } else { Err(Stale::Again) }
    }

    /// Takes the number of an authentic message in.
    pub(crate) fn commit(&mut self, verified: &Verified) {
        self.mark(verified.number());
    }

    fn mark(&mut self, number: u64) {
        let back = self.back(number).unwrap_or_else(|| {
            self.forward(number.saturating_sub(self.next).saturating_add(1));
            0
        });
        let word = usize::try_from(back / 64).ok().and_then(|word| self.seen.get_mut(word));
        if let Some(word) = word {
            *word |= bit(back);
        }
    }

    /// How many numbers lie between this one and the highest; none if it is above.
    const fn back(&self, number: u64) -> Option<u64> {
        match self.next.checked_sub(number) {
            None | Some(0) => None,
            Some(above) => Some(above.saturating_sub(1)),
        }
    }

    /// Moves the window up.
    fn forward(&mut self, by: u64) {
        self.next = self.next.saturating_add(by);
        let words = usize::try_from(by / 64).unwrap_or(usize::MAX);
        let before = self.seen;
        let shifted = |word: Option<usize>, left: bool| {
            let word = word.and_then(|word| before.get(word)).copied().unwrap_or(0);
            let bits = u32::try_from(by % 64).unwrap_or(0);
            // What leaves a word upwards enters the next one; by 0 bits nothing does.
            let moved = if left {
                word.checked_shl(bits)
            } else {
                word.checked_shr(64_u32.saturating_sub(bits))
            };
            moved.unwrap_or(0)
        };
        for (index, word) in self.seen.iter_mut().enumerate() {
            let from = index.checked_sub(words);
            let below = from.and_then(|from| from.checked_sub(1));
            *word = shifted(from, true) | shifted(below, false);
        }
    }
}

/// The bit of a number within its word.
const fn bit(back: u64) -> u64 {
    1 << (back % 64)
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]
mod tests {
    extern crate std;

    use std::collections::BTreeSet;

    use super::*;

    /// What a window has to say, from the set of all that was received.
    #[derive(Clone, Default)]
    struct Oracle {
        received: BTreeSet<u64>,
    }

    impl Oracle {
        fn check(&self, number: u64, reach: u64) -> Result<(), Stale> {
            let Some(highest) = self.received.last() else { return Ok(()) };
            if number > *highest {
                Ok(())
            } else if number + reach <= *highest {
                Err(Stale::Behind)
            } else if self.received.contains(&number) {
                Err(Stale::Again)
            } else {
                Ok(())
            }
        }
    }

    /// Goes through all sequences of up to `left` numbers out of `alphabet`; returns how many there are.
    fn every_sequence<const WORDS: usize>(
        window: Window<WORDS>,
        oracle: &mut Oracle,
        alphabet: &[u64],
        left: u32,
    ) -> u64 {
        let mut sequences = 1;
        if left == 0 {
            return sequences;
        }
        for number in alphabet {
            let (found, wanted) =
                (window.check(*number), oracle.check(*number, Window::<WORDS>::reach()));
            assert_eq!(found, wanted, "{number} after {:?}", oracle.received);
            let mut after = window;
            if found.is_ok() {
                after.mark(*number);
                oracle.received.insert(*number);
                assert_eq!(Some(after.next() - 1), oracle.received.last().copied());
            }
            sequences += every_sequence(after, oracle, alphabet, left - 1);
            if found.is_ok() {
                oracle.received.remove(number);
            }
        }
        sequences
    }

    fn every_sequence_of<const WORDS: usize>(alphabet: &[u64]) -> u64 {
        every_sequence(Window::<WORDS>::new(), &mut Oracle::default(), alphabet, 8)
    }

    /// Up to eight numbers on the edges of words and of the window.
    #[test]
    fn no_sequence_differs_from_a_set() {
        let sequences = every_sequence_of::<0>(&[0, 1, 2, 3, 4, 5, 8, 16])
            + every_sequence_of::<1>(&[0, 1, 31, 62, 63, 64, 126, 129])
            + every_sequence_of::<4>(&[0, 63, 64, 128, 255, 256, 319, 513]);
        std::println!("replay: {sequences} sequences, 0 differences from a set");
        assert_eq!(sequences, 3 * 19_173_961);
    }

    /// Each distance of a move, from a window that has seen every third number; then some that are late, on the edges of words.
    #[test]
    fn each_move_keeps_what_it_has_seen() {
        for by in 1..600 {
            let mut window = Window::<4>::new();
            let mut oracle = Oracle::default();
            let late = [0, 63, 64, 65, 128, 255].map(|back| 399 + by - back);
            for number in (0..400).step_by(3).chain(late) {
                let found = window.check(number);
                assert_eq!(found, oracle.check(number, 256));
                if found.is_ok() {
                    window.mark(number);
                    oracle.received.insert(number);
                }
            }
            for number in 0..1_100 {
                assert_eq!(window.check(number), oracle.check(number, 256), "{number} after {by}");
            }
        }
    }

    #[test]
    fn without_a_window_numbers_rise() {
        let mut window = Window::<0>::new();
        for number in [0, 1, 2, 7] {
            assert_eq!(window.check(number), Ok(()));
            window.mark(number);
            for old in 0..=number {
                assert_eq!(window.check(old), Err(Stale::Behind));
            }
        }
    }
}
