//! Attempts to log in are on flash before they are judged, so that no power cut gives a free guess.
//!
//! [`Attempts`] counts failures by principal, class and factor, in a [`Cell`] of its own with slots behind it. Who wants to
//! compare a secret first takes an [`Attempt`], which is programmed and read back; who wants to act upon the result settles
//! it, and gets a [`Passed`] once the verdict is on flash too. A failure needs no second word: an attempt is one until the
//! opposite is recorded.
//!
//! # Rules
//! They are those of [`Cell`] and [`slots`](medsec_core::flash::cell::slots), and these.
//! 1. The first attempt of a power cycle, and one that finds no room, first replaces the value by itself: counts, steps and
//!    state as visible now. It then goes on in that page. Any other replace carries all of them too.
//! 2. An attempt is programmed and read back twice before it is judged. It counts as a failure.
//! 3. An attempt that is torn counts for nobody: it was never judged. A torn outcome is none.
//! 4. That an attempt was right is programmed, with the step of a one-time password in the same slot, and read back twice
//!    before it is acted upon. It sets the failures of its row, class and factor to 0, and the row's last step to the
//!    highest.
//! 5. A step is taken once: it must be above the last one.
//! 6. On a part that loses a page at a cut program ([`AtCut::LosesPage`]), an attempt and its outcome have a page of their
//!    own, and the page before says the same as the one they are in did before them.
//!
//! # What is counted apart
//! Class: failures from outside do not lock out who is at the device. Factor: a success clears its own factor only, so
//! that who knows a password cannot clear his failures at one-time passwords with it, and the other way round. A token's
//! answer takes no attempt, and is never refused for failures at these: nothing in it can be guessed.
//!
//! # Power loss
//! At any instant, also again during what follows: every attempt that was judged wrong is counted; at most one attempt
//! that was not is, for each cut; a step that passed never passes again; state and counts are never lost. What counts show
//! after a mount that wrote nothing may be one attempt off at the next; rule 1 settles it before anything is judged.
//!
//! # Security
//! Names that are not known share [`Row::GHOST`], which is written, waits and is disabled as a principal's row is. Because
//! it is one row for all of them, its state shows through refusals: whoever answers outside answers a refusal and a wrong
//! secret alike and after the same work. An image of the part that is put back brings its counts with it.
//!
//! # Limits
//! 1 erase for each power cycle with an attempt and for each full page, 1 more after a cut; 2 programs for an attempt that
//! passes, 1 for one that does not. 1.2 KiB of RAM.

mod attempt;
mod policy;
mod table;

use medsec_core::Secret;
use medsec_core::flash::cell::slots::Programmed;
use medsec_core::flash::cell::{Cell, FormatError, MountError, Progress};
use medsec_core::flash::page::GeometryError;
use medsec_core::flash::{Error, Region};
use medsec_core::hal::Flash;
use medsec_core::key::{Label, MacKey};
use medsec_core::time::{Pause, Ticks};

pub use self::attempt::{Attempt, AttemptError, Outcome, Passed, SettleError, Settled};
pub use self::policy::{Class, DISABLED_AT_MAX, Factor, Limits, Policy};
use self::table::{Entry, Grid, Lane, Table};
pub use self::table::{PRINCIPALS, Row, STATE_BYTES, VALUE_BYTES};

/// The kind of the cell of attempts.
pub const CELL_KIND: u8 = 2;

/// Most attempts that are open at a time. One more settles the oldest as a failure.
pub const OPEN_MAX: usize = 4;

/// Attempts without a verdict in a row, after which none is begun.
pub const NO_VERDICTS_MAX: u8 = 3;

/// Slots that are tried for one record.
const TRIES: u32 = 3;

/// Slots that a page must have: every open attempt has one for its outcome, and one can be begun and tried again.
const SLOTS_MIN: u32 = 7;

/// What a program that is cut does to the words around it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AtCut {
    /// Nothing.
    KeepsPage,
    /// It may change all of its page. Each attempt then costs an erase.
    LosesPage,
}

/// Where attempts are kept, and how they are judged. Constant over a device's life, but for the policy.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// The cell's pages.
    pub region: Region,
    /// How many failures are allowed.
    pub policy: Policy,
    /// What the part does at a cut.
    pub at_cut: AtCut,
}

/// A replace is under way. Step until it is done, and ask again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy;

impl core::fmt::Display for Busy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a replace is under way")
    }
}

impl core::error::Error for Busy {}

/// An attempt whose token is out.
#[derive(Clone, Copy)]
struct Open {
    row: Row,
    class: Class,
    serial: u32,
}

/// Whom the page in force is for; matters where a part loses pages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Page {
    /// The page before says the same, and nothing was programmed behind the value.
    Fresh,
    /// As it was fresh; then for the attempt with this serial.
    Of(u32),
    /// The page before says something else.
    Changed,
}

/// Counts attempts, and what else must change with them.
///
/// A device has one, made at boot. Nothing in here erases but [`Attempts::step`].
pub struct Attempts {
    cell: Cell<VALUE_BYTES>,
    policy: Policy,
    at_cut: AtCut,
    table: Table,
    /// Seconds of this boot at which the last attempt was begun, rounded up; 0 for one of an earlier boot.
    since: Grid<u32>,
    open: [Option<Open>; OPEN_MAX],
    serial: u32,
    /// Of the last attempt in this page.
    number: u8,
    page: Page,
    /// The value in force is known to be on flash as it is in memory.
    is_known: bool,
    /// The replace under way changes the value.
    is_change: bool,
    no_verdicts: u8,
}

impl Attempts {
    /// Erases the region and begins to count. In the factory only: whatever was counted is gone.
    ///
    /// `root` is the storage root, `state` the owner's first state word. Blocks for four whole erases.
    ///
    /// # Errors
    /// [`FormatError`], as it says. [`GeometryError::Pages`] also, where too little of a page is left for slots; the region
    /// is erased by then.
    pub fn format<F: Flash>(
        flash: &mut F,
        config: &Config,
        root: &Secret<32>,
        state: [u8; STATE_BYTES],
    ) -> Result<Self, FormatError> {
        let (table, mac) = (Table::new(state), MacKey::derive(root, Label::AuthCounter));
        let cell = Cell::format(flash, config.region, CELL_KIND, mac, table.encode())?;
        if cell.slots() < SLOTS_MIN {
            return Err(FormatError::Geometry(GeometryError::Pages));
        }
        Ok(Self::over(cell, config, table))
    }

    /// Finds what was counted. Reads each copy and each slot once, and writes nothing.
    ///
    /// # Errors
    /// [`MountError`], as it says. A value that is lost is no table of zeros: nobody logs in.
    pub fn mount<F: Flash>(
        flash: &mut F,
        config: &Config,
        root: &Secret<32>,
    ) -> Result<Self, MountError> {
        let mac = MacKey::derive(root, Label::AuthCounter);
        let cell: Cell<VALUE_BYTES> = Cell::mount(flash, config.region, CELL_KIND, mac)?;
        if cell.slots() < SLOTS_MIN {
            return Err(MountError::Geometry(GeometryError::Pages));
        }
        let (mut table, mut last) = (Table::decode(cell.value()), None);
        for index in 0..cell.slots() {
            if let Some(entry) = cell.slot(flash, index).and_then(Entry::of) {
                table.take(entry, &mut last);
            }
        }
        Ok(Self::over(cell, config, table))
    }

    fn over(cell: Cell<VALUE_BYTES>, config: &Config, table: Table) -> Self {
        Self {
            is_known: !cell.needs_settle(),
            cell,
            policy: config.policy,
            at_cut: config.at_cut,
            table,
            since: Grid::of(0),
            open: [None; OPEN_MAX],
            serial: 0,
            number: 0,
            page: Page::Changed,
            is_change: false,
            no_verdicts: 0,
        }
    }

    /// Records that `row` is tried, and gives the leave to compare once.
    ///
    /// An attempt of the same row and class that is still open is settled as a failure first. `now` is the time of this
    /// boot; after a restart the whole wait runs again from 0, and ticks that go back shorten none.
    ///
    /// # Limits
    /// 1 program and 2 reads; up to 3 times as much where slots do not hold data. No erase.
    ///
    /// # Errors
    /// [`AttemptError`], as it says. Refusals write nothing.
    pub fn begin<F: Flash>(
        &mut self,
        flash: &mut F,
        row: Row,
        class: Class,
        factor: Factor,
        now: Ticks,
    ) -> Result<Attempt, AttemptError> {
        let lane = Lane { class, factor };
        self.close(|open| open.row == row && open.class == class);
        self.admits(row, lane, now)?;
        self.make_room();
        if !self.has_page(None) || self.cell.slots_left() < self.slots_needed() {
            self.ask_for_page();
            return Err(AttemptError::NotReady);
        }
        self.number = self.number.wrapping_add(1);
        let entry = Entry::Attempt { row, lane, number: self.number };
        let programmed = self.record(flash, entry).map_err(AttemptError::Flash)?;
        self.table.charge(row, lane);
        self.since.set(row, lane, seconds_up(now));
        self.serial = self.serial.wrapping_add(1);
        self.page = Page::Of(self.serial);
        if let Some(free) = self.open.iter_mut().find(|open| open.is_none()) {
            *free = Some(Open { row, class, serial: self.serial });
        }
        Ok(Attempt::new(row, lane, self.serial, &programmed))
    }

    /// Whether an attempt would be refused, whatever the flash can take.
    fn admits(&self, row: Row, lane: Lane, now: Ticks) -> Result<(), AttemptError> {
        if self.no_verdicts >= NO_VERDICTS_MAX {
            return Err(AttemptError::StoreFault);
        }
        let failures = self.table.failures(row, lane);
        let is_over = failures >= self.policy.disabled_at(lane.class)
            || self.table.lifetime(row) >= self.policy.limits().lifetime;
        if is_over {
            return Err(AttemptError::Disabled);
        }
        let wait = self.policy.wait_ms(failures);
        let from = u64::from(self.since.get(row, lane).unwrap_or(u32::MAX)).saturating_mul(1_000);
        // Before `from` either the second is not full yet, or ticks went back: nothing of the wait is over.
        let waited = u32::try_from(now.as_millis().saturating_sub(from)).unwrap_or(u32::MAX);
        match wait.saturating_sub(waited) {
            0 => Ok(()),
            ms => Err(AttemptError::Backoff { ms }),
        }
    }

    /// Settles an attempt. One that was right passes once that is on flash.
    ///
    /// # Limits
    /// Nothing is written for a failure; for the rest as [`Attempts::begin`].
    ///
    /// # Errors
    /// [`SettleError`]: right, and a failure all the same.
    pub fn settle<F: Flash>(
        &mut self,
        flash: &mut F,
        attempt: Attempt,
        outcome: Outcome,
    ) -> Result<Settled, SettleError> {
        let is_this = |open: &Open| open.serial == attempt.serial;
        if !self.open.iter().flatten().any(is_this) {
            return Err(SettleError::Stale);
        }
        match outcome {
            Outcome::Right { step } => return self.pass(flash, attempt, step),
            Outcome::Wrong => self.no_verdicts = 0,
            Outcome::NoVerdict => self.no_verdicts = self.no_verdicts.saturating_add(1),
        }
        self.close(is_this);
        Ok(Settled::Failed)
    }

    fn pass<F: Flash>(
        &mut self,
        flash: &mut F,
        attempt: Attempt,
        step: Option<u32>,
    ) -> Result<Settled, SettleError> {
        let (row, lane) = (attempt.row, attempt.lane);
        let is_new = match (lane.factor, step) {
            (Factor::Knowledge, None) => true,
            (Factor::Code, Some(step)) => step > self.table.last_step(row),
            (Factor::Knowledge, Some(_)) | (Factor::Code, None) => false,
        };
        let is_ready = self.has_page(Some(attempt.serial)) && self.cell.slots_left() > 0;
        if is_new && row != Row::GHOST && !is_ready {
            self.ask_for_page();
            return Ok(Settled::Later(attempt));
        }
        self.close(|open| open.serial == attempt.serial);
        if row == Row::GHOST {
            return Ok(Settled::Failed);
        }
        if !is_new {
            return Err(SettleError::Step);
        }
        let entry = Entry::Outcome { row, lane, step: step.unwrap_or(0) };
        let recorded = self.record(flash, entry);
        self.page = Page::Changed;
        let programmed = recorded.map_err(SettleError::Flash)?;
        self.table.pass(row, lane, step.unwrap_or(0));
        self.no_verdicts = 0;
        Ok(Settled::Passed(Passed::new(row, lane, step, &programmed)))
    }

    /// Programs a record, in the next slot if one does not hold it.
    fn record<F: Flash>(&mut self, flash: &mut F, entry: Entry) -> Result<Programmed, Error> {
        let mut recorded = self.cell.program_slot(flash, entry.to_bytes());
        for _ in 1..TRIES {
            if recorded.is_ok() || self.cell.slots_left() == 0 {
                break;
            }
            recorded = self.cell.program_slot(flash, entry.to_bytes());
        }
        recorded
    }

    /// Settles as failures what there is no room for beside another attempt.
    fn make_room(&mut self) {
        if self.at_cut == AtCut::LosesPage {
            self.close(|_| true);
        }
        if self.open.iter().all(Option::is_some) {
            let oldest = self.open.iter().flatten().map(|open| open.serial).min();
            self.close(|open| Some(open.serial) == oldest);
        }
    }

    /// For a new attempt, its outcome, and the outcomes of those that are open.
    fn slots_needed(&self) -> u32 {
        self.open.iter().flatten().fold(2, |sum: u32, _| sum.saturating_add(1))
    }

    /// Whether slots of the page in force may be used: for the outcome of attempt `serial`, or for a new attempt.
    fn has_page(&self, serial: Option<u32>) -> bool {
        if self.cell.slots_left() == 0 {
            return false;
        }
        match self.at_cut {
            AtCut::KeepsPage => true,
            AtCut::LosesPage => match self.page {
                Page::Fresh => true,
                Page::Of(this) => Some(this) == serial,
                Page::Changed => false,
            },
        }
    }

    fn close(&mut self, which: impl Fn(&Open) -> bool) {
        for place in &mut self.open {
            if place.as_ref().is_some_and(&which) {
                *place = None;
            }
        }
    }

    /// Begins to replace the value by itself, unless a replace is under way.
    fn ask_for_page(&mut self) {
        if !self.cell.is_busy() {
            self.is_change = false;
            self.cell.begin_replace(self.table.encode());
        }
    }

    /// Does one erase step, or one program with its read-back, of the replace that was asked for.
    ///
    /// # Errors
    /// The part's. What was asked for is dropped and can be asked for again; of a change, a mount may find either.
    pub fn step<F: Flash>(&mut self, flash: &mut F, pause: &Pause<'_>) -> Result<Progress, Error> {
        if !self.cell.is_busy() {
            return Ok(Progress::Done);
        }
        let progress = self.cell.step(flash, pause);
        match progress {
            Ok(Progress::Done) => self.replaced(),
            Ok(_) => {}
            Err(_) => self.is_known = false,
        }
        progress
    }

    /// A replace is done: what is in force is in memory and in a page of this boot.
    fn replaced(&mut self) {
        let is_repeated = self.is_known && !self.is_change && self.cell.has_whole_before();
        self.page = if is_repeated { Page::Fresh } else { Page::Changed };
        self.is_known = true;
        self.number = 0;
        self.table = Table::decode(self.cell.value());
    }

    /// Begins to put `state` in force, with all that is counted. [`Attempts::step`] does it.
    ///
    /// # Errors
    /// [`Busy`]: nothing was begun.
    pub fn set_state(&mut self, state: [u8; STATE_BYTES]) -> Result<(), Busy> {
        let mut table = self.table;
        table.state = state;
        self.change(table)
    }

    /// Begins to open `row` again, for a new secret: no failures in any class, and `last_step` as the last step that is
    /// used up, 0 for none. [`Attempts::step`] does it. Failures of the lifetime stay. Attempts of the row that are open
    /// are settled as failures.
    ///
    /// # Security
    /// For the secret that was there before, a `last_step` below [`Attempts::last_step`] would let codes pass twice.
    ///
    /// # Errors
    /// [`Busy`]: nothing was begun.
    pub fn rebind(&mut self, row: Row, last_step: u32) -> Result<(), Busy> {
        let mut table = self.table;
        table.rebind(row, last_step);
        self.change(table)?;
        self.close(|open| open.row == row);
        Ok(())
    }

    /// Begins to replace the value by itself, if [`Attempts::needs_renewal`] asks for it.
    pub fn begin_renewal(&mut self) {
        if self.needs_renewal() {
            self.ask_for_page();
        }
    }

    fn change(&mut self, table: Table) -> Result<(), Busy> {
        if self.cell.is_busy() {
            return Err(Busy);
        }
        self.is_change = true;
        self.cell.begin_replace(table.encode());
        Ok(())
    }

    /// Whether the state must be renewed before it is acted upon: an earlier boot was cut while it changed.
    #[must_use]
    pub const fn needs_renewal(&self) -> bool {
        self.cell.needs_settle()
    }

    /// Whether [`Attempts::step`] has work.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.cell.is_busy()
    }

    /// The owner's state word in force.
    #[must_use]
    pub const fn state(&self) -> [u8; STATE_BYTES] {
        self.table.state
    }

    /// Failures of `row` since its last success there, open attempts included.
    #[must_use]
    pub fn failures(&self, row: Row, class: Class, factor: Factor) -> u8 {
        self.table.failures(row, Lane { class, factor })
    }

    /// Failures of `row` in its life, open attempts included; 0 for the ghost.
    #[must_use]
    pub fn lifetime_failures(&self, row: Row) -> u16 {
        self.table.lifetime(row)
    }

    /// The last step of a one-time password that `row` has used; 0 is none. A code of an earlier step need not be compared.
    #[must_use]
    pub fn last_step(&self, row: Row) -> u32 {
        self.table.last_step(row)
    }
}

/// Seconds since power-on, rounded up.
fn seconds_up(now: Ticks) -> u32 {
    u32::try_from(now.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}
