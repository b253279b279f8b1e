//! Cuts power in the life of a device that appends to a ring.
//!
//! The index journal is perfect here: an index is taken once, and the void stored with it at one stroke. The author's tags
//! are a checksum that anybody can repeat. So what breaks is the ring's doing.
//!
//! The oracle knows each entry that was begun. *Solid* are those acknowledged, and those that an acknowledged session went
//! on from. Behind them each boot may have left one entry in flight: present at one mount, absent at the next, until a
//! session that acknowledges something decides. After each mount a reader of its own (`reader`) goes back through the
//! bytes from the tail and must find all that is solid and not given up, in order and byte by byte. A run also fails if a
//! mount writes, a start or a clear is refused for ever, an append erases, two bodies share a number, or a word is
//! programmed twice.

mod author;
mod reader;
mod recorder;

pub(crate) use self::author::hash;
use self::recorder::Recorder;
use super::histories::{self, Histories, Task};
use crate::exhaust::{Case, Geometry, Ran, Tally, Violation};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;

/// The models that the ring is claimed to survive: those within the contract of `NorFlash`.
pub const CLAIMED: [Model; Model::CONTRACT.len()] = Model::CONTRACT;

/// Variant bit: a full ring blocks.
pub const VARIANT_BLOCK: u32 = 1;
/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 2;
/// Variant bit: once, an operation fails although the power is on.
pub const VARIANT_FAILURE: u32 = 4;
/// Variant bit: long bodies, where nine of them fit a page.
pub const VARIANT_LONG: u32 = 8;
const VARIANTS: u32 = 16;

/// Runs at least `runs` cases, under the claimed models: histories with a cut at every operation, again at operations of
/// the recovery, and with up to 10 cuts in a row. `seed` draws the histories.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    histories::run::<Ring>(runs, seed)
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    histories::replay::<Ring>(case)
}

struct Ring;

impl Histories for Ring {
    const PAGE_MIN: usize = 1024;
    const CLAIMED: &'static [Model] = &CLAIMED;
    const RUNS: u64 = 15_000;

    fn draw(geometry: Geometry, seed: u64) -> Case {
        let mut prng = Prng::new(seed);
        let mut case = Case::new("ring", geometry, 3 + prng.below_u32(2), seed >> 32);
        case.variant = prng.below_u32(VARIANTS);
        case
    }

    fn perform<const READ: usize, const WRITE: usize, const PAGE: usize>(
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        task: Task<'_>,
    ) -> Result<Ran, Violation> {
        task.with(Recorder::new(case, flash), case, flash)
    }
}

/// An entry that was begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Entry {
    session: u32,
    seq: u64,
    page: u32,
    offset: u32,
    end: u32,
    floor: u32,
    hash: u64,
    acknowledged: bool,
}
