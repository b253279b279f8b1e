//! The device: who logs in, who guesses, and what they are told.

use core::ops::ControlFlow;

use medsec_auth::lockout::{
    AtCut, Attempt, AttemptError, Attempts, Config, Limits, Outcome, Policy, SettleError, Settled,
};
use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::{PAGES, Progress};
use medsec_core::time::{Pause, Ticks};

use super::model::{CLASSES, FACTORS, Key, Oracle, ROWS};
use super::{STEPS, VARIANT_FAILURE, VARIANT_LONG};
use crate::exhaust::{Case, Life, Stop, Violation};
use crate::flash::FaultFlash;
use crate::prng::Prng;

/// Few, so that histories reach them.
const POLICY: Policy =
    Policy::of(Limits { free: 2, local: 6, remote: 4, service: 6, ..Limits::DEFAULT });

/// Longer than any wait.
const STEP_MS: u64 = 1_000_000;

/// Operations of the longest work: four pages replaced and healed, with an erase in steps.
const WORK_MAX: u32 = 64;
/// Times that a page may have to be replaced for one record.
const PAGES_MAX: u32 = 4;

/// What a device does in a step.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Act {
    /// Somebody guesses, up to three times.
    #[default]
    Guess,
    /// The owner logs in.
    Login,
    /// A code that passed before is shown again.
    Replay,
    /// A fault in the middle of a comparison.
    Fault,
    /// An attempt begins; its verdict comes in a later step.
    Hold,
    /// The verdict of the attempt that is held: right.
    Release,
    State,
    Rebind,
    /// The state is acted upon.
    Use,
    Reboot,
}

/// A device with its oracle.
pub(super) struct Device {
    config: Config,
    attempts: Option<Attempts>,
    oracle: Oracle,
    prng: Prng,
    now: u64,
    held: Option<(Attempt, Key)>,
    /// An attempt of the same row and class was begun since.
    is_stale: bool,
    fails_at: Option<u32>,
    is_long: bool,
}

fn root() -> Secret<32> {
    Secret::new([0x5A; 32])
}

impl Device {
    pub(super) fn new(case: &Case, at_cut: AtCut) -> Self {
        let mut prng = Prng::new(case.seed);
        let fails = case.variant & VARIANT_FAILURE != 0;
        let region = Region::new(0, case.page.saturating_mul(PAGES));
        Self {
            config: Config { region, policy: POLICY, at_cut },
            attempts: None,
            oracle: Oracle::new(at_cut == AtCut::LosesPage),
            fails_at: fails.then(|| 1 + prng.below_u32(60)),
            prng,
            now: 0,
            held: None,
            is_stale: false,
            is_long: case.variant & VARIANT_LONG != 0,
        }
    }

    fn key(&mut self) -> Key {
        Key {
            row: self.prng.below(ROWS.len()),
            class: self.prng.below(CLASSES.len()),
            factor: self.prng.below(FACTORS.len()),
        }
    }

    fn now(&mut self) -> Ticks {
        self.now += STEP_MS;
        Ticks::from_millis(self.now)
    }

    fn act<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
        act: Act,
    ) -> Result<(), Stop> {
        let key = self.key();
        match act {
            Act::Guess => {
                for _ in 0..=self.prng.below(3) {
                    self.tried(flash, attempts, key, |_| Outcome::Wrong)?;
                }
            }
            Act::Fault => {
                self.tried(flash, attempts, key, |_| Outcome::NoVerdict)?;
            }
            Act::Login => {
                self.tried(flash, attempts, key, |device| device.right(key))?;
            }
            Act::Replay => {
                let key = Key { factor: 1, ..key };
                let Some(step) = self.oracle.last_passed(key.row) else { return Ok(()) };
                self.tried(flash, attempts, key, |_| Outcome::Right { step: Some(step) })?;
            }
            Act::Hold => {
                self.held = None;
                if let Some(attempt) = self.begin(flash, attempts, key)? {
                    (self.held, self.is_stale) = (Some((attempt, key)), false);
                }
            }
            Act::Release => {
                let Some((attempt, key)) = self.held.take() else { return Ok(()) };
                let (outcome, is_stale) = (self.right(key), self.is_stale);
                let has_passed = self.settle(flash, attempts, (attempt, key), outcome)?;
                if has_passed && is_stale {
                    return Err(Violation::new("stale", "an attempt has passed twice").into());
                }
            }
            Act::State => {
                let state = self.oracle.state_begun();
                let begun = attempts.set_state(state).is_ok();
                if self.change(flash, attempts, begun)?.is_continue() && attempts.state() != state {
                    return Err(Violation::new("acknowledged", "state is not in force").into());
                }
            }
            Act::Rebind => {
                self.rebind(flash, attempts, key.row)?;
            }
            Act::Use => {
                attempts.begin_renewal();
                if self.work(flash, attempts)?.is_continue() {
                    self.oracle.used(attempts)?;
                }
            }
            Act::Reboot => {
                flash.power_off();
                return Err(Stop::PowerCut);
            }
        }
        Ok(self.oracle.check(attempts)?)
    }

    fn right(&mut self, key: Key) -> Outcome {
        if key.factor == 0 {
            return Outcome::Right { step: None };
        }
        self.oracle.newest_step += 1;
        Outcome::Right { step: Some(self.oracle.newest_step) }
    }

    fn rebind<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
        row: usize,
    ) -> Result<(), Stop> {
        self.oracle.rebind_begun(row);
        // The same secret as before, so the same last step.
        let last_step = attempts.last_step(ROWS[row]);
        self.held = self.held.take().filter(|(_, key)| key.row != row);
        let begun = attempts.rebind(ROWS[row], last_step).is_ok();
        let is_done = self.change(flash, attempts, begun)?.is_continue();
        let mut keys = Key::all().filter(|key| key.row == row);
        if is_done && keys.any(|key| attempts.failures(key.row(), key.class(), key.factor()) != 0) {
            return Err(Violation::new("acknowledged", "a row is not open").into());
        }
        Ok(())
    }

    fn change<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
        begun: bool,
    ) -> Result<ControlFlow<()>, Stop> {
        if !begun {
            return Err(Violation::new("change", "refused without a replace under way").into());
        }
        self.work(flash, attempts)
    }

    /// Begins and settles an attempt. Whether it passed.
    fn tried<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
        key: Key,
        outcome: impl FnOnce(&mut Self) -> Outcome,
    ) -> Result<bool, Stop> {
        let Some(attempt) = self.begin(flash, attempts, key)? else { return Ok(false) };
        let outcome = outcome(self);
        self.settle(flash, attempts, (attempt, key), outcome)
    }

    fn begin<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
        key: Key,
    ) -> Result<Option<Attempt>, Stop> {
        let now = self.now();
        if let Some((_, held)) = &self.held {
            self.is_stale |= held.row == key.row && held.class == key.class;
        }
        for _ in 0..PAGES_MAX {
            let before = flash.operations();
            let begun = attempts.begin(flash, key.row(), key.class(), key.factor(), now);
            if flash.is_off() {
                self.oracle.begun_in_part(key);
                return Err(Stop::PowerCut);
            }
            let is_refusal = begun.is_err() && !matches!(begun, Err(AttemptError::Flash(_)));
            if is_refusal && flash.operations() != before {
                return Err(Violation::new("refusal", "it has written").into());
            }
            match begun {
                Ok(attempt) => {
                    self.oracle.begun(key);
                    if *attempt.blinds() != [[0; 32]; 2] {
                        return Err(Violation::new("blind", "an attempt is not on flash").into());
                    }
                    return Ok(Some(attempt));
                }
                Err(AttemptError::NotReady) => {
                    if self.work(flash, attempts)?.is_break() {
                        return Ok(None);
                    }
                }
                Err(AttemptError::Disabled) => {
                    let failures = attempts.failures(key.row(), key.class(), key.factor());
                    if failures < POLICY.disabled_at(key.class()) {
                        return Err(Violation::new("disabled", "too early").into());
                    }
                    return Ok(None);
                }
                // Three faults in a row; the next boot begins anew.
                Err(AttemptError::StoreFault) => return Ok(None),
                Err(AttemptError::Flash(_)) => {
                    self.oracle.begun_in_part(key);
                    return Ok(None);
                }
                Err(error) => return Err(Violation::new("begin", error.to_string()).into()),
            }
        }
        Err(Violation::new("wedged", "no page is ever ready for an attempt").into())
    }

    fn settle<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
        (mut attempt, key): (Attempt, Key),
        outcome: Outcome,
    ) -> Result<bool, Stop> {
        let step = match outcome {
            Outcome::Right { step } => step,
            Outcome::Wrong | Outcome::NoVerdict | _ => None,
        };
        for _ in 0..PAGES_MAX {
            let settled = attempts.settle(flash, attempt, outcome);
            if flash.is_off() {
                self.oracle.passed_in_part(key, step);
                return Err(Stop::PowerCut);
            }
            match settled {
                Ok(Settled::Passed(passed)) => {
                    if (passed.row(), passed.step()) != (key.row(), step) {
                        return Err(Violation::new("passed", "as somebody else").into());
                    }
                    self.oracle.passed(key, step)?;
                    return Ok(true);
                }
                Ok(Settled::Later(again)) => {
                    attempt = again;
                    if self.work(flash, attempts)?.is_break() {
                        return Ok(false);
                    }
                }
                Ok(_) | Err(SettleError::Stale | SettleError::Step) => return Ok(false),
                Err(_) => {
                    self.oracle.passed_in_part(key, step);
                    return Ok(false);
                }
            }
        }
        Err(Violation::new("wedged", "no page is ever ready for an outcome").into())
    }

    /// Does what was begun, one operation a step. Breaks if the part failed with the power on.
    fn work<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
    ) -> Result<ControlFlow<()>, Stop> {
        if !attempts.is_busy() {
            return Ok(ControlFlow::Continue(()));
        }
        for _ in 0..WORK_MAX {
            let before = flash.operations();
            let progress = attempts.step(flash, &Pause::lend(&mut (), 1));
            if flash.is_off() {
                return Err(Stop::PowerCut);
            }
            if flash.operations() > before + 1 {
                return Err(Violation::new("step", "more than one operation").into());
            }
            match progress {
                Ok(Progress::Done) => {
                    self.oracle.is_now(attempts)?;
                    return Ok(ControlFlow::Continue(()));
                }
                Ok(_) => {}
                Err(_) => return Ok(ControlFlow::Break(())),
            }
        }
        Err(Violation::new("work", "neither done nor failed").into())
    }

    /// A row that is opened again lets its owner in, whatever happened before.
    fn close<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        attempts: &mut Attempts,
    ) -> Result<(), Stop> {
        for row in 0..2 {
            self.rebind(flash, attempts, row)?;
            let key = Key { row, class: 1, factor: 1 };
            if !self.tried(flash, attempts, key, |device| device.right(key))? {
                return Err(Violation::new("wedged", "the owner is not let in").into());
            }
        }
        Ok(self.oracle.check(attempts)?)
    }

    fn with_attempts<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        act: impl FnOnce(
            &mut Self,
            &mut FaultFlash<READ, WRITE, PAGE>,
            &mut Attempts,
        ) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let Some(mut attempts) = self.attempts.take() else {
            return Err(Violation::new("harness", "a step without a boot").into());
        };
        let outcome = act(self, flash, &mut attempts);
        self.attempts = Some(attempts);
        outcome
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Life<FaultFlash<READ, WRITE, PAGE>>
    for Device
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        Attempts::format(flash, &self.config, &root(), 1_u32.to_le_bytes())
            .map_err(|error| Stop::of(flash, "format", &error))?;
        if let Some(operation) = self.fails_at {
            flash.fail_after(operation);
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        (self.held, self.now) = (None, 0);
        let writes = flash.operations();
        let attempts = Attempts::mount(flash, &self.config, &root())
            .map_err(|error| Stop::of(flash, "mount", &error))?;
        if flash.operations() != writes {
            return Err(Violation::new("mount", "it has written").into());
        }
        self.oracle.check(&attempts)?;
        // A failure on top of what a cut left.
        if self.fails_at.is_some() && attempts.needs_renewal() && self.prng.one(1, 2) {
            flash.fail_after(4 + self.prng.below_u32(16));
        }
        self.attempts = Some(attempts);
        Ok(())
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, index: u32) -> Result<(), Stop> {
        if index == STEPS {
            flash.fail_after(0);
            return self.with_attempts(flash, Self::close);
        }
        use Act::{Fault, Guess, Hold, Login, Rebind, Reboot, Release, Replay, State, Use};
        let mut act = self.prng.choose(&[
            Guess, Guess, Guess, Guess, Login, Login, Login, Login, Login, Replay, Fault, Hold,
            Hold, Release, Release, State, Rebind, Use, Reboot, Reboot, Reboot, Reboot,
        ]);
        if self.is_long && act == Reboot && !self.prng.one(1, 6) {
            act = Login;
        }
        self.with_attempts(flash, |device, flash, attempts| device.act(flash, attempts, act))
    }
}
