//! Cuts power in the life of a device that keeps one value in a cell.
//!
//! The oracle is a set of legal values: the last one acknowledged or acted upon, and all that were being written since.
//! Acknowledging or acting makes it a single value. A boot may only read, act, or settle; steps replace, act, forget,
//! and power off. A run also fails if a mount writes or reads a copy twice, a step does more than one operation, an
//! epoch falls, a forgotten value is still on the part, or a word is programmed twice.

use core::ops::ControlFlow;

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::{Cell, OVERHEAD_BYTES, PAGES, Progress};
use medsec_core::key::{Label, MacKey};
use medsec_core::suite::TAG_BYTES;
use medsec_core::time::Pause;

use super::spread;
use crate::exhaust::{self, Case, Geometry, Life, Ran, Stop, Tally, Violation, live};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;

/// The models that the cell is claimed to survive: all but [`Model::Neighbour`].
pub const CLAIMED: [Model; Model::COUNT - 1] = [
    Model::None,
    Model::BytePrefix,
    Model::RandomBits,
    Model::HalfErase,
    Model::RandomWords,
    Model::PartlyOld,
    Model::Metastable,
    Model::ReadError,
    Model::Ecc,
    Model::EarlyErased,
    Model::SectorLoss,
];

/// Variant bit: values of [`LARGE`] bytes instead of [`SMALL`].
pub const VARIANT_LARGE: u32 = 1;
/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 2;
/// Variant bit: operations fail although the power is on: one in the history, others while a cell is being healed.
pub const VARIANT_FAILURE: u32 = 4;
const VARIANTS: u32 = 8;

/// Bytes of a small value: a copy fits into one 64-byte stretch that flickers as a whole.
pub const SMALL: usize = 16;
/// Bytes of a large value: a copy is two such stretches.
pub const LARGE: usize = 100;

const STEPS: u32 = 12;
const KIND: u8 = 7;
/// Operations of the longest work: four pages replaced, healed and forgotten, with an erase in steps.
const WORK_MAX: u32 = 64;

/// Runs at least `runs` cases over every geometry, under the claimed models: each history with a cut at every
/// operation and again at each operation of the recovery, then with up to 10 cuts in a row. `seed` draws the histories.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    let size = (runs, RUNS_PER_HISTORY, seed);
    spread::run(&mut Cells, draw, size, (&CLAIMED, &Model::SHARPEST))
}

/// As [`run`], under [`Model::Neighbour`]: what happens to a part that damages words it was not asked to touch.
#[must_use]
#[inline]
pub fn neighbour(runs: u64, seed: u64) -> Tally {
    let models = [Model::Neighbour];
    spread::run(&mut Cells, draw, (runs, RUNS_PER_HISTORY, seed), (&models, &models))
}

/// As [`run`], but only series of cuts, where rare faults of a design show.
#[must_use]
#[inline]
pub fn in_series(runs: u64, seed: u64) -> Tally {
    spread::in_series(&mut Cells, draw, runs, seed)
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Cells, case).map(|_| ())
}

/// What one history takes, roughly.
const RUNS_PER_HISTORY: u64 = 9_000;

fn draw(geometry: Geometry, seed: u64) -> Case {
    let mut case = Case::new("cell", geometry, PAGES, seed >> 32);
    case.variant = Prng::new(seed).below_u32(VARIANTS);
    case
}

struct Cells;

impl exhaust::Subject for Cells {
    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        if case.variant & VARIANT_LARGE == 0 {
            live(&mut Device::<SMALL>::new(case), case, flash, STEPS)
        } else {
            live(&mut Device::<LARGE>::new(case), case, flash, STEPS)
        }
    }
}

/// What a device does with its value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Act {
    /// Nothing that anybody sees.
    #[default]
    Read,
    /// Acts upon the value, after settling if the cell asks for it.
    Use,
    /// Settles if the cell asks for it.
    Settle,
    Replace,
    Forget,
    /// Replaces, then forgets while that is pending.
    ReplaceAndForget,
    Reboot,
}

struct Device<const VALUE: usize> {
    region: Region,
    cell: Option<Cell<VALUE>>,
    prng: Prng,
    /// The last value written, as a number.
    newest: u64,
    /// What a mount may find.
    legal: Vec<u64>,
    /// The epoch of the last value acknowledged or acted upon.
    epoch: u32,
    fails_at: Option<u32>,
}

fn mac() -> MacKey {
    MacKey::derive(&Secret::new([0x5A; 32]), Label::Lifecycle)
}

fn value_of<const VALUE: usize>(number: u64) -> Secret<VALUE> {
    let mut bytes = [0; VALUE];
    Prng::new(number).fill(&mut bytes);
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Secret::new(bytes)
}

impl<const VALUE: usize> Device<VALUE> {
    fn new(case: &Case) -> Self {
        let mut prng = Prng::new(case.seed);
        let fails = case.variant & VARIANT_FAILURE != 0;
        Self {
            region: Region::new(0, case.page.saturating_mul(PAGES)),
            cell: None,
            fails_at: fails.then(|| 1 + prng.below_u32(40)),
            prng,
            newest: 1,
            legal: vec![1],
            epoch: 0,
        }
    }

    /// The number of the value in force, if it is one that a mount may find.
    fn number(&self, cell: &Cell<VALUE>) -> Result<u64, Violation> {
        let shown = cell.value().expose();
        let found = self.legal.iter().find(|number| value_of::<VALUE>(**number).expose() == shown);
        found.copied().ok_or_else(|| {
            let number = shown.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            Violation::new("value", format!("{number} is none of {:?}", self.legal))
        })
    }

    /// `number` was acknowledged or acted upon: nothing else may be found from now on.
    fn is_now(&mut self, number: u64, epoch: u32) -> Result<(), Violation> {
        if epoch < self.epoch {
            return Err(Violation::new("epoch", format!("{epoch} after {}", self.epoch)));
        }
        self.epoch = epoch;
        self.legal.clear();
        self.legal.push(number);
        Ok(())
    }

    fn act<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        cell: &mut Cell<VALUE>,
        act: Act,
    ) -> Result<(), Stop> {
        let mut number = self.number(cell)?;
        match act {
            Act::Read => return Ok(()),
            Act::Reboot => {
                flash.power_off();
                return Err(Stop::PowerCut);
            }
            Act::Use | Act::Settle if cell.needs_settle() => {
                cell.begin_replace(cell.value().duplicate());
            }
            Act::Use => {}
            Act::Settle => return Ok(()),
            Act::Forget => cell.begin_forget(),
            Act::Replace | Act::ReplaceAndForget => {
                self.newest += 1;
                number = self.newest;
                self.legal.push(number);
                cell.begin_replace(value_of(number));
                if act == Act::ReplaceAndForget {
                    cell.begin_forget();
                }
            }
        }
        if work(flash, cell)?.is_break() {
            // What was in force stays so, or is so now if only the forgetting failed.
            let number = self.number(cell)?;
            return if cell.needs_settle() {
                Ok(())
            } else {
                Ok(self.is_now(number, cell.epoch())?)
            };
        }
        if cell.value().expose() != value_of::<VALUE>(number).expose() || cell.needs_settle() {
            return Err(Violation::new("acknowledged", format!("{number} is not in force")).into());
        }
        self.is_now(number, cell.epoch())?;
        if matches!(act, Act::Forget | Act::ReplaceAndForget) {
            forgotten(&flash.image(), cell, slot_bytes::<VALUE>(READ, WRITE), self.newest)?;
        }
        Ok(())
    }

    fn with_cell<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        act: Act,
    ) -> Result<(), Stop> {
        let Some(mut cell) = self.cell.take() else {
            return Err(Violation::new("harness", "a step without a boot").into());
        };
        let outcome = self.act(flash, &mut cell, act);
        self.cell = Some(cell);
        outcome
    }
}

/// Does what was begun, one operation a step. Breaks if the part failed with the power on.
fn work<const READ: usize, const WRITE: usize, const PAGE: usize, const VALUE: usize>(
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    cell: &mut Cell<VALUE>,
) -> Result<ControlFlow<()>, Stop> {
    for _ in 0..WORK_MAX {
        let (mut lender, before) = ((), flash.operations());
        let progress = cell.step(flash, &Pause::lend(&mut lender, 1));
        // Without power no code runs: an answer in which the cell tolerates the last operation reaches nobody.
        if flash.is_off() {
            return Err(Stop::PowerCut);
        }
        if flash.operations() > before + 1 {
            return Err(Violation::new("step", "more than one operation").into());
        }
        match progress {
            Ok(Progress::Done) if cell.is_busy() => break,
            Ok(Progress::Done) => return Ok(ControlFlow::Continue(())),
            Ok(_) => {}
            Err(_) if cell.is_busy() => break,
            Err(_) => return Ok(ControlFlow::Break(())),
        }
    }
    Err(Violation::new("work", "neither done nor failed").into())
}

fn slot_bytes<const VALUE: usize>(read: usize, write: usize) -> usize {
    (VALUE + OVERHEAD_BYTES).next_multiple_of(read.max(write).max(4))
}

/// Checks that one page holds values, of all that were ever written, and the others none.
fn forgotten<const VALUE: usize>(
    image: &[u8],
    cell: &Cell<VALUE>,
    slot: usize,
    newest: u64,
) -> Result<(), Violation> {
    let from = OVERHEAD_BYTES - TAG_BYTES;
    // The number itself is mostly zeros, which a torn tomb may show by chance.
    let drawn = from + 8..from + 16;
    let written: Vec<_> = (1..=newest).map(value_of::<VALUE>).collect();
    let known =
        |copy: &[u8]| written.iter().any(|value| copy[drawn.clone()] == value.expose()[8..16]);
    let pages = image.chunks(image.len() / 4);
    let live = pages.filter(|page| page.chunks(slot).take(3).any(known)).count();
    if live == 1 && cell.live_pages() == 1 {
        return Ok(());
    }
    Err(Violation::new("forget", format!("{live} pages hold values")))
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const VALUE: usize>
    Life<FaultFlash<READ, WRITE, PAGE>> for Device<VALUE>
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        Cell::<VALUE>::format(flash, self.region, KIND, mac(), value_of(1))
            .map_err(|error| Stop::of(flash, "format", &error))?;
        if let Some(operation) = self.fails_at {
            flash.fail_after(operation);
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        let (writes, reads) = (flash.operations(), flash.counts().reads);
        let cell = Cell::mount(flash, self.region, KIND, mac())
            .map_err(|error| Stop::of(flash, "mount", &error))?;
        if flash.operations() != writes || flash.counts().reads > reads + 12 {
            return Err(Violation::new("mount", "wrote, or read a copy twice").into());
        }
        // A failure on top of what a cut left: while pages are being healed.
        if self.fails_at.is_some() && cell.needs_settle() && self.prng.one(1, 2) {
            flash.fail_after(4 + self.prng.below_u32(12));
        }
        self.cell = Some(cell);
        use Act::{Read, Settle, Use};
        let act = self.prng.choose(&[Read, Read, Use, Use, Use, Settle]);
        self.with_cell(flash, act)
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, _: u32) -> Result<(), Stop> {
        use Act::{Forget, Reboot, Replace, ReplaceAndForget, Use};
        let act = self.prng.choose(&[
            Replace,
            Replace,
            Replace,
            Replace,
            Use,
            Forget,
            ReplaceAndForget,
            Reboot,
            Reboot,
            Reboot,
        ]);
        self.with_cell(flash, act)
    }
}
