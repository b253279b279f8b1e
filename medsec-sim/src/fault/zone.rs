//! Unstable content.

use super::Model;
use crate::prng::{Prng, mix};

/// What decides together whether old or new content shows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Grain {
    Bit,
    Word,
    Record,
    #[default]
    Whole,
}

/// Whether reading unstable content fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Errors {
    Never,
    Sometimes,
    Always,
}

/// A stretch whose stored bytes are one of two contents that may show.
#[derive(Clone, Debug)]
pub(crate) struct Zone {
    start: usize,
    pub(super) other: Vec<u8>,
    /// Which words are unstable; empty if all are.
    pub(super) torn: Vec<bool>,
    seed: u64,
    grain: Grain,
    at_each_read: bool,
    other_in_8: u8,
    errors: Errors,
}

/// The moment of a read, as far as unstable content cares.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) boot: u64,
    pub(crate) read: u64,
    pub(crate) word: usize,
}

const RECORD_BYTES: usize = 64;

impl Zone {
    /// Draws how a stretch at `start` flickers between what is stored and `other`.
    pub(super) fn draw(model: Model, prng: &mut Prng, start: usize, other: Vec<u8>) -> Self {
        use Grain::{Bit, Record, Whole, Word};
        let errors = match (model, prng.below(3)) {
            (Model::ReadError, 0) => Errors::Always,
            (Model::ReadError, _) => Errors::Sometimes,
            _ => Errors::Never,
        };
        Self {
            start,
            other,
            torn: Vec::new(),
            seed: prng.word(),
            grain: prng.choose(&[Whole, Whole, Whole, Record, Record, Word, Word, Bit]),
            at_each_read: prng.one(1, 4),
            other_in_8: prng.choose(&[4, 4, 4, 4, 2, 6, 1, 7]),
            errors,
        }
    }

    pub(crate) fn within(&self, start: usize, end: usize) -> bool {
        self.start < end && start < self.start + self.other.len()
    }

    /// A program over unstable content clears bits of both contents.
    pub(crate) fn clear_bits(&mut self, start: usize, data: &[u8]) {
        for (byte, place) in self.other.iter_mut().zip(self.start..) {
            if let Some(cleared) = place.checked_sub(start).and_then(|index| data.get(index)) {
                *byte &= cleared;
            }
        }
    }

    /// Lays this zone over `out`, which holds the stored bytes from `start`; false if a word cannot be read.
    pub(crate) fn overlay(&self, start: usize, out: &mut [u8], now: Moment) -> bool {
        let from = start.max(self.start);
        let to = (start + out.len()).min(self.start + self.other.len());
        let epoch = if self.at_each_read { mix(now.read) } else { now.boot };
        let base = mix(self.seed ^ epoch);
        let (mut unit, mut drawn) = (usize::MAX, 0);
        let mut readable = true;
        for place in from..to {
            let position = place - self.start;
            if self.torn.get(position / now.word) == Some(&false) {
                continue;
            }
            let here = match self.grain {
                Grain::Bit => position,
                Grain::Word => position / now.word,
                Grain::Record => position / RECORD_BYTES,
                Grain::Whole => 0,
            };
            if here != unit {
                unit = here;
                drawn = mix(base ^ u64::try_from(unit).unwrap_or(0));
            }
            let failing = match self.errors {
                Errors::Never => false,
                Errors::Sometimes => drawn & 0x100 == 0,
                Errors::Always => true,
            };
            readable &= !failing;
            let [low, high, ..] = drawn.to_le_bytes();
            let mask = match self.grain {
                Grain::Bit => high,
                Grain::Word | Grain::Record | Grain::Whole if low & 7 < self.other_in_8 => 0xFF,
                Grain::Word | Grain::Record | Grain::Whole => 0,
            };
            out[place - start] = (out[place - start] & !mask) | (self.other[position] & mask);
        }
        readable
    }
}
