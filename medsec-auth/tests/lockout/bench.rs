//! A part with attempts on it.

use medsec_auth::lockout::{
    AtCut, Attempt, AttemptError, Attempts, Class, Config, Factor, Limits, Outcome, Passed, Policy,
    Row, SettleError, Settled,
};
use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::{PAGES, Progress};
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;

pub(crate) type Part = FaultFlash<4, 4, 1024>;

pub(crate) const REGION: Region = Region::new(0, 4 * 1024);
pub(crate) const STATE: [u8; 4] = [1, 2, 3, 4];
pub(crate) const RIGHT: Outcome = Outcome::Right { step: None };

/// Waits as short as they can be, for tests of something else.
pub(crate) const SHORT: Policy = Policy::of(Limits { wait_seconds_max: 60, ..Limits::DEFAULT });

pub(crate) fn row(index: u8) -> Row {
    Row::of(index).unwrap()
}

pub(crate) fn root() -> Secret<32> {
    Secret::new([7; 32])
}

/// Whose attempt it is.
pub(crate) type Who = (Row, Class, Factor);

pub(crate) fn local(index: u8) -> Who {
    (row(index), Class::Local, Factor::Knowledge)
}

pub(crate) struct Bench {
    pub(crate) part: Part,
    pub(crate) attempts: Attempts,
    pub(crate) config: Config,
    pub(crate) now: u64,
}

impl Bench {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::of(policy, AtCut::KeepsPage)
    }

    pub(crate) fn of(policy: Policy, at_cut: AtCut) -> Self {
        let config = Config { region: REGION, policy, at_cut };
        let mut part = Part::new(PAGES, Model::None, 1);
        let attempts = Attempts::format(&mut part, &config, &root(), STATE).unwrap();
        Self { part, attempts, config, now: 0 }
    }

    pub(crate) fn restart(&mut self) {
        self.part.power_off();
        self.part.power_on();
        self.attempts = Attempts::mount(&mut self.part, &self.config, &root()).unwrap();
        self.now = 0;
    }

    /// Steps until done; how many steps it took.
    pub(crate) fn finish(&mut self) -> u32 {
        for steps in 0..100 {
            if !self.attempts.is_busy() {
                return steps;
            }
            let done = self.attempts.step(&mut self.part, &Pause::lend(&mut (), 1)).unwrap();
            assert!(done == Progress::More || !self.attempts.is_busy());
        }
        panic!("never done");
    }

    /// Begins, without doing what that asks for.
    pub(crate) fn ask(&mut self, (row, class, factor): Who) -> Result<Attempt, AttemptError> {
        let now = Ticks::from_millis(self.now);
        self.attempts.begin(&mut self.part, row, class, factor, now)
    }

    /// Begins, with a page if one is needed.
    pub(crate) fn begin(&mut self, who: Who) -> Result<Attempt, AttemptError> {
        for _ in 0..3 {
            match self.ask(who) {
                Err(AttemptError::NotReady) => self.finish(),
                other => return other,
            };
        }
        panic!("never ready");
    }

    pub(crate) fn settle(
        &mut self,
        attempt: Attempt,
        outcome: Outcome,
    ) -> Result<Option<Passed>, SettleError> {
        let mut attempt = attempt;
        for _ in 0..3 {
            match self.attempts.settle(&mut self.part, attempt, outcome)? {
                Settled::Passed(passed) => return Ok(Some(passed)),
                Settled::Later(again) => attempt = again,
                Settled::Failed | _ => return Ok(None),
            }
            self.finish();
        }
        panic!("never settled");
    }

    /// Waits as long as it takes, and guesses.
    pub(crate) fn guess(&mut self, who: Who) -> Result<(), AttemptError> {
        self.now += 4_000_000;
        let attempt = self.begin(who)?;
        assert!(self.settle(attempt, Outcome::Wrong).unwrap().is_none());
        Ok(())
    }

    pub(crate) fn login(&mut self, who: Who, outcome: Outcome) -> Result<Passed, SettleError> {
        self.now += 4_000_000;
        let attempt = self.begin(who).unwrap();
        self.settle(attempt, outcome).map(|passed| passed.unwrap())
    }

    pub(crate) fn failures(&self, (row, class, factor): Who) -> u8 {
        self.attempts.failures(row, class, factor)
    }
}

/// Everybody.
pub(crate) fn everybody() -> impl Iterator<Item = Who> {
    let rows = (0..16).filter_map(Row::of).chain([Row::GHOST]);
    rows.flat_map(|row| {
        let classes = Class::ALL.into_iter();
        classes.flat_map(move |class| Factor::ALL.map(|factor| (row, class, factor)))
    })
}
