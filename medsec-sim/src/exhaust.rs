//! Cutting the power everywhere: at every operation of a history, under every model, again during recovery, and in
//! series, with clean boots after it.
//!
//! Whoever tests a structure writes a [`Life`]: how it is made at the factory, what a boot does, what step `i` of a
//! history does, each with an oracle that knows which states are legal. A [`Subject`] runs one for a [`Case`], mostly
//! by [`live`]. The rest is here: [`every_cut`], [`series`], [`replay`] and the [`Tally`] they fill.
//!
//! A [`Case`] is one line of text and says all there is to know about a run, so that a failure can be kept and played
//! again.

use core::fmt;

use crate::fault::Model;
use crate::flash::{FaultFlash, GAPS, Gaps};
use crate::prng::{Prng, mix};

mod case;
mod tally;

pub use case::{Case, GEOMETRIES, Geometry, ParseCaseError};
pub use tally::{Row, Tally};

/// Boots without a cut at the end of each run, in which content that flickers has its last chance to do harm.
pub const CLEAN_BOOTS: u32 = 6;

/// A rule that a run broke.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The rule, in a word or two.
    pub rule: &'static str,
    /// What was seen.
    pub detail: String,
}

impl Violation {
    /// A violation of `rule`.
    #[must_use]
    pub fn new(rule: &'static str, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

impl core::error::Error for Violation {}

/// Why a boot or a step ended early.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stop {
    /// The power is off; a boot comes next.
    PowerCut,
    /// The run is over.
    Violation(Violation),
}

impl From<Violation> for Stop {
    fn from(violation: Violation) -> Self {
        Self::Violation(violation)
    }
}

impl Stop {
    /// What an error of the code under test means: a power cut if the power is off, else a violation of `rule`.
    pub fn of<const READ: usize, const WRITE: usize, const PAGE: usize>(
        flash: &FaultFlash<READ, WRITE, PAGE>,
        rule: &'static str,
        error: &dyn fmt::Display,
    ) -> Self {
        if flash.is_off() {
            Self::PowerCut
        } else {
            Self::Violation(Violation::new(rule, error.to_string()))
        }
    }
}

/// What a run cost.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Ran {
    /// Programs, erases and erase steps after the factory and before the clean boots: where a first cut can fall.
    pub operations: u32,
    /// The most of them in one boot that was not cut.
    pub recovery_max: u32,
}

/// Runs a structure for a case.
pub trait Subject {
    /// Pages smaller than this are not for it: no code is made for them.
    const PAGE_MIN: usize = 0;

    /// Runs `case` on `flash`, which is blank, powered and behaves as the case says, and cuts it as the case says:
    /// [`live`] does all this.
    ///
    /// # Errors
    /// The rule that was broken. A word programmed twice need not be looked for: [`run`] does.
    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation>;
}

/// A device with its oracle, over flash of type `F`.
pub trait Life<F> {
    /// Brings blank flash to the state a device leaves the factory in. Never cut.
    ///
    /// # Errors
    /// The factory must not fail.
    fn factory(&mut self, flash: &mut F) -> Result<(), Stop>;

    /// Power has come on: forgets what was in memory, mounts, settles, and compares with the oracle.
    ///
    /// # Errors
    /// As [`Stop`] says.
    fn boot(&mut self, flash: &mut F) -> Result<(), Stop>;

    /// Step `index` of the history. A step that wants a clean reboot powers the flash off and says
    /// [`Stop::PowerCut`]. A step that was cut is not repeated: the next one follows the boot.
    ///
    /// # Errors
    /// As [`Stop`] says.
    fn step(&mut self, flash: &mut F, index: u32) -> Result<(), Stop>;
}

/// Runs a life: the factory, a boot, `steps` steps with the cuts of the case in them, six clean boots, one more step.
///
/// # Errors
/// The rule that was broken.
pub fn live<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    life: &mut L,
    case: &Case,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    steps: u32,
) -> Result<Ran, Violation>
where
    L: Life<FaultFlash<READ, WRITE, PAGE>>,
{
    let never = |stop| match stop {
        Stop::Violation(violation) => violation,
        Stop::PowerCut => Violation::new("harness", "power failed where no cut was due"),
    };
    life.factory(flash).map_err(never)?;
    let begun = flash.operations();
    let mut ran = Ran::default();
    flash.power_off();
    flash.set_gaps(case.cuts);
    for index in 0..steps {
        boot_if_off(life, flash, &mut ran)?;
        match life.step(flash, index) {
            Ok(()) | Err(Stop::PowerCut) => {}
            Err(Stop::Violation(violation)) => return Err(violation),
        }
    }
    boot_if_off(life, flash, &mut ran)?;
    ran.operations = u32::try_from(flash.operations() - begun).unwrap_or(u32::MAX);
    flash.set_gaps([0; GAPS]);
    for _ in 0..CLEAN_BOOTS {
        flash.power_off();
        flash.power_on();
        life.boot(flash).map_err(never)?;
    }
    match life.step(flash, steps) {
        Ok(()) | Err(Stop::PowerCut) => {}
        Err(Stop::Violation(violation)) => return Err(violation),
    }
    boot_if_off(life, flash, &mut ran)?;
    Ok(ran)
}

/// Boots until a boot is not cut.
fn boot_if_off<const READ: usize, const WRITE: usize, const PAGE: usize, L>(
    life: &mut L,
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ran: &mut Ran,
) -> Result<(), Violation>
where
    L: Life<FaultFlash<READ, WRITE, PAGE>>,
{
    for _ in 0..=GAPS {
        if !flash.is_off() {
            return Ok(());
        }
        flash.power_on();
        match life.boot(flash) {
            Ok(()) => {
                ran.recovery_max = ran.recovery_max.max(flash.operations_since_power_on());
            }
            Err(Stop::PowerCut) if flash.is_off() => {}
            Err(Stop::PowerCut) => {
                return Err(Violation::new("harness", "a boot stopped with the power on"));
            }
            Err(Stop::Violation(violation)) => return Err(violation),
        }
    }
    if flash.is_off() {
        return Err(Violation::new("harness", "more cuts than a case holds"));
    }
    Ok(())
}

/// Runs one case and enters it in `tally`.
///
/// # Errors
/// The rule that was broken, also entered in the tally.
pub fn run<S: Subject>(subject: &mut S, case: &Case, tally: &mut Tally) -> Result<Ran, Violation> {
    // One line for each geometry, because each is a type of its own.
    match (case.read, case.write, case.page) {
        (1, 1, 512) => on::<1, 1, 512, S>(subject, case, tally),
        (4, 4, 512) => on::<4, 4, 512, S>(subject, case, tally),
        (1, 8, 512) => on::<1, 8, 512, S>(subject, case, tally),
        (1, 1, 1024) => on::<1, 1, 1024, S>(subject, case, tally),
        (4, 1, 1024) => on::<4, 1, 1024, S>(subject, case, tally),
        (1, 2, 1024) => on::<1, 2, 1024, S>(subject, case, tally),
        (1, 4, 1024) => on::<1, 4, 1024, S>(subject, case, tally),
        (4, 4, 1024) => on::<4, 4, 1024, S>(subject, case, tally),
        (4, 8, 1024) => on::<4, 8, 1024, S>(subject, case, tally),
        (1, 16, 1024) => on::<1, 16, 1024, S>(subject, case, tally),
        (4, 32, 1024) => on::<4, 32, 1024, S>(subject, case, tally),
        (4, 1, 2048) => on::<4, 1, 2048, S>(subject, case, tally),
        (1, 2, 2048) => on::<1, 2, 2048, S>(subject, case, tally),
        (4, 4, 2048) => on::<4, 4, 2048, S>(subject, case, tally),
        (1, 8, 2048) => on::<1, 8, 2048, S>(subject, case, tally),
        (4, 16, 2048) => on::<4, 16, 2048, S>(subject, case, tally),
        (1, 32, 2048) => on::<1, 32, 2048, S>(subject, case, tally),
        (4, 64, 2048) => on::<4, 64, 2048, S>(subject, case, tally),
        (1, 4, 4096) => on::<1, 4, 4096, S>(subject, case, tally),
        (4, 4, 4096) => on::<4, 4, 4096, S>(subject, case, tally),
        (1, 128, 4096) => on::<1, 128, 4096, S>(subject, case, tally),
        (1, 256, 4096) => on::<1, 256, 4096, S>(subject, case, tally),
        (4, 256, 4096) => on::<4, 256, 4096, S>(subject, case, tally),
        _ => Err(Violation::new("harness", "no such geometry")),
    }
}

fn on<const READ: usize, const WRITE: usize, const PAGE: usize, S: Subject>(
    subject: &mut S,
    case: &Case,
    tally: &mut Tally,
) -> Result<Ran, Violation> {
    if PAGE < S::PAGE_MIN {
        return Err(Violation::new("harness", "pages are too small"));
    }
    let mut flash = FaultFlash::<READ, WRITE, PAGE>::new(case.pages, case.model, case.flash_seed());
    let mut ran = subject.run(case, &mut flash);
    if ran.is_ok() && flash.double_programs() != 0 {
        let detail = format!("{} words", flash.double_programs());
        ran = Err(Violation::new("double program", detail));
    }
    tally.enter(case, &flash, ran.as_ref().err());
    ran
}

/// Runs a stored case again.
///
/// # Errors
/// The rule that was broken.
pub fn replay<S: Subject>(subject: &mut S, case: &Case) -> Result<Ran, Violation> {
    run(subject, case, &mut Tally::default())
}

/// How thoroughly to cut.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// The models to run under.
    pub models: &'a [Model],
    /// A second cut is tried at each of so many operations after the first; 0 means single cuts only.
    pub second_cuts: u32,
    /// Of the runs with a second cut, 2 in 3 get a third and 1 in 3 a fourth, if this is set.
    pub more_cuts: bool,
    /// Runs one in so many of the cases, chosen by chance; 1 runs all.
    pub one_in: u32,
}

/// Runs the history of `case` uncut, then with a cut at every operation, under every model, and for each of these again
/// with further cuts as `plan` says.
///
/// # Errors
/// The uncut run broke a rule. What the others break is in `tally`.
pub fn every_cut<S: Subject>(
    subject: &mut S,
    case: &Case,
    plan: &Plan<'_>,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let mut case = Case { cuts: [0; GAPS], ..case.clone() };
    let uncut = run(subject, &case, tally)?;
    let mut prng = Prng::new(mix(case.seed) ^ case.flash_seed());
    for first in 1..=uncut.operations {
        for second in 0..=plan.second_cuts {
            for model in plan.models {
                if prng.below_u32(plan.one_in) != 0 {
                    continue;
                }
                case.model = *model;
                case.cuts = [0; GAPS];
                case.cuts[0] = first;
                case.cuts[1] = second;
                if second != 0 && plan.more_cuts && prng.one(2, 3) {
                    case.cuts[2] = 1 + prng.below_u32(9);
                    case.cuts[3] = if prng.one(1, 2) { 1 + prng.below_u32(9) } else { 0 };
                }
                // A violation is in the tally.
                drop(run(subject, &case, tally));
            }
        }
    }
    Ok(())
}

/// Runs the history of `case` `runs` times, each with two to `cuts_max` cuts close behind each other, under models
/// drawn from `models`.
///
/// # Errors
/// The uncut run broke a rule. What the others break is in `tally`.
pub fn series<S: Subject>(
    subject: &mut S,
    case: &Case,
    models: &[Model],
    cuts_max: u32,
    runs: u32,
    tally: &mut Tally,
) -> Result<(), Violation> {
    let mut case = Case { cuts: [0; GAPS], ..case.clone() };
    let uncut = run(subject, &case, tally)?;
    let mut prng = Prng::new(!mix(case.seed) ^ case.flash_seed());
    for draw in 0..runs {
        let Some(model) = models.get(prng.below(models.len())) else {
            return Ok(());
        };
        case.model = *model;
        case.draw = draw;
        case.cuts = gaps(&mut prng, uncut.operations, cuts_max);
        // A violation is in the tally.
        drop(run(subject, &case, tally));
    }
    Ok(())
}

fn gaps(prng: &mut Prng, operations: u32, cuts_max: u32) -> Gaps {
    let mut gaps = [0; GAPS];
    let cuts = 2 + prng.below_u32(cuts_max.saturating_sub(1));
    for (gap, _) in gaps.iter_mut().zip(0..cuts) {
        let within = if prng.one(1, 8) { 30 } else { 9 };
        *gap = 1 + prng.below_u32(within);
    }
    gaps[0] = 1 + prng.below_u32(operations);
    gaps
}
