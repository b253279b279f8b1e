//! Cuts power in the life of a device with an audit log: cell, ring and ciphers as they are.
//!
//! Records, checkpoints, the forgetting of secrets, clearing, and the change to a fresh chain of secrets come in any order,
//! and one step of maintenance at a time. After each boot a host verifies the image of the part (`host`): with the log
//! authority's secret and, of some, without, and at the end from an export. No verdict may be bad, a torn tail may only be
//! the record in flight at the end of a session, and each acknowledged record that policy did not give up must be there,
//! byte by byte. A run also fails if a mount fails or writes, a step of maintenance does more than one erase, an append
//! erases, a session index, salt or sequence number is used twice (`tap`), the log can neither record nor be cleared, or
//! a word is programmed twice.

mod host;
mod station;
mod tap;

use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305};

use self::station::Station;
use super::snapshot::{self, Sweep};
use crate::exhaust::{self, Case, GEOMETRIES, Geometry, Ran, Tally, Violation};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::{Prng, mix};

/// The models that the log is claimed to survive: those within the contract of `NorFlash`.
pub const CLAIMED: [Model; Model::CONTRACT.len()] = Model::CONTRACT;

/// Variant bit: a full log blocks.
pub const VARIANT_BLOCK: u32 = 1;
/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 2;
/// Variant bit: once, an operation fails although the power is on.
pub const VARIANT_FAILURE: u32 = 4;
/// Variant bit: the second suite.
pub const VARIANT_CHACHA: u32 = 8;
/// Variant bit: the noise source is stuck.
pub const VARIANT_STUCK: u32 = 16;
/// Variant bit: the chain of secrets nears its end.
pub const VARIANT_CHAIN: u32 = 32;
const VARIANTS: u32 = 32;

/// A page of the log holds nine records of the longest kind.
const PAGE_MIN: usize = 2048;
/// Pages of the cell, before those of the ring.
const CELL_PAGES: u32 = 4;

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
        Sweep { models: &[], sharpest: &Model::SHARPEST, second_cuts: 0, series: 20, one_in: 1 };
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
const RUNS_PER_HISTORY: u64 = 30_000;
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
        let pages = CELL_PAGES + 3 + prng.below_u32(2);
        let mut case = Case::new("audit", *geometry, pages, seed >> 32);
        case.variant = prng.below_u32(VARIANTS);
        if prng.one(1, 6) {
            case.variant |= VARIANT_CHAIN;
        }
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
        let (sweep, tally) = (&self.sweep, &mut self.tally);
        if case.variant & VARIANT_CHACHA == 0 {
            let station = Station::<Aes256Gcm>::new(case, flash)?;
            snapshot::sweep(station, case, flash, sweep, tally)?;
        } else {
            let station = Station::<ChaCha20Poly1305>::new(case, flash)?;
            snapshot::sweep(station, case, flash, sweep, tally)?;
        }
        Ok(Ran::default())
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
        if case.variant & VARIANT_CHACHA == 0 {
            snapshot::once(Station::<Aes256Gcm>::new(case, flash)?, case, flash)
        } else {
            snapshot::once(Station::<ChaCha20Poly1305>::new(case, flash)?, case, flash)
        }
    }
}
