//! A small generator: the same seed gives the same faults, histories and noise on every machine.

/// SplitMix64. Fast, seekable by its seed, and in no way a source of secrets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prng {
    state: u64,
}

/// Mixes a word so that each bit of it reaches each bit of the result.
#[must_use]
pub const fn mix(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Prng {
    /// The generator that `seed` stands for.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: mix(seed) }
    }

    /// The next 64 bits.
    pub const fn word(&mut self) -> u64 {
        let out = mix(self.state);
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        out
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias is below `bound` in 2^64.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        usize::try_from(self.word().checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }

    /// As [`Prng::below`], for 32 bits.
    pub fn below_u32(&mut self, bound: u32) -> u32 {
        let bound = u64::from(bound);
        u32::try_from(self.word().checked_rem(bound).unwrap_or(0)).unwrap_or(0)
    }

    /// True `times` in `of`, by chance.
    pub fn one(&mut self, times: usize, of: usize) -> bool {
        self.below(of) < times
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            let word = self.word().to_le_bytes();
            for (byte, drawn) in chunk.iter_mut().zip(word) {
                *byte = drawn;
            }
        }
    }

    /// One of `choices`; the first of an empty list cannot be had, so a default stands in.
    pub fn choose<T: Copy + Default>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len());
        choices.get(index).copied().unwrap_or_default()
    }
}
