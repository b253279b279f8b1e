//! What erases: the journal's phases, and the pages between them.

mod blank;

pub use blank::Blank;

use super::burial::{Burial, NoJournal};
use super::journal::{BYTES, Evidence, KIND, Phase, Record, bit};
use super::place::{Act, Paged, Place};
use super::plan::{Item, Plan};
use super::receipt::Receipt;
use super::{Approved, BeginError, ModuleId, Outcome, Parts, Progress, SanitizeError, tombstone};
use crate::event::{Count, DeviceEvent, LifecycleState, PrincipalId, Recorder};
use crate::flash::cell::{self, Cell, FormatError};
use crate::flash::page::{self, GeometryError};
use crate::hal::{EraseProgress, Flash};
use crate::key::MacKey;
use crate::lifecycle::{Change, Lifecycle, Recorded};
use crate::time::Pause;

/// What is done next, in RAM only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Job {
    /// Looks what the journal leaves to do.
    Next,
    /// Erases a page or reads it back.
    Page(Place, Act),
    /// Reads all once more, from the first region on.
    Check(Place),
    /// All was read.
    Blank,
    /// The certificate's region is erased, from this page on.
    Clear(u32),
    /// A piece of the certificate is programmed.
    Write(usize),
    /// The intent was stored in this boot.
    Restart,
}

/// Why the journal gave nothing.
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MountFault {
    /// The region does not suit the part.
    Geometry(GeometryError),
    /// No journal under this key: the identity is another one, or is gone. [`Burial::resume`] takes the proof.
    Lost(NoJournal),
    /// The journal is of another version.
    Version,
}

/// Erases what an owner left, over boots, and knows how far it has come.
///
/// # Limits
/// 1.2 KiB of RAM, most of it the certificate. A step makes one program, one erase step, or reads one page.
pub struct Sanitizer<const N: usize> {
    plan: &'static Plan<N>,
    cell: Cell<BYTES>,
    record: Record,
    /// The value that the journal is to have.
    wanted: Option<Record>,
    /// The change of life that goes with it.
    recorded: Option<Recorded>,
    /// What is told once it is stored.
    event: Option<DeviceEvent>,
    job: Job,
    stored: tombstone::Stored,
}

impl<const N: usize> Sanitizer<N> {
    /// Makes the journal, in the factory. `mac` is [`Label::Sanitize`](crate::key::Label::Sanitize) under the seed of the device's signing key.
    ///
    /// # Errors
    /// [`FormatError`], as it says.
    pub fn format<F: Flash>(
        flash: &mut F,
        plan: &'static Plan<N>,
        mac: MacKey,
    ) -> Result<Self, FormatError> {
        let cell = Cell::format(flash, plan.journal(), KIND, mac, Record::FIRST.encode())?;
        Ok(Self::new(plan, cell, Record::FIRST))
    }

    /// Finds the journal. Writes nothing.
    ///
    /// # Errors
    /// [`MountFault`], as it says.
    pub fn mount<F: Flash>(
        flash: &mut F,
        plan: &'static Plan<N>,
        mac: MacKey,
    ) -> Result<Self, MountFault> {
        let cell = Cell::mount(flash, plan.journal(), KIND, mac).map_err(|error| match error {
            cell::MountError::Geometry(error) => MountFault::Geometry(error),
            cell::MountError::Lost => MountFault::Lost(NoJournal(())),
        })?;
        let record = Record::decode(cell.value()).ok_or(MountFault::Version)?;
        Ok(Self::new(plan, cell, record))
    }

    const fn new(plan: &'static Plan<N>, cell: Cell<BYTES>, record: Record) -> Self {
        Self {
            plan,
            cell,
            record,
            wanted: None,
            recorded: None,
            event: None,
            job: Job::Next,
            stored: [0xff; tombstone::STORED_BYTES],
        }
    }

    /// Whether the device is in use: nothing is being erased, and the state of its life is kept elsewhere.
    ///
    /// Not before what a cut has left of the journal is settled ([`Self::step`]): another mount may read it as another phase.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.record.phase == Phase::Idle && !self.cell.needs_settle()
    }

    /// The state of the device's life, as long as it is not idle. It counts before what any other store says. It cannot be read before the
    /// journal is settled.
    #[must_use]
    pub fn lifecycle(&self) -> Option<Lifecycle> {
        if self.cell.needs_settle() {
            return Some(Lifecycle::UNREADABLE);
        }
        (!self.is_idle()).then(|| Lifecycle::of(self.record.word))
    }

    /// Whether the certificate is stored ([`super::Tombstone::read`]), and what the device becomes; not before the journal is settled.
    #[must_use]
    pub fn certified(&self) -> Option<Outcome> {
        let is_certified = self.record.phase == Phase::Certified && !self.cell.needs_settle();
        is_certified.then_some(self.record.outcome)
    }

    /// Modules that are known, and those of them that are still to be erased. Of a journal that is not settled, those of the phase that it may still
    /// leave.
    pub fn modules(&self) -> impl Iterator<Item = (ModuleId, bool)> {
        let open = self.record.modules_done;
        self.record.known().map(move |(number, id)| (id, open & bit(number) == 0))
    }

    const fn is_busy(&self) -> bool {
        self.wanted.is_some() || self.cell.is_busy() || self.cell.needs_settle()
    }

    /// Begins to note a module, before the device writes anything to it. [`Self::step`] does it.
    ///
    /// # Errors
    /// [`BeginError::Busy`], [`BeginError::Full`]: it is not noted, and nothing is to be written to it.
    pub fn enrol(&mut self, module: ModuleId) -> Result<(), BeginError> {
        if self.is_busy() || !self.is_idle() || self.job == Job::Restart {
            return Err(BeginError::Busy);
        }
        if self.record.number_of(module).is_some() {
            return Ok(());
        }
        let mut after = self.record;
        let free = after.modules.iter_mut().find(|known| known.is_none());
        match free {
            Some(free) if self.plan.own_items() < N => *free = Some(module),
            Some(_) | None => return Err(BeginError::Full),
        }
        self.wanted = Some(after);
        Ok(())
    }

    /// Records what was approved, and begins to store the intent. [`Self::step`] does it, and then asks for a restart.
    ///
    /// `life` is the state of the device's life, `records` how many records its log has before this is recorded, and `receipt` what shows that
    /// somebody else has them. Without one for all of them, their loss is recorded and certified.
    ///
    /// # Errors
    /// [`BeginError`]: nothing was begun, though some of it may have been recorded.
    pub fn begin<R: Recorder>(
        &mut self,
        approved: Approved,
        (life, device): (Lifecycle, [u8; 16]),
        (records, receipt): (u64, Option<&Receipt>),
        log: &mut R,
    ) -> Result<(), BeginError> {
        if self.is_busy() || !self.is_idle() || self.job == Job::Restart {
            return Err(BeginError::Busy);
        }
        let Approved { order, by } = approved;
        let transition = life.change(Change::Sanitize, by).map_err(BeginError::Life)?;
        let exported = match receipt {
            None => 0,
            Some(receipt) if receipt.is_for(&device, &order.nonce) => {
                receipt.records().min(records)
            }
            Some(_) => return Err(BeginError::Receipt),
        };
        let number = self.record.number.checked_add(1).ok_or(BeginError::Full)?;
        if Evidence::of(exported, records) == Evidence::Lost {
            let (exported, records) = (count(exported), count(records));
            log.record(&DeviceEvent::EvidenceLost { exported, records, by })
                .map_err(BeginError::NotRecorded)?;
        }
        let begun =
            DeviceEvent::SanitizeBegun { outcome: order.outcome, number: Count::new(number), by };
        log.record(&begun).map_err(BeginError::NotRecorded)?;
        let recorded = transition.record(log).map_err(BeginError::NotRecorded)?;
        self.wanted = Some(Record {
            phase: Phase::Erasing,
            outcome: order.outcome,
            from: life.code(),
            word: recorded.word(),
            number,
            done: 0,
            modules_done: 0,
            nonce: order.nonce,
            exported,
            records,
            modules: self.record.modules,
        });
        self.recorded = Some(recorded);
        Ok(())
    }

    /// Ends a change of owner, once the device has new secrets, a new log, and has recorded there that it waits for an owner: `recorded` is
    /// that. [`Self::step`] stores it. Modules are known no more.
    ///
    /// # Errors
    /// [`BeginError::Busy`], or [`BeginError::Life`] if it is another change: nothing was begun.
    pub fn close(&mut self, recorded: Recorded) -> Result<(), BeginError> {
        let is_certified = self.certified() == Some(Outcome::ChangeOfOwner);
        if self.is_busy() || !is_certified {
            return Err(BeginError::Busy);
        }
        let life = Lifecycle::of(self.record.word);
        let is_return = Lifecycle::of(recorded.word()).code() == LifecycleState::AwaitClaim;
        if !recorded.begins_at(life) || !is_return {
            return Err(BeginError::Life(crate::lifecycle::ChangeError::State));
        }
        let (word, number) = (recorded.word(), self.record.number);
        self.wanted = Some(Record { word, number, ..Record::FIRST });
        self.recorded = Some(recorded);
        Ok(())
    }

    /// Goes on to the end of the identity, once the certificate of a decommission is stored.
    ///
    /// # Errors
    /// [`BeginError::Busy`]: it is not, or not for that. Mount again.
    pub fn bury(self) -> Result<Burial<N>, BeginError> {
        let is_the_end = self.certified() == Some(Outcome::Decommission);
        if self.is_busy() || !is_the_end {
            Err(BeginError::Busy)
        } else {
            Ok(Burial::new(self.plan))
        }
    }

    /// Does one thing: a program, a step of an erase, or a page that is read. May erase one page.
    ///
    /// # Errors
    /// [`SanitizeError`]. The next step tries again; nothing is left out for it.
    pub fn step<P: Parts>(
        &mut self,
        parts: &mut P,
        pause: &Pause<'_>,
    ) -> Result<Progress, SanitizeError> {
        if self.wanted.is_none() && self.cell.needs_settle() {
            // What an earlier boot was storing: it counts once it is stored again.
            self.wanted = Some(self.record);
        }
        if let Some(wanted) = self.wanted {
            return self.store(&wanted, &mut parts.own(), pause);
        }
        match (self.job, self.record.phase) {
            (Job::Restart, _) => Ok(Progress::Restart),
            (_, Phase::Idle | Phase::Certified) => Ok(Progress::Done),
            (job, Phase::Erasing) => self.erase(job, parts, pause),
        }
    }

    /// Brings the journal to what it is to be.
    fn store<F: Flash>(
        &mut self,
        wanted: &Record,
        flash: &mut F,
        pause: &Pause<'_>,
    ) -> Result<Progress, SanitizeError> {
        if !self.cell.is_busy() {
            self.cell.begin_replace(wanted.encode());
        }
        if self.cell.step(flash, pause)? == cell::Progress::More {
            return Ok(Progress::More);
        }
        let before = self.record.phase;
        // What was read back is what counts.
        self.record = Record::decode(self.cell.value()).ok_or(SanitizeError::Layout)?;
        self.wanted = None;
        if let Some(recorded) = self.recorded.take() {
            let confirmed = recorded.confirm(Some(self.record.word));
            confirmed.map_err(|_| SanitizeError::Layout)?;
        }
        if before == Phase::Idle && self.record.phase == Phase::Erasing {
            self.job = Job::Restart;
            return Ok(Progress::Restart);
        }
        Ok(self.event.take().map_or(Progress::More, Progress::Erased))
    }

    fn erase<P: Parts>(
        &mut self,
        job: Job,
        parts: &mut P,
        pause: &Pause<'_>,
    ) -> Result<Progress, SanitizeError> {
        match job {
            Job::Next => {
                let (job, missing) = self.next(parts);
                self.job = job;
                return Ok(missing.map_or(Progress::More, Progress::Missing));
            }
            Job::Page(place, act) => match place.act(act, self.plan, parts, pause) {
                Ok(paged) => self.paged(place, act, paged),
                Err(error) => {
                    // It may read as anything now.
                    self.job = Job::Page(place, Act::Erase);
                    return Err(error);
                }
            },
            Job::Check(place) => match place.act(Act::ReadBack, self.plan, parts, pause) {
                Ok(paged) => self.job = self.checked(place, paged, parts),
                Err(error) => {
                    self.take_back(place);
                    return Err(error);
                }
            },
            Job::Clear(page) => self.clear(page, &mut parts.own(), pause)?,
            Job::Write(piece) => self.write(piece, &mut parts.own())?,
            Job::Blank => return Ok(Progress::Blank),
            Job::Restart => return Ok(Progress::Restart),
        }
        Ok(Progress::More)
    }

    /// What the journal leaves to do, and the module that it waits for.
    fn next<P: Parts>(&self, parts: &mut P) -> (Job, Option<ModuleId>) {
        let done = usize::from(self.record.done);
        let own = self.plan.own_items();
        if done < own {
            return (Job::Page(Place::of_own(done), Act::Erase), None);
        }
        let here = parts.module().map(|(id, _)| id);
        if let Some((_, first)) = self.record.open().next() {
            let is_open = |id: &ModuleId| self.record.open().any(|(_, open)| open == *id);
            return match here.filter(is_open) {
                Some(id) => {
                    let place = Place { module: Some(id), ..Place::of_own(own) };
                    (Job::Page(place, Act::Erase), None)
                }
                None => (Job::Next, Some(first)),
            };
        }
        (Job::Check(Place::of_own(0)), None)
    }

    /// A page came this far.
    fn paged(&mut self, place: Place, act: Act, paged: Paged) {
        self.job = match (act, paged) {
            (_, Paged::Away) => Job::Next,
            (_, Paged::More) => Job::Page(place, act),
            (Act::Erase, _) => Job::Page(place, Act::ReadBack),
            (Act::ReadBack, Paged::Done) => Job::Page(place.next_page(), Act::Erase),
            (Act::ReadBack, Paged::Last) => self.emptied(place),
        };
    }

    /// An item was erased and read back: the journal says so, once all of a module's were.
    fn emptied(&mut self, place: Place) -> Job {
        let next = place.next_item();
        if place.module.is_some() && next.item < N {
            return Job::Page(next, Act::Erase);
        }
        let mut after = self.record;
        match place.module.map(|id| self.record.number_of(id)) {
            None => after.done = after.done.saturating_add(1),
            Some(number) => after.modules_done |= number.map_or(0, bit),
        }
        self.event = self.plan.items().get(place.item).map(event_of);
        self.wanted = Some(after);
        Job::Next
    }

    /// A page was read once more.
    fn checked<P: Parts>(&self, place: Place, paged: Paged, parts: &mut P) -> Job {
        let own = self.plan.own_items();
        let next = place.next_item();
        match (paged, place.module) {
            (Paged::Done | Paged::More, _) => Job::Check(place.next_page()),
            (Paged::Last, None) if next.item < own => Job::Check(next),
            (Paged::Last, Some(_)) if next.item < N => Job::Check(next),
            (Paged::Last, None) => {
                let here = parts.module().map(|(id, _)| id);
                match here.filter(|id| self.record.number_of(*id).is_some()) {
                    Some(id) => Job::Check(Place { module: Some(id), ..Place::of_own(own) }),
                    None => Job::Blank,
                }
            }
            // One that was taken off was erased and read back before.
            (Paged::Last | Paged::Away, _) => Job::Blank,
        }
    }

    /// What is not blank, although it was: its region is not done any more, before anything else is.
    fn take_back(&mut self, place: Place) {
        let mut after = self.record;
        match place.module.and_then(|id| self.record.number_of(id)) {
            Some(number) => after.modules_done &= !bit(number),
            None => after.done = u8::try_from(place.item).unwrap_or(0).min(after.done),
        }
        self.wanted = Some(after);
        self.job = Job::Next;
    }

    /// The proof that all was erased and read back in this boot, once [`Progress::Blank`] says so.
    pub fn blank(&mut self) -> Option<Blank<'_, N>> {
        let is_blank = self.job == Job::Blank && !self.is_busy();
        is_blank.then_some(Blank(self))
    }

    fn clear<F: Flash>(
        &mut self,
        page: u32,
        flash: &mut F,
        pause: &Pause<'_>,
    ) -> Result<(), SanitizeError> {
        let geometry = tombstone::geometry(flash, self.plan)?;
        if page::erase_step(flash, &geometry, page, pause.ms_max())? == EraseProgress::Done {
            let next = page.saturating_add(1);
            self.job = if next < geometry.pages() { Job::Clear(next) } else { Job::Write(0) };
        }
        Ok(())
    }

    fn write<F: Flash>(&mut self, piece: usize, flash: &mut F) -> Result<(), SanitizeError> {
        // A piece that fails is not programmed again before its page is erased.
        self.job = Job::Clear(0);
        let geometry = tombstone::geometry(flash, self.plan)?;
        if let Some(bytes) = self.stored.chunks(tombstone::PIECE_BYTES).nth(piece) {
            let offset = piece.saturating_mul(tombstone::PIECE_BYTES);
            let offset = u32::try_from(offset).map_err(|_| SanitizeError::Layout)?;
            page::program_checked(flash, &geometry, geometry.at(0, offset), bytes)?;
            self.job = Job::Write(piece.saturating_add(1));
            return Ok(());
        }
        if tombstone::read_stored(flash, self.plan)? != self.stored {
            return Err(SanitizeError::Layout);
        }
        let mut after = self.record;
        after.phase = Phase::Certified;
        if after.outcome == Outcome::Decommission {
            // There is no log any more; the certificate stands for the record.
            let life = Lifecycle::of(after.word);
            let change = life.change(Change::Decommission, PrincipalId::DEVICE);
            let recorded = change.ok().and_then(crate::lifecycle::Transition::unlogged);
            after.word = recorded.as_ref().ok_or(SanitizeError::Layout)?.word();
            self.recorded = recorded;
        }
        self.wanted = Some(after);
        Ok(())
    }
}

fn count(value: u64) -> Count {
    Count::new(u32::try_from(value).unwrap_or(u32::MAX))
}

const fn event_of(item: &Item) -> DeviceEvent {
    let region = item.region();
    let (start, bytes) = (Count::new(region.offset()), Count::new(region.bytes()));
    DeviceEvent::RegionErased { kind: item.kind(), start, bytes }
}
