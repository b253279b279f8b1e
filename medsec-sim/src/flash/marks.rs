//! One bit for each word of a part: whether it was programmed since its page was erased.

/// The bits.
#[derive(Clone, Default, Debug)]
pub(super) struct Marks {
    bits: Vec<u64>,
}

const BITS: usize = 64;

impl Marks {
    pub(super) fn new(words: usize) -> Self {
        Self { bits: vec![0; words.div_ceil(BITS)] }
    }

    pub(super) fn is_set(&self, word: usize) -> bool {
        self.bits[word / BITS] & (1 << (word % BITS)) != 0
    }

    pub(super) fn set(&mut self, from: usize, to: usize) {
        each(from, to, |index, mask| self.bits[index] |= mask);
    }

    pub(super) fn clear(&mut self, from: usize, to: usize) {
        each(from, to, |index, mask| self.bits[index] &= !mask);
    }

    /// How many of the words are set.
    pub(super) fn count(&self, from: usize, to: usize) -> u64 {
        let mut set = 0;
        each(from, to, |index, mask| set += u64::from((self.bits[index] & mask).count_ones()));
        set
    }
}

/// Calls `act` with each element that holds a bit of `from..to`, and the mask of those bits.
fn each(from: usize, to: usize, mut act: impl FnMut(usize, u64)) {
    let mut at = from;
    while at < to {
        let (index, low) = (at / BITS, at % BITS);
        let bits = (BITS - low).min(to - at);
        let mask = if bits == BITS { u64::MAX } else { ((1 << bits) - 1) << low };
        act(index, mask);
        at += bits;
    }
}
