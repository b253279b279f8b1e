//! The device that records, and what it knows must be found.

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::ring::{
    Config, Progress, Retention, Ring, RingError, Segment, Session, Void,
};
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;

use super::author::{Checksum, hash};
use super::{Entry, VARIANT_BLOCK, VARIANT_FAILURE, VARIANT_LONG, VARIANT_STEPS, reader};
use crate::exhaust::{Case, Life, Stop, Violation};
use crate::flash::FaultFlash;
use crate::powercut::snapshot::Device;
use crate::prng::Prng;

const ID: u8 = 3;
const SUITE: u8 = 1;
/// Erase steps of the longest work.
const WORK_MAX: u32 = 64;

/// What a device does with its ring.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Act {
    #[default]
    Append,
    /// Erases ahead, if that is due.
    Maintain,
    /// Starts a session and writes nothing in it.
    Start,
    /// Takes an index; power fails before anything is written.
    Spend,
    Clear,
    Reboot,
}

/// A device that records.
pub(super) struct Recorder {
    config: Config,
    pages: u32,
    steps: u32,
    fails_at: Option<u32>,
    prng: Prng,
    /// The journal: index of the next session, and the void.
    index: u32,
    void: Void,
    /// Entries that must be found.
    solid: Vec<Entry>,
    /// Chains of entries in flight that a mount may find behind them; the first is empty.
    branches: Vec<Vec<Entry>>,
    /// The chain that this boot found.
    base: Vec<Entry>,
    floor: u32,
    /// Pages below it were given up on the word of a tail that may be gone since: when a session opens a page, the slot is
    /// one that the tail's page had given up.
    given_up: u32,
    bodies: u64,
    ring: Option<Ring>,
    author: Checksum,
    /// The session ended by an error of the part.
    failed: bool,
    /// Chance cuts no more.
    closing: bool,
}

/// The outcome of what a device did, unless the power failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Yes,
    /// The ring blocks and is full.
    Full,
    /// The part failed.
    Failed,
}

fn mac() -> MacKey {
    MacKey::derive(&Secret::new([0x5A; 32]), Label::AuditMount)
}

impl Recorder {
    pub(super) fn new<const READ: usize, const WRITE: usize, const PAGE: usize>(
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Self {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        let mut prng = Prng::new(case.seed);
        let unit = case.read.max(case.write).max(4);
        let room = (case.page - 112_u32.next_multiple_of(unit)) / 9;
        let longest = (room / unit * unit).min(256) - 24;
        let body_max = if case.variant & VARIANT_LONG == 0 { 72 } else { longest };
        let fails = case.variant & VARIANT_FAILURE != 0;
        Self {
            config: Config {
                region: Region::new(0, case.page.saturating_mul(case.pages)),
                id: ID,
                body_bytes_max: u16::try_from(body_max).unwrap_or(0),
                retention: if case.variant & VARIANT_BLOCK == 0 {
                    Retention::Overwrite
                } else {
                    Retention::Block
                },
            },
            pages: case.pages,
            steps: 25 + prng.below_u32(96),
            fails_at: fails.then(|| 1 + prng.below_u32(80)),
            prng,
            index: 1,
            void: Void { page: 0, session: 1 },
            solid: Vec::new(),
            branches: vec![Vec::new()],
            base: Vec::new(),
            floor: 1,
            given_up: 1,
            bodies: 0,
            ring: None,
            author: Checksum::new(0),
            failed: false,
            closing: false,
        }
    }

    fn blocks(&self) -> bool {
        self.config.retention == Retention::Block
    }

    fn ring(&mut self) -> Result<&mut Ring, Violation> {
        self.ring.as_mut().ok_or_else(|| Violation::new("harness", "a step without a boot"))
    }

    /// Compares the tail that a mount found with what it may find, and reads all that lies behind it.
    fn found(&mut self, image: &[u8]) -> Result<(), Violation> {
        let ring = self.ring()?;
        let (plan, tail) = (*ring.plan(), ring.tail().copied());
        let solid = self.solid.last();
        let is_tail = |branch: &&Vec<Entry>| match (branch.last().or(solid), tail) {
            (Some(entry), Some(tail)) => is_at(&tail, entry),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let Some(branch) = self.branches.iter().find(is_tail) else {
            let detail = format!("{tail:?} is none of {:?} behind {solid:?}", self.branches);
            return Err(Violation::new("tail", detail));
        };
        self.base.clone_from(branch);
        let newest = branch.last().or(solid);
        self.floor = newest.map_or(1, |entry| entry.floor);
        let Some(tail) = tail else { return Ok(()) };
        if tail.floor != self.floor {
            let detail = format!("{} instead of {}", tail.floor, self.floor);
            return Err(Violation::new("floor", detail));
        }
        let expected: Vec<Entry> = self.solid.iter().chain(&self.base).copied().collect();
        reader::read(image, &plan, &tail, self.floor.max(self.given_up), &expected)
    }

    /// The floor when page `page` is opened.
    fn floor_at(&self, page: u32, clear: bool) -> u32 {
        match (self.blocks(), clear) {
            (false, _) => self.floor.max((page + 2).saturating_sub(self.pages)),
            (true, true) => self.floor.max(page - 1),
            (true, false) => self.floor,
        }
    }

    /// Takes an error: a power cut ends the boot, another the session.
    fn failure<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &FaultFlash<READ, WRITE, PAGE>,
        error: RingError,
    ) -> Result<Done, Stop> {
        if flash.is_off() {
            return Err(Stop::PowerCut);
        }
        if matches!(error, RingError::Flash(_)) && self.fails_at.is_some() {
            self.failed = true;
            return Ok(Done::Failed);
        }
        Err(Violation::new("refused", format!("{error:?}")).into())
    }

    fn start<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        clear: bool,
    ) -> Result<Done, Stop> {
        if self.ring()?.is_running() {
            return Ok(Done::Yes);
        }
        if core::mem::take(&mut self.failed) {
            let void = self.void;
            self.ring()?.remount(flash, void);
            self.found(&flash.image())?;
        }
        let (index, may_block) = (self.index, self.blocks() && !clear);
        let ring = self.ring()?;
        if ring.check_start(index, clear).is_err() {
            return if may_block {
                Ok(Done::Full)
            } else {
                Err(Violation::new("wedged", "no session can start").into())
            };
        }
        let next = ring.next_page();
        let resumes = |tail: &Segment| {
            let silent = index.checked_sub(tail.session)?.checked_sub(1)?;
            ring.plan().resume_offset(tail.end, silent)
        };
        let opens = ring.tail().and_then(resumes).is_none();
        if self.prng.one(1, 24) && !self.closing {
            flash.power_off();
            return Err(Stop::PowerCut);
        }
        self.index += 1;
        self.void = Void { page: next, session: index };
        if self.prng.one(1, 24) && !self.closing {
            flash.power_off();
            return Err(Stop::PowerCut);
        }
        self.author = Checksum::new(index);
        let session = Session { index, suite: SUITE, salt: [7; 16] };
        let Some(ring) = self.ring.as_mut() else { return Ok(Done::Failed) };
        if ring.begin(session, clear).is_err() {
            return Err(Violation::new("wedged", "a start that was possible is not").into());
        }
        if opens {
            self.given_up = self.given_up.max(self.floor);
        }
        for _ in 0..WORK_MAX {
            let (mut lender, before) = ((), flash.operations());
            let pause = Pause::lend(&mut lender, 1);
            match ring.step(flash, &mut self.author, &pause) {
                Ok(Progress::Done) => {
                    let page = ring.position().map_or(0, |(_, place)| place.page);
                    if page == next {
                        self.floor = self.floor_at(page, clear);
                    }
                    return Ok(Done::Yes);
                }
                Ok(_) if flash.operations() == before + 1 => {}
                Ok(_) => return Err(Violation::new("step", "not one operation").into()),
                Err(error) => return self.failure(flash, error),
            }
        }
        Err(Violation::new("wedged", "a start never ends").into())
    }

    fn maintain<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        clear: bool,
    ) -> Result<Done, Stop> {
        for _ in 0..WORK_MAX {
            let ring = self.ring()?;
            if !ring.wants_erase(clear) {
                return Ok(Done::Yes);
            }
            let mut lender = ();
            if let Err(error) = ring.erase_ahead(flash, clear, &Pause::lend(&mut lender, 1)) {
                return self.failure(flash, error);
            }
        }
        Err(Violation::new("wedged", "an erase never ends").into())
    }

    fn append<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Done, Stop> {
        let started = self.start(flash, false)?;
        if started != Done::Yes {
            return Ok(started);
        }
        let mut body = vec![0; self.prng.below(usize::from(self.config.body_bytes_max) + 1)];
        self.bodies += 1;
        Prng::new(self.bodies).fill(&mut body);
        for _ in 0..2 {
            match self.write(flash, &body)? {
                Some(done) => return Ok(done),
                // The next page is to be erased first.
                None => {
                    let maintained = self.maintain(flash, false)?;
                    if maintained != Done::Yes {
                        return Ok(maintained);
                    }
                }
            }
        }
        Err(Violation::new("wedged", "not ready although maintained").into())
    }

    /// Appends, and learns what became of it; nothing if maintenance is due.
    fn write<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        body: &[u8],
    ) -> Result<Option<Done>, Stop> {
        let before = flash.counts();
        let Some(ring) = self.ring.as_mut() else { return Ok(Some(Done::Failed)) };
        let page_before = ring.position().map_or(0, |(_, place)| place.page);
        let appended = ring.append(flash, &mut self.author, 1, body);
        if self.author.is_reused() {
            return Err(Violation::new("number", "two bodies under one number").into());
        }
        if let Some((place, bytes)) = self.author.take_sealed() {
            if place.page != page_before {
                self.floor = self.floor_at(place.page, false);
            }
            let Some(ring) = self.ring.as_ref() else { return Ok(Some(Done::Failed)) };
            let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
            let entry = Entry {
                session: self.author.session(),
                seq: place.seq,
                page: place.page,
                offset: place.offset,
                end: place.offset + ring.plan().entry_bytes(length),
                floor: self.floor,
                hash: hash(&bytes),
                acknowledged: appended.is_ok(),
            };
            self.begun(entry);
        }
        let after = flash.counts();
        if after.erases != before.erases || after.programs > before.programs + 2 {
            return Err(Violation::new("append", "more than two programs, or an erase").into());
        }
        match appended {
            Ok(_) => Ok(Some(Done::Yes)),
            Err(RingError::NotReady) => Ok(None),
            Err(RingError::Full) if self.is_full(page_before) => Ok(Some(Done::Full)),
            Err(error) => self.failure(flash, error).map(Some),
        }
    }

    /// An entry may be on the part, or is for certain.
    fn begun(&mut self, entry: Entry) {
        if entry.acknowledged {
            self.solid.append(&mut self.base);
            self.solid.push(entry);
            self.branches.clear();
            self.branches.push(Vec::new());
            let floor = entry.floor;
            self.solid.retain(|entry| entry.page >= floor);
        } else {
            let mut branch = self.base.clone();
            branch.push(entry);
            self.branches.push(branch);
        }
    }

    /// Whether a blocking ring may not open the page behind `page`: the last is kept for clearing.
    fn is_full(&self, page: u32) -> bool {
        self.blocks() && page + 2 >= self.floor + self.pages
    }

    /// Gives up all pages but the present one.
    fn clear<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Done, Stop> {
        let started = self.start(flash, true)?;
        if started != Done::Yes {
            return Ok(started);
        }
        let mut fits = true;
        if !self.ring()?.is_erased_ahead() && !self.ring()?.wants_erase(true) {
            // This session has no entry in the page: one that says what is about to happen.
            fits = match self.write(flash, &[0xC1; 8])? {
                Some(Done::Yes) => true,
                Some(Done::Failed) => return Ok(Done::Failed),
                Some(Done::Full) | None => false,
            };
        }
        let maintained = self.maintain(flash, true)?;
        if maintained != Done::Yes {
            return Ok(maintained);
        }
        let Some(ring) = self.ring.as_mut() else { return Ok(Done::Failed) };
        let page = ring.position().map_or(0, |(_, place)| place.page);
        match ring.clear(flash, &mut self.author) {
            Ok(()) => self.floor = self.floor_at(page + 1, true),
            Err(error) if fits || flash.is_off() => return self.failure(flash, error),
            Err(_) => return Err(Violation::new("wedged", "cannot be cleared").into()),
        }
        match self.write(flash, &[0xC2; 8])? {
            Some(done @ (Done::Yes | Done::Failed)) => Ok(done),
            Some(Done::Full) | None => Err(Violation::new("wedged", "full when cleared").into()),
        }
    }
}

/// Whether a tail that a mount found ends with `entry`.
fn is_at(tail: &Segment, entry: &Entry) -> bool {
    (tail.session, tail.last_seq, tail.page, tail.end)
        == (entry.session, entry.seq, entry.page, entry.end)
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Life<FaultFlash<READ, WRITE, PAGE>>
    for Recorder
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        if let Some(operation) = self.fails_at {
            flash.fail_after(operation);
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        let writes = flash.operations();
        let ring = Ring::mount(flash, &self.config, mac(), self.void)
            .map_err(|error| Stop::of(flash, "mount", &error))?;
        if flash.operations() != writes {
            return Err(Violation::new("mount", "wrote").into());
        }
        self.ring = Some(ring);
        self.failed = false;
        Ok(self.found(&flash.image())?)
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, _: u32) -> Result<(), Stop> {
        use Act::{Append, Clear, Maintain, Reboot, Spend, Start};
        let act = self.prng.choose(&[
            Append, Append, Append, Append, Append, Append, Append, Append, Append, Maintain,
            Maintain, Reboot, Reboot, Start, Spend, Clear,
        ]);
        let clears = self.blocks();
        let done = match act {
            Append => self.append(flash)?,
            Maintain => self.maintain(flash, false)?,
            Start => self.start(flash, false)?,
            Spend if !self.failed && !self.ring()?.is_running() => {
                self.void = Void { page: self.ring()?.next_page(), session: self.index };
                self.index += 1;
                flash.power_off();
                return Err(Stop::PowerCut);
            }
            Clear if clears => self.clear(flash)?,
            Spend | Clear => Done::Yes,
            Reboot => {
                flash.power_off();
                return Err(Stop::PowerCut);
            }
        };
        if matches!(done, Done::Full) && self.prng.one(1, 2) {
            self.clear(flash)?;
        }
        Ok(())
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Device<FaultFlash<READ, WRITE, PAGE>>
    for Recorder
{
    fn steps(&self) -> u32 {
        self.steps
    }

    fn at_rest(&self) -> Self {
        Self {
            config: self.config,
            pages: self.pages,
            steps: self.steps,
            fails_at: self.fails_at,
            prng: self.prng,
            index: self.index,
            void: self.void,
            solid: self.solid.clone(),
            branches: self.branches.clone(),
            base: Vec::new(),
            floor: self.floor,
            given_up: self.given_up,
            bodies: self.bodies,
            ring: None,
            author: Checksum::new(0),
            failed: false,
            closing: false,
        }
    }

    fn close(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        self.closing = true;
        for _ in 0..4 {
            match self.append(flash)? {
                Done::Yes => return Ok(()),
                Done::Full => {
                    self.clear(flash)?;
                }
                Done::Failed => {}
            }
        }
        Err(Violation::new("wedged", "nothing can be appended").into())
    }
}
