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
use super::snapshot::{self, Sweep};
use crate::exhaust::{self, Case, GEOMETRIES, Geometry, Ran, Tally, Violation};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::{Prng, mix};

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

/// A page of the ring holds nine entries of the longest kind.
const PAGE_MIN: usize = 1024;

/// Runs at least `runs` cases, under the claimed models: histories with a cut at every operation, again at operations of
/// the recovery, and with up to 10 cuts in a row. `seed` draws the histories.
#[must_use]
pub fn run(runs: u64, seed: u64) -> Tally {
    drive(runs, seed, None)
}

/// As [`run`], only series of many cuts.
#[must_use]
pub fn in_series(runs: u64, seed: u64) -> Tally {
    let sweep =
        Sweep { models: &[], sharpest: &Model::SHARPEST, second_cuts: 0, series: 60, one_in: 1 };
    drive(runs, seed, Some(sweep))
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
pub fn replay(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Once, case).map(|_| ())
}

/// What a history gives without thinning, roughly.
const RUNS_PER_HISTORY: u64 = 15_000;
/// And what is enough of one.
const RUNS_WANTED: u64 = 2_500;

fn drive(runs: u64, seed: u64, sweep: Option<Sweep<'_>>) -> Tally {
    let geometries: Vec<Geometry> =
        GEOMETRIES.into_iter().filter(|geometry| bytes(geometry.page) >= PAGE_MIN).collect();
    let share = runs / u64::try_from(2 * geometries.len()).unwrap_or(1);
    let one_in = RUNS_PER_HISTORY / share.clamp(1, RUNS_WANTED);
    let sweep = sweep.unwrap_or(Sweep {
        models: &CLAIMED,
        sharpest: &Model::SHARPEST,
        second_cuts: 9,
        series: 40,
        one_in: u32::try_from(one_in).unwrap_or(u32::MAX),
    });
    let mut swept = Swept { sweep, tally: Tally::default() };
    let mut seed = mix(seed);
    for geometry in geometries.iter().cycle() {
        if swept.tally.runs() >= runs {
            break;
        }
        seed = mix(seed);
        let mut prng = Prng::new(seed);
        let mut case = Case::new("ring", *geometry, 3 + prng.below_u32(2), seed >> 32);
        case.variant = prng.below_u32(VARIANTS);
        // A violation is in the tally.
        drop(exhaust::run(&mut swept, &case, &mut Tally::default()));
    }
    swept.tally
}

fn bytes(page: u32) -> usize {
    usize::try_from(page).unwrap_or(0)
}

struct Swept<'a> {
    sweep: Sweep<'a>,
    tally: Tally,
}

impl exhaust::Subject for Swept<'_> {
    const PAGE_MIN: usize = PAGE_MIN;

    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        let device = Recorder::new(case, flash);
        snapshot::sweep(device, case, flash, &self.sweep, &mut self.tally).map(|()| Ran::default())
    }
}

struct Once;

impl exhaust::Subject for Once {
    const PAGE_MIN: usize = PAGE_MIN;

    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        let device = Recorder::new(case, flash);
        snapshot::once(device, case, flash)
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
