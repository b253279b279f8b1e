//! Cuts power in the life of a device on which people log in, and others guess.
//!
//! Two principals and somebody unknown, at the device and from outside, with what they know and with one-time passwords:
//! right, wrong, replayed, without a verdict, one attempt held open while others go on; the state word changes, rows are
//! opened again, the power is switched off. The oracle (`model`) is a naive one: of every count, step and word it keeps the
//! values that a mount may find. A run fails if one is found below these (*free guess*) or above (*loss*: more than one
//! charge for a cut), if a step passes twice, if the state is lost, if a row that is open again does not let its owner in
//! (*wedged*); also if a mount or a refusal writes, a step does more than one operation, a blind of an attempt is not
//! zero, or a word is programmed twice.

mod device;
mod model;

use medsec_auth::lockout::AtCut;
use medsec_core::flash::cell::PAGES;

use self::device::Device;
use super::cell;
use crate::exhaust::{
    self, Case, GEOMETRIES, Geometry, Plan, Ran, Tally, Violation, every_cut, live, series,
};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::{Prng, mix};

/// The models that the attempts are claimed to survive: those of the cell. On a part that loses pages
/// ([`Model::SectorLoss`]) only as [`AtCut::LosesPage`].
pub const CLAIMED: [Model; cell::CLAIMED.len()] = cell::CLAIMED;

/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 1;
/// Variant bit: operations fail although the power is on.
pub const VARIANT_FAILURE: u32 = 2;
/// Variant bit: attempts have pages of their own.
pub const VARIANT_LOSES_PAGE: u32 = 4;
/// Variant bit: the power is hardly ever switched off, so that pages fill up.
pub const VARIANT_LONG: u32 = 8;
const VARIANTS: u32 = 16;

const STEPS: u32 = 14;
const CUTS_MAX: u32 = 10;
/// Smaller pages have no room for the copies of the value.
const PAGE_MIN: usize = 1024;
/// What one history takes, roughly.
const RUNS_PER_HISTORY: u64 = 12_000;
/// What is enough of one, chosen by chance: what matters is who does what in which order, so many histories find more.
const RUNS_WANTED: u64 = 600;

/// Runs at least `runs` cases over every geometry, under the claimed models: each history with a cut at every
/// operation and again at each operation of the recovery, then with up to 10 cuts in a row. `seed` draws the histories.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    let share = runs / u64::try_from(geometries().count()).unwrap_or(1);
    let one_in = RUNS_PER_HISTORY / share.clamp(1, RUNS_WANTED);
    let one_in = u32::try_from(one_in).unwrap_or(u32::MAX);
    let mut tally = Tally::default();
    let mut seed = mix(seed);
    for geometry in geometries().collect::<Vec<_>>().into_iter().cycle() {
        if tally.runs() >= runs {
            break;
        }
        seed = mix(seed);
        let case = draw(geometry, seed);
        let loses = case.variant & VARIANT_LOSES_PAGE != 0;
        let models: &[Model] = if loses { &CLAIMED } else { &Model::CONTRACT };
        let plan = Plan { models, second_cuts: 9, more_cuts: true, one_in };
        let before = tally.runs();
        // An uncut run that breaks a rule is in the tally; cuts would only repeat it.
        if every_cut(&mut Logins, &case, &plan, &mut tally).is_err() {
            continue;
        }
        let cut = u32::try_from(tally.runs() - before).unwrap_or(u32::MAX);
        let sharpest: &[Model] = if loses { &SHARPEST_LOSING } else { &Model::SHARPEST };
        // It breaks none uncut, or else it would not have come this far.
        drop(series(&mut Logins, &case, sharpest, CUTS_MAX, cut / 2, &mut tally));
    }
    tally
}

/// As [`run`], but only series of cuts, where rare faults of a design show.
#[must_use]
#[inline]
pub fn in_series(runs: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    let mut seed = mix(seed);
    for geometry in geometries().collect::<Vec<_>>().into_iter().cycle() {
        seed = mix(seed);
        let case = draw(geometry, seed);
        let loses = case.variant & VARIANT_LOSES_PAGE != 0;
        let models: &[Model] = if loses { &SHARPEST_LOSING } else { &Model::SHARPEST };
        // A violation is in the tally.
        drop(series(&mut Logins, &case, models, CUTS_MAX, 500, &mut tally));
        if tally.runs() >= runs {
            break;
        }
    }
    tally
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Logins, case).map(|_| ())
}

/// The models of the long series where attempts have pages of their own.
const SHARPEST_LOSING: [Model; 6] = [
    Model::SectorLoss,
    Model::PartlyOld,
    Model::Metastable,
    Model::ReadError,
    Model::Ecc,
    Model::EarlyErased,
];

fn geometries() -> impl Iterator<Item = Geometry> {
    let fits = |geometry: &Geometry| usize::try_from(geometry.page).unwrap_or(0) >= PAGE_MIN;
    GEOMETRIES.into_iter().filter(fits)
}

fn draw(geometry: Geometry, seed: u64) -> Case {
    let mut case = Case::new("auth", geometry, PAGES, seed >> 32);
    case.variant = Prng::new(seed).below_u32(VARIANTS);
    case
}

struct Logins;

impl exhaust::Subject for Logins {
    const PAGE_MIN: usize = PAGE_MIN;

    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        let loses = case.variant & VARIANT_LOSES_PAGE != 0;
        let at_cut = if loses { AtCut::LosesPage } else { AtCut::KeepsPage };
        live(&mut Device::new(case, at_cut), case, flash, STEPS)
    }
}
