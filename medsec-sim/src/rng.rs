//! Noise sources that are good, and such as fail in the ways real ones do.

use medsec_core::hal::{EntropySource, SourceFault};

use crate::prng::Prng;

/// How a source misbehaves. Chances are in thousandths.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// Bits are even and independent.
    Good,
    /// Every bit is the same.
    Stuck(bool),
    /// A bit is 1 with this chance.
    Biased(u16),
    /// 0101 for ever: an oscillator sampled in step with its clock.
    Alternating,
    /// The same bytes again and again.
    Repeating(Vec<u8>),
    /// Good for so many bits, stuck at the last of them from then on.
    DyingAfter(u64),
    /// Good for so many bits; from then on the source answers with a fault.
    FailingAfter(u64),
    /// A bit equals the one before it with this chance.
    Markov(u16),
}

/// A noise source that claims `MILLI` thousandths of a bit of min-entropy per bit, and behaves as told.
///
/// Its bits come from a seed: two sources with the same seed and behaviour are clones of each other.
#[derive(Clone, Debug)]
pub struct Noise<const MILLI: u16 = 1000> {
    behaviour: Behaviour,
    prng: Prng,
    bits: u64,
    last: bool,
}

impl<const MILLI: u16> Noise<MILLI> {
    /// A source that behaves as told.
    #[must_use]
    pub const fn new(behaviour: Behaviour, seed: u64) -> Self {
        Self { behaviour, prng: Prng::new(seed), bits: 0, last: false }
    }

    /// A good source.
    #[must_use]
    pub const fn good(seed: u64) -> Self {
        Self::new(Behaviour::Good, seed)
    }

    /// Behaves differently from the next bit on.
    pub fn set_behaviour(&mut self, behaviour: Behaviour) {
        self.behaviour = behaviour;
    }

    /// Bits given so far.
    #[must_use]
    pub const fn bits(&self) -> u64 {
        self.bits
    }

    fn chance(&mut self, milli: u16) -> bool {
        self.prng.below(1000) < usize::from(milli)
    }

    fn bit(&mut self) -> Result<bool, SourceFault> {
        let even = self.prng.word() & 1 != 0;
        let bit = match self.behaviour {
            Behaviour::Good => even,
            Behaviour::Stuck(bit) => bit,
            Behaviour::Biased(milli) => self.chance(milli),
            Behaviour::Alternating => !self.last,
            Behaviour::Repeating(ref block) => {
                let length = u64::try_from(block.len()).unwrap_or(0).saturating_mul(8);
                let at = usize::try_from(self.bits.checked_rem(length).unwrap_or(0)).unwrap_or(0);
                block.get(at / 8).is_some_and(|byte| byte & (1 << (at % 8)) != 0)
            }
            Behaviour::DyingAfter(bits) if self.bits >= bits => self.last,
            Behaviour::FailingAfter(bits) if self.bits >= bits => return Err(SourceFault),
            Behaviour::DyingAfter(_) | Behaviour::FailingAfter(_) => even,
            Behaviour::Markov(milli) => self.last == self.chance(milli),
        };
        self.bits += 1;
        self.last = bit;
        Ok(bit)
    }
}

impl<const MILLI: u16> EntropySource for Noise<MILLI> {
    const ENTROPY_PER_BIT_MILLI: u16 = MILLI;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        if self.behaviour == Behaviour::Good {
            self.bits += u64::try_from(out.len()).unwrap_or(0).saturating_mul(8);
            self.prng.fill(out);
            return Ok(());
        }
        for byte in out {
            *byte = 0;
            for place in 0..8 {
                *byte |= u8::from(self.bit()?) << place;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: usize = 80_000;

    fn bits(behaviour: Behaviour) -> Vec<bool> {
        let mut out = vec![0; BITS / 8];
        Noise::<1000>::new(behaviour, 3).sample(&mut out).unwrap();
        out.iter().flat_map(|byte| (0..8).map(move |place| byte & (1 << place) != 0)).collect()
    }

    fn ones(bits: &[bool]) -> usize {
        bits.iter().filter(|bit| **bit).count()
    }

    fn stays(bits: &[bool]) -> usize {
        bits.windows(2).filter(|pair| pair[0] == pair[1]).count()
    }

    #[test]
    fn a_good_source_is_even_and_independent() {
        let bits = bits(Behaviour::Good);
        assert!((39_000..41_000).contains(&ones(&bits)));
        assert!((39_000..41_000).contains(&stays(&bits)));
    }

    #[test]
    fn a_biased_source_has_its_bias_and_a_markov_source_only_its_memory() {
        assert!((55_000..57_000).contains(&ones(&bits(Behaviour::Biased(700)))));
        let markov = bits(Behaviour::Markov(750));
        assert!((59_000..61_000).contains(&stays(&markov)));
        assert!((38_000..42_000).contains(&ones(&markov)));
    }

    #[test]
    fn stuck_alternating_and_repeating_sources_are_what_they_are_called() {
        assert_eq!(ones(&bits(Behaviour::Stuck(true))), BITS);
        assert_eq!(stays(&bits(Behaviour::Alternating)), 0);
        let repeating = bits(Behaviour::Repeating(vec![1, 2, 3]));
        assert!(repeating.windows(25).all(|window| window[0] == window[24]));
        assert_eq!(repeating.iter().take(24).filter(|bit| **bit).count(), 4);
    }

    #[test]
    fn a_dying_source_sticks_and_a_failing_one_says_so() {
        let dying = bits(Behaviour::DyingAfter(1000));
        assert!(stays(&dying[..1000]) < 600);
        assert!(dying[999..].windows(2).all(|pair| pair[0] == pair[1]));
        let mut failing = Noise::<1000>::new(Behaviour::FailingAfter(64), 1);
        assert_eq!(failing.sample(&mut [0; 8]), Ok(()));
        assert_eq!(failing.sample(&mut [0; 1]), Err(SourceFault));
    }
}
