//! Cutting a long history everywhere without running it from its start each time.
//!
//! A device keeps nothing in memory while its power is off, so flash and oracle at that moment are all of it. The history
//! runs once, uncut; each boot of it is then run again from its snapshot with the power cut at each operation. A stored
//! case runs the same way, so it shows the same.

use core::ops::ControlFlow;

use crate::exhaust::{CLEAN_BOOTS, Case, Life, Ran, Stop, Tally, Violation};
use crate::fault::Model;
use crate::flash::{FaultFlash, GAPS, Gaps};
use crate::prng::{Prng, mix};

/// A device with its oracle, which can be copied while its power is off.
pub(super) trait Device<F>: Life<F> {
    /// Steps of its history.
    fn steps(&self) -> u32;

    /// The oracle, and nothing of what was in memory.
    fn at_rest(&self) -> Self;

    /// Does what a device that was not harmed can always do. Never cut.
    fn close(&mut self, flash: &mut F) -> Result<(), Stop>;
}

/// How thoroughly to cut.
#[derive(Clone, Copy)]
pub(super) struct Sweep<'a> {
    pub(super) models: &'a [Model],
    /// The models of the long series.
    pub(super) sharpest: &'a [Model],
    /// A second cut is tried at each of so many operations after the first; 2 in 3 of these get a third, half of them a
    /// fourth.
    pub(super) second_cuts: u32,
    /// Runs with up to [`CUTS_MAX`] cuts for each first cut.
    pub(super) series: u32,
    /// Runs one in so many, chosen by chance.
    pub(super) one_in: u32,
}

/// Cuts in a long series.
const CUTS_MAX: u32 = 10;
/// Steps after the last cut, in which content that flickers may do harm.
const STEPS_AFTER: u32 = 8;
/// Steps in which all cuts must have fallen.
const STEPS_MAX: u32 = 150;

/// The moment before a boot.
struct Snapshot<L, const READ: usize, const WRITE: usize, const PAGE: usize> {
    life: L,
    flash: FaultFlash<READ, WRITE, PAGE>,
    step: u32,
    /// Operations since the factory.
    operations: u32,
}

/// Walks through the boots of the uncut history; `at_boot` learns from where a boot of how many operations began.
fn boots<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    mut life: L,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    mut at_boot: impl FnMut(&Snapshot<L, READ, WRITE, PAGE>, u32) -> ControlFlow<()>,
) -> Result<(), Violation>
where
    L: Device<FaultFlash<READ, WRITE, PAGE>>,
{
    flash.set_model(Model::None);
    life.factory(flash).map_err(never)?;
    flash.power_off();
    let factory = flash.operations();
    let since = |operations: u64| u32::try_from(operations - factory).unwrap_or(u32::MAX);
    let mut step = 0;
    while step < life.steps() {
        let operations = since(flash.operations());
        let before = Snapshot { life: life.at_rest(), flash: flash.clone(), step, operations };
        life = life.at_rest();
        flash.power_on();
        life.boot(flash).map_err(never)?;
        while step < life.steps() && !flash.is_off() {
            go(&mut life, flash, step)?;
            step += 1;
        }
        flash.power_off();
        if at_boot(&before, since(flash.operations()) - operations).is_break() {
            break;
        }
    }
    Ok(())
}

/// Runs `life` uncut, then with its power cut as `sweep` says, and enters all of it in `tally`.
///
/// # Errors
/// The uncut run broke a rule; it is in the tally too.
pub(super) fn sweep<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    life: L,
    case: &Case,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    sweep: &Sweep<'_>,
    tally: &mut Tally,
) -> Result<(), Violation>
where
    L: Device<FaultFlash<READ, WRITE, PAGE>>,
{
    let mut case = Case { cuts: [0; GAPS], model: Model::None, draw: 0, ..case.clone() };
    let mut work = flash.clone();
    let mut prng = Prng::new(mix(case.seed) ^ case.flash_seed());
    let uncut = case.clone();
    let whole = boots(life, flash, |before, operations| {
        for first in 1..=operations {
            for second in 0..=sweep.second_cuts {
                for model in sweep.models {
                    if prng.below_u32(sweep.one_in) == 0 {
                        (case.model, case.draw) = (*model, 0);
                        case.cuts = gaps_of_few(&mut prng, before.operations + first, second);
                        enter(before, &case, &mut work, tally);
                    }
                }
            }
            for draw in 0..sweep.series {
                if prng.below_u32(sweep.one_in) == 0 {
                    case.model = sweep.sharpest[prng.below(sweep.sharpest.len())];
                    case.draw = 1 + draw;
                    case.cuts = gaps_of_many(&mut prng, before.operations + first);
                    enter(before, &case, &mut work, tally);
                }
            }
        }
        ControlFlow::Continue(())
    });
    let whole = whole.and_then(|()| single_programs(flash));
    tally.enter(&uncut, flash, whole.as_ref().err());
    whole
}

fn gaps_of_few(prng: &mut Prng, first: u32, second: u32) -> Gaps {
    let mut gaps = [0; GAPS];
    gaps[0] = first;
    gaps[1] = second;
    if second != 0 && prng.one(2, 3) {
        gaps[2] = 1 + prng.below_u32(9);
        gaps[3] = if prng.one(1, 2) { 1 + prng.below_u32(9) } else { 0 };
    }
    gaps
}

fn gaps_of_many(prng: &mut Prng, first: u32) -> Gaps {
    let mut gaps = [0; GAPS];
    let cuts = 2 + prng.below_u32(CUTS_MAX - 1);
    for (gap, _) in gaps.iter_mut().zip(0..cuts) {
        let within = if prng.one(1, 8) { 30 } else { 9 };
        *gap = 1 + prng.below_u32(within);
    }
    gaps[0] = first;
    gaps
}

fn enter<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    before: &Snapshot<L, READ, WRITE, PAGE>,
    case: &Case,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    tally: &mut Tally,
) where
    L: Device<FaultFlash<READ, WRITE, PAGE>>,
{
    let ran = from(before, case, flash).and_then(|()| single_programs(flash));
    tally.enter(case, flash, ran.as_ref().err());
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
pub(super) fn once<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    life: L,
    case: &Case,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
) -> Result<Ran, Violation>
where
    L: Device<FaultFlash<READ, WRITE, PAGE>>,
{
    let mut work = flash.clone();
    let mut ran = Ok(());
    boots(life, flash, |before, operations| {
        let within = case.cuts[0].checked_sub(before.operations);
        if within.is_some_and(|first| (1..=operations).contains(&first)) {
            ran = from(before, case, &mut work);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    if case.cuts[0] != 0 {
        flash.restore(&work);
    }
    ran.map(|()| Ran { operations: work.operations_since_power_on(), ..Ran::default() })
}

/// Runs on from a snapshot, with the cuts of `case`.
fn from<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    before: &Snapshot<L, READ, WRITE, PAGE>,
    case: &Case,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
) -> Result<(), Violation>
where
    L: Device<FaultFlash<READ, WRITE, PAGE>>,
{
    let mut life = before.life.at_rest();
    flash.restore(&before.flash);
    flash.set_model(case.model);
    flash.reseed(case.flash_seed());
    let mut gaps = case.cuts;
    gaps[0] -= before.operations;
    flash.set_gaps(gaps);
    let cuts = u32::try_from(case.cut_count()).unwrap_or(u32::MAX);
    let mut after = 0;
    for step in before.step..before.step + STEPS_MAX {
        boot_if_off(&mut life, flash)?;
        go(&mut life, flash, step)?;
        after += u32::from(flash.cuts_in_all() >= cuts);
        if after > STEPS_AFTER {
            break;
        }
    }
    flash.set_gaps([0; GAPS]);
    for _ in 0..CLEAN_BOOTS {
        flash.power_off();
        boot_if_off(&mut life, flash)?;
    }
    life.close(flash).map_err(never)?;
    flash.power_off();
    boot_if_off(&mut life, flash)
}

fn single_programs<const READ: usize, const WRITE: usize, const PAGE: usize>(
    flash: &FaultFlash<READ, WRITE, PAGE>,
) -> Result<(), Violation> {
    match flash.double_programs() {
        0 => Ok(()),
        words => Err(Violation::new("double program", format!("{words} words"))),
    }
}

fn go<F, L: Device<F>>(life: &mut L, flash: &mut F, step: u32) -> Result<(), Violation> {
    match life.step(flash, step) {
        Ok(()) | Err(Stop::PowerCut) => Ok(()),
        Err(Stop::Violation(violation)) => Err(violation),
    }
}

fn boot_if_off<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    life: &mut L,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
) -> Result<(), Violation>
where
    L: Device<FaultFlash<READ, WRITE, PAGE>>,
{
    if !flash.is_off() {
        return Ok(());
    }
    *life = life.at_rest();
    flash.power_on();
    life.boot(flash).map_err(never)
}

fn never(stop: Stop) -> Violation {
    match stop {
        Stop::Violation(violation) => violation,
        Stop::PowerCut => Violation::new("harness", "power failed where no cut was due"),
    }
}
