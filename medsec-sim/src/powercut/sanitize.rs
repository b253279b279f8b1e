//! Cuts power in the life of a device that erases what its owner left, passes to another, and ends.
//!
//! The device has an identity, secrets, credentials, a log, settings, and a module that is there, away, or another one. It is sanitized for a
//! change of owner, given new secrets, and decommissioned. Every page holds words that are found nowhere else. A run fails if data went
//! before the secrets or anything before the intent, if a byte of what a certificate covers is found anywhere afterwards, in this boot or a
//! later one, if a certificate that was stored is lost or does not verify, if the identity is gone without one, if the journal goes back, if a
//! mount writes, a step does more than one operation, or a word is programmed twice.

mod device;
mod order;
mod parts;

use self::device::Device;
use self::parts::PAGES;
use super::spread;
use crate::exhaust::{self, Case, Geometry, Ran, Tally, Violation, live};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;

/// The models that sanitizing is claimed to survive: those of the cell that its journal is.
pub use super::cell::CLAIMED;

/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 1;
/// Variant bit: operations fail although the power is on.
pub const VARIANT_FAILURE: u32 = 2;
/// Variant bit: somebody has the log.
pub const VARIANT_RECEIPT: u32 = 4;
/// Variant bit: the device is decommissioned at once.
pub const VARIANT_END: u32 = 8;
const VARIANTS: u32 = 16;

const STEPS: u32 = 16;
/// What one history takes, roughly.
const RUNS_PER_HISTORY: u64 = 40_000;

/// Runs at least `runs` cases over every geometry, under the claimed models: each history with a cut at every
/// operation and again at each operation of the recovery, then with up to 10 cuts in a row. `seed` draws the histories.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    let size = (runs, RUNS_PER_HISTORY, seed);
    spread::run(&mut Lives, draw, size, (&CLAIMED, &Model::SHARPEST))
}

/// As [`run`], but only series of cuts, where rare faults of a design show.
#[must_use]
#[inline]
pub fn in_series(runs: u64, seed: u64) -> Tally {
    spread::in_series(&mut Lives, draw, runs, seed)
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Lives, case).map(|_| ())
}

fn draw(geometry: Geometry, seed: u64) -> Case {
    let mut case = Case::new("sanitize", geometry, PAGES, seed >> 32);
    case.variant = Prng::new(seed).below_u32(VARIANTS);
    case
}

struct Lives;

impl exhaust::Subject for Lives {
    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        live(&mut Device::<PAGE>::new(case), case, flash, STEPS)
    }
}
