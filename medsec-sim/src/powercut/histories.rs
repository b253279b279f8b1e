//! Histories drawn by a seed over every geometry, each cut everywhere: what the drivers of ring and log have in common.

use core::marker::PhantomData;

use super::snapshot::{self, Device, Sweep};
use crate::exhaust::{self, Case, GEOMETRIES, Geometry, Ran, Tally, Violation};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::mix;

/// What is enough of one history, in runs.
const RUNS_WANTED: u64 = 2_500;

/// A structure whose histories are drawn.
pub(super) trait Histories {
    /// Smaller pages do not hold nine entries of the longest kind.
    const PAGE_MIN: usize;
    /// The models that it is claimed to survive.
    const CLAIMED: &'static [Model];
    /// Runs that a history gives without thinning, roughly.
    const RUNS: u64;

    /// The history that `seed` draws.
    fn draw(geometry: Geometry, seed: u64) -> Case;

    /// Makes the device of `case` and does `task` with it.
    fn perform<const READ: usize, const WRITE: usize, const PAGE: usize>(
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        task: Task<'_>,
    ) -> Result<Ran, Violation>;
}

/// What to do with a device.
pub(super) enum Task<'a> {
    /// Cut it everywhere.
    Sweep(&'a Sweep<'a>, &'a mut Tally),
    /// Cut it as its case says.
    Once,
}

impl Task<'_> {
    pub(super) fn with<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
        self,
        device: L,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation>
    where
        L: Device<FaultFlash<READ, WRITE, PAGE>>,
    {
        match self {
            Task::Sweep(sweep, tally) => {
                snapshot::sweep(device, case, flash, sweep, tally).map(|()| Ran::default())
            }
            Task::Once => snapshot::once(device, case, flash),
        }
    }
}

/// Runs at least `runs` cases: histories with a cut at every operation, again at operations of the recovery, and with up
/// to 10 cuts in a row. Where `runs` are few, each history is thinned by chance, so that every geometry is met.
pub(super) fn run<H: Histories>(runs: u64, seed: u64) -> Tally {
    let geometries: Vec<Geometry> =
        GEOMETRIES.into_iter().filter(|geometry| bytes(geometry.page) >= H::PAGE_MIN).collect();
    let share = runs / u64::try_from(2 * geometries.len()).unwrap_or(1);
    let one_in = H::RUNS / share.clamp(1, RUNS_WANTED);
    let sweep = Sweep {
        models: H::CLAIMED,
        sharpest: &Model::SHARPEST,
        second_cuts: 9,
        series: 40,
        one_in: u32::try_from(one_in).unwrap_or(u32::MAX),
    };
    let mut swept = Swept { sweep, tally: Tally::default(), histories: PhantomData::<H> };
    let mut seed = mix(seed);
    for geometry in geometries.iter().cycle() {
        if swept.tally.runs() >= runs {
            break;
        }
        seed = mix(seed);
        let case = H::draw(*geometry, seed);
        // A violation is in the tally.
        drop(exhaust::run(&mut swept, &case, &mut Tally::default()));
    }
    swept.tally
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
pub(super) fn replay<H: Histories>(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Once(PhantomData::<H>), case).map(|_| ())
}

fn bytes(page: u32) -> usize {
    usize::try_from(page).unwrap_or(0)
}

struct Swept<'a, H> {
    sweep: Sweep<'a>,
    tally: Tally,
    histories: PhantomData<H>,
}

impl<H: Histories> exhaust::Subject for Swept<'_, H> {
    const PAGE_MIN: usize = H::PAGE_MIN;

    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        H::perform(case, flash, Task::Sweep(&self.sweep, &mut self.tally))
    }
}

struct Once<H>(PhantomData<H>);

impl<H: Histories> exhaust::Subject for Once<H> {
    const PAGE_MIN: usize = H::PAGE_MIN;

    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        H::perform(case, flash, Task::Once)
    }
}
