//! Tests over raw noise bits that run for as long as bits are drawn.

use crate::secret::Secret;

/// Bytes of one block of raw noise; samples are drawn and tested in blocks.
pub const BLOCK_BYTES: usize = 32;

/// Samples of the short window.
const WINDOW: u16 = 1_024;

/// Blocks for which one block is kept as the anchor.
const ANCHOR_BLOCKS: u8 = 16;

/// Short windows in the long one, which has 65,536 samples.
const WINDOWS_PER_LONG: u8 = 64;

/// Samples of the long window.
const LONG_WINDOW: u32 = 65_536;

/// What is wrong with the noise source. It holds until the next boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RngFault {
    /// The part delivered no samples.
    Source,
    /// One sample came too often in a row.
    Repetition,
    /// One sample came too often in a short window.
    Proportion,
    /// Samples were equal, or different, too often to the one a few samples before.
    Lag,
    /// One sample, or one equal to the last, came too often in a long window.
    Bias,
    /// A block came again.
    Block,
}

impl core::fmt::Display for RngFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Source => "noise source gave no samples",
            Self::Repetition => "noise source is stuck",
            Self::Proportion => "noise source is biased in a short window",
            Self::Lag => "noise source follows its own past",
            Self::Bias => "noise source is biased in a long window",
            Self::Block => "noise source repeated a block",
        })
    }
}

impl core::error::Error for RngFault {}

/// What a source of some claimed min-entropy may do at most.
///
/// Under the claim, whatever came before, no sample has a probability above p = 2^-H. So each count below is at most as
/// high as a binomial one with p, and is over its cut-off with a probability of at most 2^-30.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct CutOffs {
    /// Min-entropy of one sample, in thousandths of a bit.
    milli: u16,
    /// Equal samples in a row: 1 + ceil(30 / H) (SP 800-90B §4.4.1).
    repetition: u16,
    /// Hits among the 1,024 of a short window (SP 800-90B §4.4.2).
    proportion: u16,
    /// Hits among the 65,536 of a long window.
    bias: u32,
    /// Blocks that hold 512 bits of min-entropy: twice what is asked of them, so that the hash over them has full
    /// entropy (SP 800-90B §3.1.5.1.2).
    pub(crate) seed_blocks: u8,
}

impl CutOffs {
    const ALL: [Self; 4] = [
        Self { milli: 1_000, repetition: 31, proportion: 609, bias: 33_538, seed_blocks: 2 },
        Self { milli: 500, repetition: 61, proportion: 810, bias: 47_040, seed_blocks: 4 },
        Self { milli: 300, repetition: 101, proportion: 904, bias: 53_830, seed_blocks: 7 },
        Self { milli: 100, repetition: 301, proportion: 999, bias: 61_528, seed_blocks: 20 },
    ];

    pub(crate) const STRICTEST: &Self = {
        let [full, ..] = &Self::ALL;
        full
    };

    /// The row of a claim, rounded down to one of the table. There is none below 100 and above 1000.
    pub(crate) const fn of_claim(milli: u16) -> Option<&'static Self> {
        let [full, half, third, tenth] = &Self::ALL;
        match milli {
            1_000 => Some(full),
            500..=999 => Some(half),
            300..=499 => Some(third),
            100..=299 => Some(tenth),
            _ => None,
        }
    }
}

/// The health tests of a noise source, fed with every raw sample it gives.
///
/// | test | finds | of |
/// |---|---|---|
/// | repetition count | a source that is stuck | SP 800-90B §4.4.1 |
/// | adaptive proportion, for both values | strong bias, within 1,024 samples | SP 800-90B §4.4.2 |
/// | lags 1 to 8 | 0101…, other short periods, a source that sticks to its last value | ours |
/// | proportion and lag 1 over 65,536 samples | weak bias, weak memory | ours |
/// | repeated block | a block of 32 bytes that comes again: a buffer that is not refilled, a longer period | ours |
///
/// A source that keeps its claim raises a false alarm with a probability of at most 2^-30 a sample by the repetition
/// count and 2^-33 a sample by all others together.
///
/// # Limits
/// At most 80 bytes of RAM. One block of every 16 is kept and compared with the 16 after it, so that a repeat is seen if
/// it comes back in step within so many blocks: any period of up to 16 samples, of up to 16 bytes, or of up to 16 blocks.
pub struct HealthTests {
    cut_offs: &'static CutOffs,
    anchor: Secret<BLOCK_BYTES>,
    long_ones: u32,
    long_equal: u32,
    equal: [u16; 8],
    run: u16,
    ones: u16,
    at: u16,
    windows: u8,
    anchor_age: u8,
    history: u8,
    fault: Option<RngFault>,
}

impl HealthTests {
    /// Tests for a source that claims `entropy_per_bit_milli` thousandths of a bit for each sample, rounded down to 1000,
    /// 500, 300 or 100; nothing if the claim is below 100 or above 1000.
    ///
    /// What the first samples are compared with is zeros. That makes no alarm likelier: the claim bounds the probability
    /// of any value that was settled before.
    #[must_use]
    pub const fn of_claim(entropy_per_bit_milli: u16) -> Option<Self> {
        match CutOffs::of_claim(entropy_per_bit_milli) {
            Some(cut_offs) => Some(Self::new(cut_offs)),
            None => None,
        }
    }

    pub(crate) const fn new(cut_offs: &'static CutOffs) -> Self {
        Self {
            cut_offs,
            anchor: Secret::new([0; BLOCK_BYTES]),
            long_ones: 0,
            long_equal: 0,
            equal: [0; 8],
            run: 0,
            ones: 0,
            at: 0,
            windows: 0,
            anchor_age: ANCHOR_BLOCKS,
            history: 0,
            fault: None,
        }
    }

    /// Tests the next samples, eight to the byte, first sample in bit 0.
    ///
    /// # Errors
    /// The first [`RngFault`] there was, now or earlier.
    pub fn feed(&mut self, block: &[u8; BLOCK_BYTES]) -> Result<(), RngFault> {
        if self.anchor.expose() == block {
            self.latch(RngFault::Block);
        }
        if self.anchor_age == ANCHOR_BLOCKS {
            *self.anchor.expose_mut() = *block;
            self.anchor_age = 0;
        }
        self.anchor_age = self.anchor_age.saturating_add(1);
        for byte in block {
            let mut rest = *byte;
            for _ in 0..u8::BITS {
                self.sample(rest & 1);
                rest >>= 1;
            }
        }
        self.verdict()
    }

    /// The first fault there was.
    ///
    /// # Errors
    /// That fault.
    pub const fn verdict(&self) -> Result<(), RngFault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    pub(crate) fn latch(&mut self, fault: RngFault) {
        self.fault.get_or_insert(fault);
    }

    /// Counts one sample, 0 or 1.
    fn sample(&mut self, bit: u8) {
        // Bit d - 1 is set if this sample equals the one d before.
        let mut equal = self.history ^ if bit == 0 { 0xff } else { 0 };
        self.run = if equal & 1 == 0 { 1 } else { self.run.saturating_add(1) };
        if self.run >= self.cut_offs.repetition {
            self.latch(RngFault::Repetition);
        }
        for count in &mut self.equal {
            *count = count.wrapping_add(u16::from(equal & 1));
            equal >>= 1;
        }
        self.history = (self.history << 1) | bit;
        self.ones = self.ones.wrapping_add(u16::from(bit));
        self.at = self.at.wrapping_add(1);
        if self.at == WINDOW {
            self.close_window();
        }
    }

    /// Judges a full short window, and a long one with every 64th, and starts the next.
    fn close_window(&mut self) {
        let cut_off = self.cut_offs.proportion;
        let too_often = |hits: u16| hits.max(WINDOW.saturating_sub(hits)) >= cut_off;
        if too_often(self.ones) {
            self.latch(RngFault::Proportion);
        }
        if self.equal.iter().any(|hits| too_often(*hits)) {
            self.latch(RngFault::Lag);
        }
        let [equal_to_last, ..] = self.equal;
        self.long_equal = self.long_equal.saturating_add(u32::from(equal_to_last));
        self.long_ones = self.long_ones.saturating_add(u32::from(self.ones));
        self.windows = self.windows.saturating_add(1);
        if self.windows == WINDOWS_PER_LONG {
            let cut_off = self.cut_offs.bias;
            let too_often = |hits: u32| hits.max(LONG_WINDOW.saturating_sub(hits)) >= cut_off;
            if too_often(self.long_ones) || too_often(self.long_equal) {
                self.latch(RngFault::Bias);
            }
            (self.long_ones, self.long_equal, self.windows) = (0, 0, 0);
        }
        (self.ones, self.at, self.equal) = (0, 0, [0; 8]);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;

    /// The smallest c with P(X >= c) <= 2^-30, for X binomial over `samples` with p = 2^-H.
    #[expect(clippy::float_arithmetic, reason = "the oracle works with logarithms")]
    fn binomial_cut_off(samples: u32, entropy: f64) -> u32 {
        let ln_p = -entropy * core::f64::consts::LN_2;
        let ln_odds = (-ln_p.exp_m1()).ln() - ln_p;
        let (mut ln_term, mut tail) = (f64::from(samples) * ln_p, 0.0);
        for hits in (1..=samples).rev() {
            tail += ln_term.exp();
            if tail > (-30.0_f64).exp2() {
                return hits.saturating_add(1);
            }
            let misses = samples.saturating_sub(hits).saturating_add(1);
            ln_term += (f64::from(hits) / f64::from(misses)).ln() + ln_odds;
        }
        0
    }

    #[test]
    fn cut_offs_are_those_of_the_formulas() {
        for row in &CutOffs::ALL {
            let milli = u32::from(row.milli);
            let entropy = f64::from(milli) / 1e3;
            assert_eq!(u32::from(row.repetition), 30_000_u32.div_ceil(milli).saturating_add(1));
            assert_eq!(u32::from(row.proportion), binomial_cut_off(u32::from(WINDOW), entropy));
            assert_eq!(row.bias, binomial_cut_off(LONG_WINDOW, entropy));
            assert_eq!(u32::from(row.seed_blocks), 512_000_u32.div_ceil(milli).div_ceil(256));
        }
        assert_eq!(LONG_WINDOW, u32::from(WINDOW).saturating_mul(u32::from(WINDOWS_PER_LONG)));
    }

    #[test]
    fn a_claim_is_rounded_down_and_one_out_of_range_refused() {
        let milli = |claim| CutOffs::of_claim(claim).map(|row| row.milli);
        for (claims, row) in [
            (0..=99, None),
            (100..=299, Some(100)),
            (300..=499, Some(300)),
            (500..=999, Some(500)),
            (1_000..=1_000, Some(1_000)),
            (1_001..=u16::MAX, None),
        ] {
            for claim in claims {
                assert_eq!(milli(claim), row, "{claim}");
            }
        }
    }

    #[test]
    fn the_ram_is_as_stated() {
        assert!(size_of::<HealthTests>() <= 80);
    }
}
