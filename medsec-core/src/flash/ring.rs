//! An append-only ring of pages that survives any power cut.
//!
//! # Words
//! A *page* has a sequence number that rises by one with each page opened; it lives in slot `sequence mod pages`. A
//! *session* is a boot that wrote; its *index* comes from a [`cell`](super::cell) and is taken once. A *segment* is what
//! one session wrote into one page: it starts with the page's header, or with a [`Resume`] record when the session goes on
//! in a page that an earlier one left. An *entry* is one program: header, body, tag.
//!
//! # Rules
//! Each was found by cutting power at every operation; leaving one out loses or invents entries (`docs/testing.md`).
//! 1. Mounting reads only. A read error is "not valid".
//! 2. A header with nothing behind it was perhaps in flight: it is not a page. So is a resume record.
//! 3. A session resumes at least one cell behind the last entry, and three more for each silent session since, so that no
//!    word is programmed twice.
//! 4. The higher session wins over the higher page.
//! 5. Segments of earlier sessions in pages at or above the void page do not exist.
//! 6. A page is erased before it is opened, always, also when it reads blank, by the session that opens it.
//! 7. Erasing ahead waits until this session has an entry in the open page.
//! 8. An error of the part ends the session.
//!
//! # Security
//! The CRC of an entry's header only finds the end. Authenticity comes from the [`Author`]'s tags and commitments; the
//! MAC in headers serves the device's own mount.

mod layout;

pub use layout::{
    Adopted, CLASS_RESUME, COMMIT_BYTES, ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, EntryHeader,
    HEADER_BYTES, Header, MAGIC, Plan, RESUME_BODY_BYTES, RESUME_BYTES, Resume, VERSION,
    seq_low,
};

use crate::flash::page::{self, Geometry, GeometryError, RECORD_BYTES_MAX};
use crate::flash::{Error, Region};
use crate::hal::{EraseProgress, Flash};
use crate::key::MacKey;
use crate::suite::SealError;
use crate::time::Pause;

/// What a full ring does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Retention {
    /// Gives up its oldest page.
    Overwrite,
    /// Refuses, until it is cleared. One page is kept in reserve for that.
    Block,
}

/// What a ring is made of.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Where it lies.
    pub region: Region,
    /// Which ring of the device.
    pub id: u8,
    /// Longest body of an entry, in bytes.
    pub body_bytes_max: u16,
    /// What it does when full.
    pub retention: Retention,
}

/// Segments of sessions before `session` in pages from `page` on do not exist. Kept in the cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Void {
    /// First page it concerns.
    pub page: u32,
    /// First session it does not concern.
    pub session: u32,
}

impl Void {
    /// Whether a segment that `session` wrote into `page` does not exist.
    #[must_use]
    pub const fn covers(&self, page: u32, session: u32) -> bool {
        page >= self.page && session < self.session
    }
}

/// A segment as a mount finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segment {
    /// Page it lies in.
    pub page: u32,
    /// Offset of its resume record, or of its first entry behind the page header.
    pub offset: u32,
    /// Session that wrote it.
    pub session: u32,
    /// Number of its entries.
    pub count: u32,
    /// Sequence number of its last entry.
    pub last_seq: u64,
    /// Offset behind its last entry.
    pub end: u32,
    /// Lowest page still promised.
    pub floor: u32,
}

/// Where an entry lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Page sequence number.
    pub page: u32,
    /// Offset in the page, in bytes.
    pub offset: u32,
    /// Sequence number of the entry.
    pub seq: u64,
}

/// Who makes entries and headers authentic.
pub trait Author {
    /// The hash over what the session stored up to the end of the present page, for the next page's header.
    fn turn(&mut self) -> [u8; 32];

    /// Starts the segment `ordinal`, whose header at `offset` of `page` begins with `committed`, and commits to its keys.
    ///
    /// # Errors
    /// [`SealError`]: the segment is not started.
    fn segment(
        &mut self,
        page: u32,
        offset: u32,
        ordinal: u32,
        committed: &[u8],
    ) -> Result<[u8; 16], SealError>;

    /// Seals `body` in place.
    ///
    /// # Errors
    /// [`SealError`]: nothing is written.
    fn seal(
        &mut self,
        place: &Place,
        header: &[u8; ENTRY_HEADER_BYTES],
        body: &mut [u8],
    ) -> Result<[u8; 16], SealError>;

    /// Learns that `bytes` (a header, a resume record or an entry, without padding) are now on flash.
    fn stored(&mut self, bytes: &[u8]);
}

/// Why a session could not start, or an entry not be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RingError {
    /// The ring blocks and is full. It is cleared, or nothing more is written.
    Full,
    /// No session, or the next page is not erased yet: maintenance is due.
    NotReady,
    /// The body is longer than the ring was made for.
    TooLong,
    /// The cipher refused. The session has ended.
    Seal,
    /// The part failed. The session has ended.
    Flash(Error),
}

impl core::fmt::Display for RingError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full => f.write_str("ring is full"),
            Self::NotReady => f.write_str("maintenance is due"),
            Self::TooLong => f.write_str("entry is too long"),
            Self::Seal => f.write_str("cipher refused the entry"),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RingError {}

/// Whether a stepwise operation has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// It has.
    Done,
    /// More steps are needed.
    More,
}

/// The secretless facts of a session that starts.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// Its index, from the cell, taken once.
    pub index: u32,
    /// Suite of its author.
    pub suite: u8,
    /// Fresh salt.
    pub salt: [u8; 16],
}

#[derive(Clone, Copy)]
enum Stage {
    Erase,
    Header,
    Resume,
}

#[derive(Clone, Copy)]
enum Spare {
    Unknown,
    Ready,
}

#[derive(Clone, Copy)]
struct Open {
    session: Session,
    ordinal: u32,
    page: u32,
    floor: u32,
    offset: u32,
    next_seq: u64,
    previous: [u8; 32],
    has_entry: bool,
    spare: Spare,
    adopted: Adopted,
}

#[derive(Clone, Copy)]
enum State {
    Mounted,
    Starting(Stage, Open),
    Running(Open),
}

/// The ring. About 300 bytes of RAM.
pub struct Ring {
    plan: Plan,
    id: u8,
    retention: Retention,
    mac: MacKey,
    tail: Option<Segment>,
    state: State,
}

impl Ring {
    /// Finds the newest segment. Reads only: about one header per page, and the newest page's grid.
    ///
    /// # Power loss
    /// Reads nothing it could be wrong about: see the rules above.
    ///
    /// # Errors
    /// [`GeometryError`]: the region does not suit the part.
    pub fn mount<F: Flash>(
        flash: &mut F,
        config: &Config,
        mac: MacKey,
        void: Void,
    ) -> Result<Self, GeometryError> {
        let geometry = Geometry::of(flash, config.region)?;
        let plan = Plan::new(geometry, u32::from(config.body_bytes_max))?;
        let mut ring = Self {
            plan,
            id: config.id,
            retention: config.retention,
            mac,
            tail: None,
            state: State::Mounted,
        };
        ring.tail = ring.find_tail(flash, void);
        Ok(ring)
    }

    /// Ends the session and finds the newest segment again, after an error of the part.
    pub fn remount<F: Flash>(&mut self, flash: &mut F, void: Void) {
        self.state = State::Mounted;
        self.tail = self.find_tail(flash, void);
    }

    /// Where things lie.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The newest segment of an earlier session.
    #[must_use]
    pub const fn tail(&self) -> Option<&Segment> {
        self.tail.as_ref()
    }

    /// The page that the next session opens if it opens one; with the session's index it is the void to store first.
    #[must_use]
    pub fn next_page(&self) -> u32 {
        self.tail.map_or(1, |tail| tail.page.saturating_add(1))
    }

    /// Whether session `index` could start: in a blocking ring it may not be able to.
    ///
    /// # Errors
    /// [`RingError::Full`].
    pub fn check_start(&self, index: u32, clear: bool) -> Result<(), RingError> {
        let opens = self.resume_offset(index).is_none();
        let floor = self.tail.map_or(1, |tail| tail.floor);
        if opens && !self.may_open(self.next_page(), floor, clear) {
            return Err(RingError::Full);
        }
        Ok(())
    }

    /// Begins session `session`; the void with its index must be stored by now. [`Ring::step`] does the work.
    ///
    /// With `clear`, a blocking ring may open its reserve page.
    ///
    /// # Errors
    /// [`RingError::Full`]; nothing was done.
    pub fn begin(&mut self, session: Session, clear: bool) -> Result<(), RingError> {
        self.check_start(session.index, clear)?;
        let tail = self.tail;
        let last_seq = tail.map_or(0, |tail| tail.last_seq);
        let old_floor = tail.map_or(1, |tail| tail.floor);
        let adopted = tail.map_or_else(Adopted::default, |tail| Adopted {
            page: tail.page,
            offset: tail.offset,
            session: tail.session,
            count: tail.count,
            end: tail.end,
        });
        let resume = self.resume_offset(session.index);
        let page = self.next_page();
        let (stage, page, offset, floor) = match (resume, tail) {
            (Some(offset), Some(tail)) => (Stage::Resume, tail.page, offset, old_floor),
            (None | Some(_), None) | (None, Some(_)) => {
                let floor = self.floor_of(page, old_floor, clear);
                (Stage::Erase, page, self.plan.header_bytes(), floor)
            }
        };
        self.state = State::Starting(
            stage,
            Open {
                session,
                ordinal: 0,
                page,
                floor,
                offset,
                next_seq: last_seq.saturating_add(2),
                previous: [0; 32],
                has_entry: false,
                spare: Spare::Unknown,
                adopted,
            },
        );
        Ok(())
    }

    /// Goes on starting: one erase step or one program.
    ///
    /// # Errors
    /// [`RingError`]; the session has ended, its index is spent.
    pub fn step<F: Flash, A: Author>(
        &mut self,
        flash: &mut F,
        author: &mut A,
        pause: &Pause<'_>,
    ) -> Result<Progress, RingError> {
        let State::Starting(stage, mut open) = self.state else {
            return match self.state {
                State::Running(_) => Ok(Progress::Done),
                State::Mounted | State::Starting(..) => Err(RingError::NotReady),
            };
        };
        self.state = State::Mounted;
        let next = match stage {
            Stage::Erase => match self.erase(flash, open.page, pause)? {
                EraseProgress::Done => Stage::Header,
                EraseProgress::More => Stage::Erase,
            },
            Stage::Header => {
                self.write_header(flash, author, &mut open)?;
                Stage::Resume
            }
            Stage::Resume => {
                self.write_resume(flash, author, &mut open)?;
                self.state = State::Running(open);
                return Ok(Progress::Done);
            }
        };
        self.state = State::Starting(next, open);
        Ok(Progress::More)
    }

    /// Whether entries can be appended.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// Whether a session was begun whose first record is not written yet.
    #[must_use]
    pub const fn is_starting(&self) -> bool {
        matches!(self.state, State::Starting(..))
    }

    /// Whether this session has an entry in the open page and the next page is erased.
    #[must_use]
    pub const fn is_erased_ahead(&self) -> bool {
        matches!(self.state, State::Running(Open { has_entry: true, spare: Spare::Ready, .. }))
    }

    /// Appends one entry: 1 program, 2 if it opens the next page; no erase.
    ///
    /// # Power loss
    /// The entry is there after the next mount, or it is not; once this returns, it is.
    ///
    /// # Errors
    /// [`RingError`]: nothing was appended.
    pub fn append<F: Flash, A: Author>(
        &mut self,
        flash: &mut F,
        author: &mut A,
        class: u8,
        body: &[u8],
    ) -> Result<Place, RingError> {
        let length = u16::try_from(body.len()).map_err(|_| RingError::TooLong)?;
        if class == CLASS_RESUME {
            return Err(RingError::TooLong);
        }
        self.reserve(flash, author, length)?;
        let State::Running(mut open) = self.state else { return Err(RingError::NotReady) };
        // From here on an error ends the session: what was in flight may be on flash.
        self.state = State::Mounted;
        let place = self.write_entry(flash, author, &mut open, class, length, body)?;
        self.state = State::Running(open);
        Ok(place)
    }

    /// Makes room for an entry with a body of `length` bytes: 1 program if that opens the next page, else nothing.
    ///
    /// Behind it [`Ring::position`] is where that entry will lie.
    ///
    /// # Errors
    /// As [`Ring::append`].
    pub fn reserve<F: Flash, A: Author>(
        &mut self,
        flash: &mut F,
        author: &mut A,
        length: u16,
    ) -> Result<(), RingError> {
        let State::Running(mut open) = self.state else { return Err(RingError::NotReady) };
        if u32::from(length) > self.plan.body_bytes_max() {
            return Err(RingError::TooLong);
        }
        let end = open.offset.saturating_add(self.plan.entry_bytes(u32::from(length)));
        if end <= self.plan.geometry().page_bytes() {
            return Ok(());
        }
        let page = open.page.saturating_add(1);
        if !self.may_open(page, open.floor, false) {
            return Err(RingError::Full);
        }
        if matches!(open.spare, Spare::Unknown) {
            return Err(RingError::NotReady);
        }
        self.state = State::Mounted;
        open.floor = self.floor_of(page, open.floor, false);
        self.turn(flash, author, &mut open, page)?;
        self.state = State::Running(open);
        Ok(())
    }

    /// Whether the next page should be erased now, so that an append never waits for it.
    #[must_use]
    pub fn wants_erase(&self, clear: bool) -> bool {
        let State::Running(open) = &self.state else { return false };
        open.has_entry
            && matches!(open.spare, Spare::Unknown)
            && self.may_open(open.page.saturating_add(1), open.floor, clear)
    }

    /// Goes on erasing the next page: one step.
    ///
    /// # Errors
    /// [`RingError::NotReady`]: not wanted now. [`RingError::Flash`]: the session has ended.
    pub fn erase_ahead<F: Flash>(
        &mut self,
        flash: &mut F,
        clear: bool,
        pause: &Pause<'_>,
    ) -> Result<Progress, RingError> {
        let State::Running(mut open) = self.state else { return Err(RingError::NotReady) };
        if !self.wants_erase(clear) {
            return Err(RingError::NotReady);
        }
        self.state = State::Mounted;
        let progress = self.erase(flash, open.page.saturating_add(1), pause)?;
        if progress == EraseProgress::Done {
            open.spare = Spare::Ready;
        }
        self.state = State::Running(open);
        Ok(if progress == EraseProgress::Done { Progress::Done } else { Progress::More })
    }

    /// Turns to the next page and gives up all pages before the present one. The caller then appends what says so.
    ///
    /// # Errors
    /// [`RingError::NotReady`]: the next page is not erased, or this session has no entry yet. [`RingError::Full`]: the
    /// reserve page was used already. Otherwise the session has ended.
    pub fn clear<F: Flash, A: Author>(
        &mut self,
        flash: &mut F,
        author: &mut A,
    ) -> Result<(), RingError> {
        let State::Running(mut open) = self.state else { return Err(RingError::NotReady) };
        let page = open.page.saturating_add(1);
        if !self.may_open(page, open.floor, true) {
            return Err(RingError::Full);
        }
        if matches!(open.spare, Spare::Unknown) || !open.has_entry {
            return Err(RingError::NotReady);
        }
        self.state = State::Mounted;
        open.floor = self.floor_of(page, open.floor, true);
        self.turn(flash, author, &mut open, page)?;
        self.state = State::Running(open);
        Ok(())
    }

    /// Bytes of entries that a blocking ring still takes before it is full; `None` if it overwrites or nothing runs.
    #[must_use]
    pub fn bytes_left(&self) -> Option<u32> {
        let State::Running(open) = &self.state else { return None };
        if self.retention == Retention::Overwrite {
            return None;
        }
        let geometry = self.plan.geometry();
        let page_room = geometry.page_bytes().saturating_sub(self.plan.header_bytes());
        let top = open.floor.saturating_add(geometry.pages()).saturating_sub(2);
        let whole = top.saturating_sub(open.page).saturating_mul(page_room);
        Some(geometry.page_bytes().saturating_sub(open.offset).saturating_add(whole))
    }

    /// Where the next entry would go, and in which session. `None` if nothing runs.
    #[must_use]
    pub const fn position(&self) -> Option<(u32, Place)> {
        match &self.state {
            State::Running(open) => Some((
                open.session.index,
                Place { page: open.page, offset: open.offset, seq: open.next_seq },
            )),
            State::Mounted | State::Starting(..) => None,
        }
    }

    fn resume_offset(&self, index: u32) -> Option<u32> {
        let tail = self.tail?;
        let silent = index.checked_sub(tail.session)?.checked_sub(1)?;
        self.plan.resume_offset(tail.end, silent)
    }

    const fn may_open(&self, page: u32, floor: u32, clear: bool) -> bool {
        match self.retention {
            Retention::Overwrite => true,
            Retention::Block => {
                let reserve = if clear { 0 } else { 1 };
                let above = page.saturating_add(reserve);
                above < floor.saturating_add(self.plan.geometry().pages())
            }
        }
    }

    fn floor_of(&self, page: u32, floor: u32, clear: bool) -> u32 {
        match self.retention {
            Retention::Overwrite => {
                let oldest = page.saturating_add(2).saturating_sub(self.plan.geometry().pages());
                floor.max(oldest)
            }
            Retention::Block if clear => floor.max(page.saturating_sub(1)),
            Retention::Block => floor,
        }
    }

    fn erase<F: Flash>(
        &self,
        flash: &mut F,
        page: u32,
        pause: &Pause<'_>,
    ) -> Result<EraseProgress, RingError> {
        let slot = self.plan.slot(page);
        page::erase_step(flash, self.plan.geometry(), slot, pause.ms_max())
            .map_err(RingError::Flash)
    }
}

/// Writing.
impl Ring {
    fn turn<F: Flash, A: Author>(
        &self,
        flash: &mut F,
        author: &mut A,
        open: &mut Open,
        page: u32,
    ) -> Result<(), RingError> {
        open.page = page;
        open.ordinal = open.ordinal.saturating_add(1);
        open.spare = Spare::Unknown;
        open.has_entry = false;
        open.previous = author.turn();
        self.write_header(flash, author, open)
    }

    fn write_header<F: Flash, A: Author>(
        &self,
        flash: &mut F,
        author: &mut A,
        open: &mut Open,
    ) -> Result<(), RingError> {
        let header = Header {
            ring: self.id,
            floor: open.floor,
            page: open.page,
            session: open.session.index,
            ordinal: open.ordinal,
            suite: open.session.suite,
            first_seq: open.next_seq,
            salt: open.session.salt,
            previous: open.previous,
            commit: [0; 16],
        };
        let mut bytes = header.encode().map_err(|_| RingError::Full)?;
        let committed = committed(&bytes);
        let commit = author
            .segment(open.page, 0, open.ordinal, committed)
            .map_err(|_| RingError::Seal)?;
        let at = committed.len();
        put(&mut bytes, at, &commit);
        let tag = self.mac.tag(&[covered(&bytes)]);
        put(&mut bytes, at.saturating_add(COMMIT_BYTES), &tag);
        self.program(flash, author, self.plan.at(open.page, 0), &bytes)?;
        open.offset = self.plan.header_bytes();
        Ok(())
    }

    fn write_resume<F: Flash, A: Author>(
        &self,
        flash: &mut F,
        author: &mut A,
        open: &mut Open,
    ) -> Result<(), RingError> {
        if open.offset == self.plan.header_bytes() {
            open.ordinal = open.ordinal.saturating_add(1);
        }
        let resume = Resume {
            session: open.session.index,
            ordinal: open.ordinal,
            seq: open.next_seq,
            salt: open.session.salt,
            adopted: open.adopted,
            suite: open.session.suite,
            commit: [0; 16],
        };
        let mut bytes = resume.encode(open.page, open.offset).map_err(|_| RingError::Seal)?;
        let committed = committed(&bytes);
        let commit = author
            .segment(open.page, open.offset, open.ordinal, committed)
            .map_err(|_| RingError::Seal)?;
        let at = committed.len();
        put(&mut bytes, at, &commit);
        let tag = layout::resume_tag(&self.mac, open.page, open.offset, covered(&bytes));
        put(&mut bytes, at.saturating_add(COMMIT_BYTES), &tag);
        self.program(flash, author, self.plan.at(open.page, open.offset), &bytes)?;
        open.offset = open.offset.saturating_add(self.plan.geometry().round_up(96));
        open.next_seq = open.next_seq.saturating_add(1);
        Ok(())
    }

    fn write_entry<F: Flash, A: Author>(
        &self,
        flash: &mut F,
        author: &mut A,
        open: &mut Open,
        class: u8,
        length: u16,
        body: &[u8],
    ) -> Result<Place, RingError> {
        let place = Place { page: open.page, offset: open.offset, seq: open.next_seq };
        let header = EntryHeader { length, class, seq_low: seq_low(place.seq) }
            .encode(place.page, place.offset);
        let mut entry = [0; RECORD_BYTES_MAX];
        put(&mut entry, 0, &header);
        put(&mut entry, ENTRY_HEADER_BYTES, body);
        let body_end = ENTRY_HEADER_BYTES.saturating_add(body.len());
        let sealed = entry.get_mut(ENTRY_HEADER_BYTES..body_end).ok_or(RingError::TooLong)?;
        let tag = author.seal(&place, &header, sealed).map_err(|_| RingError::Seal)?;
        put(&mut entry, body_end, &tag);
        let bytes = entry.get(..body_end.saturating_add(16)).ok_or(RingError::TooLong)?;
        self.program(flash, author, self.plan.at(place.page, place.offset), bytes)?;
        open.offset = open.offset.saturating_add(self.plan.entry_bytes(u32::from(length)));
        open.next_seq = open.next_seq.saturating_add(1);
        open.has_entry = true;
        Ok(place)
    }

    fn program<F: Flash, A: Author>(
        &self,
        flash: &mut F,
        author: &mut A,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), RingError> {
        page::program(flash, self.plan.geometry(), offset, bytes).map_err(RingError::Flash)?;
        author.stored(bytes);
        Ok(())
    }
}

/// Mounting.
impl Ring {
    fn find_tail<F: Flash>(&self, flash: &mut F, void: Void) -> Option<Segment> {
        let pages = self.plan.geometry().pages();
        let mut newest = None;
        for slot in 0..pages {
            let header = self.read_header(flash, slot);
            let page = header.filter(|header| self.plan.slot(header.page) == slot);
            newest = newest.max(page.map(|header| header.page));
        }
        let newest = newest?;
        for below in 0..pages {
            let page = newest.checked_sub(below)?;
            if let Some(segment) = self.newest_in(flash, page, void) {
                let lower = page.checked_sub(1).and_then(|page| self.newest_in(flash, page, void));
                return Some(lower.filter(|low| low.session > segment.session).unwrap_or(segment));
            }
        }
        None
    }

    fn read_header<F: Flash>(&self, flash: &mut F, slot: u32) -> Option<Header> {
        let mut bytes = [0; HEADER_BYTES];
        page::read(flash, self.plan.geometry().at(slot, 0), &mut bytes).ok()?;
        let header = Header::parse(&bytes).ok()?;
        self.mac.verify(&[covered(&bytes)], bytes.last_chunk()?).ok()?;
        (header.ring == self.id).then_some(header)
    }

    /// The newest segment in page `page` that exists.
    fn newest_in<F: Flash>(&self, flash: &mut F, page: u32, void: Void) -> Option<Segment> {
        let header = self.read_header(flash, self.plan.slot(page))?;
        if header.page != page {
            return None;
        }
        for number in (0..self.plan.cells()).rev() {
            let offset = self.plan.cell_offset(number);
            let Some(resume) = self.read_resume(flash, page, offset) else { continue };
            if void.covers(page, resume.session) {
                continue;
            }
            let start = offset.saturating_add(self.plan.geometry().round_up(96));
            let first = resume.seq.saturating_add(1);
            let found = self.walk(flash, &header, (offset, resume.session), start, first);
            if found.is_some() {
                return found;
            }
        }
        if void.covers(page, header.session) {
            return None;
        }
        let start = self.plan.header_bytes();
        self.walk(flash, &header, (start, header.session), start, header.first_seq)
    }

    fn read_resume<F: Flash>(&self, flash: &mut F, page: u32, offset: u32) -> Option<Resume> {
        let mut bytes = [0; RESUME_BYTES];
        let at = self.plan.at(page, offset);
        let entry = self.read_entry_header(flash, page, offset)?;
        if entry.class != CLASS_RESUME {
            return None;
        }
        page::read(flash, at, &mut bytes).ok()?;
        let resume = Resume::parse(&bytes, page, offset).ok()?;
        let tag = layout::resume_tag(&self.mac, page, offset, covered(&bytes));
        (bytes.last_chunk() == Some(&tag)).then_some(resume)
    }

    fn read_entry_header<F: Flash>(
        &self,
        flash: &mut F,
        page: u32,
        offset: u32,
    ) -> Option<EntryHeader> {
        let mut bytes = [0; ENTRY_HEADER_BYTES];
        page::read(flash, self.plan.at(page, offset), &mut bytes).ok()?;
        EntryHeader::parse(&bytes, page, offset).ok()
    }

    /// Walks the entries from `offset` on; `None` if there is none.
    fn walk<F: Flash>(
        &self,
        flash: &mut F,
        header: &Header,
        (segment_offset, session): (u32, u32),
        start: u32,
        first_seq: u64,
    ) -> Option<Segment> {
        let page_bytes = self.plan.geometry().page_bytes();
        let mut segment = Segment {
            page: header.page,
            offset: segment_offset,
            session,
            count: 0,
            last_seq: first_seq.wrapping_sub(1),
            end: start,
            floor: header.floor,
        };
        // Each turn moves `end` forward by at least one unit, so the page bounds the loop.
        while segment.end < page_bytes {
            let Some(entry) = self.read_entry_header(flash, header.page, segment.end) else { break };
            let seq = segment.last_seq.wrapping_add(1);
            let length = u32::from(entry.length);
            let end = segment.end.saturating_add(self.plan.entry_bytes(length));
            let known = entry.class != CLASS_RESUME && length <= self.plan.body_bytes_max();
            if !known || entry.seq_low != seq_low(seq) || end > page_bytes {
                break;
            }
            segment.count = segment.count.saturating_add(1);
            segment.last_seq = seq;
            segment.end = end;
        }
        (segment.count > 0).then_some(segment)
    }
}

/// Copies `bytes` to byte `at` of `buffer`, as far as it has room. The layouts are smaller than their buffers.
fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in buffer.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// The bytes of a page header or resume record that its MAC covers.
fn covered(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().saturating_sub(16)).unwrap_or_default()
}

/// The bytes of a page header or resume record that its commitment covers.
#[must_use]
pub fn committed(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().saturating_sub(32)).unwrap_or_default()
}
