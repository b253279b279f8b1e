//! The emulator has no noise: a seeded generator stands in for the ring oscillator, so that a run can be repeated.
//! A port to silicon has to bring a real source.

use medsec_core::hal::{EntropySource, SourceFault};

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Copy, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator seeded with `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The next number under `bound`, near enough to uniform.
    pub const fn below(&mut self, bound: u32) -> u32 {
        let Some(rest) = (self.next() >> 33).checked_rem(widen(bound)) else {
            return 0;
        };
        narrow(rest)
    }
}

const fn widen(value: u32) -> u64 {
    let [a, b, c, d] = value.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, 0, 0, 0, 0])
}

const fn narrow(value: u64) -> u32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Stands in for the part's noise source.
#[derive(Debug)]
pub struct EmulatedNoise(SplitMix);

impl EmulatedNoise {
    /// The noise of the run seeded with `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(SplitMix::new(seed ^ 0x6E6F_6973_6500_0000))
    }
}

impl EntropySource for EmulatedNoise {
    const ENTROPY_PER_BIT_MILLI: u16 = 500;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        for byte in out {
            let [low, ..] = self.0.next().to_le_bytes();
            *byte = low;
        }
        Ok(())
    }
}
