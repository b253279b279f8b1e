//! What a power cut leaves of the operation it falls into.
//!
//! A program is in flight in the words it covers, an erase in its whole page. Each [`Model`] draws what those read as
//! afterwards. Some models leave *unstable* content: it reads differently from one read, or one boot, to the next, until
//! the page is erased. The coherent kinds (a whole record or page shows its old or its new content, and keeps to that
//! within a boot) find most faults of a design, so they are drawn most often.

use core::fmt;
use core::str::FromStr;

use crate::prng::Prng;

mod zone;

pub(crate) use zone::{Moment, Zone};

/// How a part behaves when its supply fails during an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Model {
    /// The operation is complete or has not begun.
    None,
    /// Bytes up to some place are done, the rest is untouched.
    BytePrefix,
    /// Any bits that were to change have changed.
    RandomBits,
    /// One half of the page is erased; of a program, some first words are done.
    HalfErase,
    /// Words hold any content.
    RandomWords,
    /// Stretches of one word to one page are old, blank or random.
    PartlyOld,
    /// Content flickers between old and new: by bit, word, 64-byte record or as a whole; at each read or each boot.
    Metastable,
    /// Words answer a read with an error, always or at times.
    ReadError,
    /// As [`Model::Metastable`]; and a word programmed a second time cannot be read until erased.
    Ecc,
    /// Words read blank for ever, but count as programmed.
    EarlyErased,
    /// The whole page that is programmed turns to garbage.
    SectorLoss,
    /// One word of another page loses or gains bits at each cut. Reported, never part of a claim.
    Neighbour,
}

impl Model {
    /// Number of models.
    pub const COUNT: usize = 12;

    /// Every model.
    pub const ALL: [Self; Self::COUNT] = [
        Self::None,
        Self::BytePrefix,
        Self::RandomBits,
        Self::HalfErase,
        Self::RandomWords,
        Self::PartlyOld,
        Self::Metastable,
        Self::ReadError,
        Self::Ecc,
        Self::EarlyErased,
        Self::SectorLoss,
        Self::Neighbour,
    ];

    /// The models that stay within the contract of `NorFlash`: only the words or the page in flight are affected.
    pub const CONTRACT: [Self; 10] = [
        Self::None,
        Self::BytePrefix,
        Self::RandomBits,
        Self::HalfErase,
        Self::RandomWords,
        Self::PartlyOld,
        Self::Metastable,
        Self::ReadError,
        Self::Ecc,
        Self::EarlyErased,
    ];

    /// The models that find most faults of a design; long series of cuts are spent on them.
    pub const SHARPEST: [Self; 5] =
        [Self::PartlyOld, Self::Metastable, Self::ReadError, Self::Ecc, Self::EarlyErased];

    /// Its place in [`Model::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::None => 0,
            Self::BytePrefix => 1,
            Self::RandomBits => 2,
            Self::HalfErase => 3,
            Self::RandomWords => 4,
            Self::PartlyOld => 5,
            Self::Metastable => 6,
            Self::ReadError => 7,
            Self::Ecc => 8,
            Self::EarlyErased => 9,
            Self::SectorLoss => 10,
            Self::Neighbour => 11,
        }
    }

    /// Its name in cases and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BytePrefix => "byte-prefix",
            Self::RandomBits => "random-bits",
            Self::HalfErase => "half-erase",
            Self::RandomWords => "random-words",
            Self::PartlyOld => "partly-old",
            Self::Metastable => "metastable",
            Self::ReadError => "read-error",
            Self::Ecc => "ecc",
            Self::EarlyErased => "early-erased",
            Self::SectorLoss => "sector-loss",
            Self::Neighbour => "neighbour",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No model has this name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownModel;

impl fmt::Display for UnknownModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no fault model has this name")
    }
}

impl core::error::Error for UnknownModel {}

impl FromStr for Model {
    type Err = UnknownModel;

    fn from_str(name: &str) -> Result<Self, UnknownModel> {
        Self::ALL.into_iter().find(|model| model.name() == name).ok_or(UnknownModel)
    }
}

/// The operation a cut fell into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OperationKind {
    /// A program of one or more words.
    Program,
    /// An erase of a whole page.
    Erase,
    /// One step of a partial erase.
    EraseStep,
}

impl OperationKind {
    /// Number of kinds.
    pub const COUNT: usize = 3;

    /// Its place in tables.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Program => 0,
            Self::Erase => 1,
            Self::EraseStep => 2,
        }
    }
}

/// What a cut left.
pub(crate) enum Left {
    /// Nothing happened: the words keep their state.
    Untouched,
    /// It is done.
    Complete,
    /// Stable content; the words count as programmed.
    Torn,
    /// The same, unstable.
    Unstable(Zone),
}

/// A place in the part: byte offset, and bytes in a word.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) word: usize,
}

/// Cuts a program of `done` over `old`; `done` becomes what is stored.
pub(crate) fn tear_program(
    model: Model,
    prng: &mut Prng,
    at: Place,
    old: &[u8],
    done: &mut [u8],
) -> Left {
    let words = done.len() / at.word;
    match model {
        Model::None => {
            if prng.one(1, 2) {
                return Left::Complete;
            }
            done.copy_from_slice(old);
            Left::Untouched
        }
        Model::BytePrefix => {
            let kept = prng.below(done.len() + 1);
            done[kept..].copy_from_slice(&old[kept..]);
            Left::Torn
        }
        Model::HalfErase => {
            let kept = prng.below(words + 1) * at.word;
            done[kept..].copy_from_slice(&old[kept..]);
            Left::Torn
        }
        Model::RandomBits => {
            in_flight(prng, at.word, old, done, |prng, _, old, done| {
                let dense = prng.below(3);
                for (byte, was) in done.iter_mut().zip(old) {
                    *byte |= was & mask(prng, dense);
                }
            });
            Left::Torn
        }
        Model::RandomWords => {
            in_flight(prng, at.word, old, done, |prng, _, _, done| prng.fill(done));
            Left::Torn
        }
        Model::PartlyOld | Model::SectorLoss | Model::Neighbour => {
            in_flight(prng, at.word, old, done, |prng, _, old, done| match prng.below(3) {
                0 => done.copy_from_slice(old),
                1 => prng.fill(done),
                _ => {}
            });
            Left::Torn
        }
        Model::EarlyErased => {
            in_flight(prng, at.word, old, done, |_, _, old, done| done.copy_from_slice(old));
            Left::Torn
        }
        Model::Metastable | Model::Ecc | Model::ReadError => {
            Left::Unstable(unstable_program(model, prng, at, old, done))
        }
    }
}

/// Cuts an erase of a page that holds `page`, which becomes what is stored.
pub(crate) fn tear_erase(model: Model, prng: &mut Prng, at: Place, page: &mut [u8]) -> Left {
    match model {
        Model::None => {
            if prng.one(1, 2) {
                return Left::Untouched;
            }
            page.fill(0xFF);
            return Left::Complete;
        }
        Model::BytePrefix => {
            let erased = prng.below(page.len() + 1);
            page[..erased].fill(0xFF);
        }
        Model::RandomBits => {
            let dense = prng.below(3);
            for byte in page.iter_mut() {
                *byte |= mask(prng, dense);
            }
        }
        Model::HalfErase => {
            let half = page.len() / 2;
            if prng.one(1, 2) {
                page[..half].fill(0xFF);
            } else {
                page[half..].fill(0xFF);
            }
        }
        Model::RandomWords => {
            let all = prng.one(1, 2);
            for word in page.chunks_mut(at.word) {
                if all || prng.one(1, 2) {
                    prng.fill(word);
                } else if prng.one(1, 2) {
                    word.fill(0xFF);
                }
            }
        }
        Model::PartlyOld | Model::Neighbour => {
            let sizes = (page.len() / at.word).ilog2();
            let stretch = at.word << prng.below_u32(sizes + 1);
            for chunk in page.chunks_mut(stretch) {
                match prng.below(3) {
                    0 => chunk.fill(0xFF),
                    1 => prng.fill(chunk),
                    _ => {}
                }
            }
        }
        Model::SectorLoss => prng.fill(page),
        Model::EarlyErased => page.fill(0xFF),
        Model::Metastable | Model::Ecc | Model::ReadError => {
            let other = page.to_vec();
            page.fill(0xFF);
            return Left::Unstable(Zone::draw(model, prng, at.start, other));
        }
    }
    Left::Torn
}

/// Flips one to four bits of one word: what a cut does to a neighbour.
pub(crate) fn disturb(prng: &mut Prng, word: &mut [u8]) {
    for _ in 0..=prng.below(4) {
        let place = prng.below(word.len());
        word[place] ^= 1 << prng.below(8);
    }
}

/// A byte in which about 1/16, 1/2 or 15/16 of the bits are set.
fn mask(prng: &mut Prng, dense: usize) -> u8 {
    let [a, b, c, d, ..] = prng.word().to_le_bytes();
    match dense {
        0 => a & b & c & d,
        1 => a,
        _ => a | b | c | d,
    }
}

/// Calls `tear` for each word in flight: the word at the cut, every word of the operation, or any of them. Of the
/// others the earlier are done and the later untouched, or each is either.
fn in_flight(
    prng: &mut Prng,
    word: usize,
    old: &[u8],
    done: &mut [u8],
    mut tear: impl FnMut(&mut Prng, usize, &[u8], &mut [u8]),
) {
    let words = done.len() / word;
    let shape = prng.below(3);
    let at_cut = prng.below(words);
    for (index, (old, done)) in old.chunks(word).zip(done.chunks_mut(word)).enumerate() {
        let (torn, untouched) = match shape {
            0 => (index == at_cut, index > at_cut),
            1 => (true, false),
            _ => (prng.one(1, 2), prng.one(1, 2)),
        };
        if torn {
            tear(prng, index, old, done);
        } else if untouched {
            done.copy_from_slice(old);
        }
    }
}

/// Unstable words after a program; the others are settled.
fn unstable_program(model: Model, prng: &mut Prng, at: Place, old: &[u8], done: &mut [u8]) -> Zone {
    let complete = done.to_vec();
    let mut zone = Zone::draw(model, prng, at.start, old.to_vec());
    if prng.one(1, 2) {
        // The whole operation in flight: a complete record that comes and goes.
        return zone;
    }
    let few_bits = prng.one(1, 3);
    let mut torn = vec![false; done.len() / at.word];
    in_flight(prng, at.word, old, done, |_, index, _, _| torn[index] = true);
    for (index, _) in torn.iter().enumerate().filter(|(_, torn)| few_bits && **torn) {
        let word = index * at.word..(index + 1) * at.word;
        let (was, whole) = (&old[word.clone()], &complete[word.clone()]);
        let base = if prng.one(1, 2) { was } else { whole };
        done[word.clone()].copy_from_slice(base);
        zone.other[word.clone()].copy_from_slice(base);
        flip_differing(prng, was, whole, &mut zone.other[word]);
    }
    zone.torn = torn;
    zone
}

/// Flips one to three of the bits in which `was` and `whole` differ.
fn flip_differing(prng: &mut Prng, was: &[u8], whole: &[u8], word: &mut [u8]) {
    let mut wanted = 1 + prng.below(3);
    for _ in 0..64 {
        let (place, bit) = (prng.below(word.len()), 1 << prng.below(8));
        if (was[place] ^ whole[place]) & bit != 0 {
            word[place] ^= bit;
            wanted -= 1;
        }
        if wanted == 0 {
            return;
        }
    }
}
