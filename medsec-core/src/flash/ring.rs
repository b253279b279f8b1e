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
//!    word is programmed twice; and only if the page reads blank from there on. A cut leaves nothing there, but damage
//!    may hide entries from a mount: they are not written over, the session opens a page.
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
mod mount;
mod start;
mod write;

pub use layout::{
    Adopted, CLASS_RESUME, COMMIT_BYTES, ENTRY_HEADER_BYTES, ENTRY_OVERHEAD_BYTES, EntryHeader,
    HEADER_BYTES, Header, MAGIC, PAGES_MAX, Plan, RESUME_BODY_BYTES, RESUME_BYTES, Resume, VERSION,
    seq_low,
};

use crate::flash::page::{self, Geometry, GeometryError};
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
    /// Offset from which the page of the tail reads blank to its end.
    blank_from: u32,
    state: State,
}

impl Ring {
    /// Finds the newest segment. Reads only: about one header per page, the newest page's grid and its blank rest.
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
            blank_from: u32::MAX,
            state: State::Mounted,
        };
        ring.remount(flash, void);
        Ok(ring)
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

/// The bytes of a page header or resume record that its MAC covers.
fn covered(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().saturating_sub(16)).unwrap_or_default()
}

/// The bytes of a page header or resume record that its commitment covers.
#[must_use]
pub fn committed(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().saturating_sub(32)).unwrap_or_default()
}
