//! One value, replaced atomically: a power cut at any instant leaves the old value or the new one.
//!
//! Use it for state that changes as a whole and seldom, at the price of one erase per change; a log belongs in a
//! [`super::ring`]. All that a cell holds is in its three copies; what is larger goes into a cell with a [`body`].
//!
//! # Layout
//! A region of [`PAGES`] pages. A page holds three copies of one value, or three *tombs*, at slots 0, 1 and 2; a slot
//! is a copy rounded up to the part's unit. The rest of a page stays erased, or is used in [`slots`]. A copy,
//! little-endian:
//!
//! | offset | size | name | meaning |
//! |---|---|---|---|
//! | 0 | 4 | magic | `MSC1` |
//! | 4 | 1 | version | 1 |
//! | 5 | 1 | kind | which cell of the device it is |
//! | 6 | 1 | role | 1 value, 2 tomb |
//! | 7 | 1 | | 0 |
//! | 8 | 4 | epoch | of the value; a tomb carries that of the value it was written behind |
//! | 12 | `VALUE` | value | zeros in a tomb |
//! | 12 + `VALUE` | 16 | mac | HMAC-SHA-256, cut, over all before, page u8, copy u8 |
//!
//! # Assumptions on the part
//! Those of [`crate::hal::Flash`]: a word whose program was cut, and a page whose erase was cut, may read as anything,
//! differently at each read, with an error, or as erased, until the page is erased. Nothing else changes at a cut.
//!
//! # Rules
//! 1. Mount reads each copy once and writes nothing. The *base* is the page with the highest epoch of which at least
//!    two equal copies are valid; only if there is none, one copy is enough. A read error is a copy that is not valid.
//! 2. A value is written to the page behind the base, which is always erased first, whatever it reads as. So the first
//!    program of a power cycle goes to a page erased in that power cycle, and no word is ever programmed twice.
//! 3. Its epoch is one above the highest seen. Three copies are programmed and read back; two must agree.
//! 4. Then every other page that did not show three copies or three tombs is erased and given three tombs. Only now is
//!    the value acknowledged, and [`Cell::value`] changes.
//! 5. Who acts upon a value that [`Cell::needs_settle`] asks about first replaces it by itself.
//! 6. From the moment a new value has been read back, its page is the base, also if what follows fails: the page
//!    before it may have been erased by rule 4 and must not be relied upon.
//!
//! # Why a cut is harmless
//! One cut leaves at most one copy, or one page in erasure, unstable. A value acted upon had three copies written by
//! this boot, or three seen; then two are solid and the page is the base for ever. A single copy was never acted upon,
//! so it is not believed. Two copies may have been, so they are believed and the value is written anew before it is
//! used. Tombs keep a page that was discarded from coming back with more copies than it had. Four pages, because a
//! page in erasure may look untouched.
//!
//! # Not claimed
//! Disturbed words in pages that were not touched; the values of other pages being secret before [`Cell::begin_forget`].

pub mod body;
mod copy;
pub mod slots;

use self::copy::{PageState, Place, Role, Shown, slot_bytes};
use super::page::{self, Geometry, GeometryError, RECORD_BYTES_MAX};
use super::{Error, ErrorKind, Operation, Region};
use crate::hal::{EraseProgress, Flash};
use crate::key::MacKey;
use crate::secret::Secret;
use crate::suite::TAG_BYTES;
use crate::time::Pause;

/// Pages of a cell.
pub const PAGES: u32 = 4;

/// Bytes of a copy beside its value: the value has at most 256 less these.
pub const OVERHEAD_BYTES: usize = copy::HEADER_BYTES + TAG_BYTES;

const COPIES: u32 = 3;
/// Copies that must agree to be believed, and be read back to be acknowledged.
const QUORUM: u32 = 2;

/// Why a cell has no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MountError {
    /// The region does not suit the part, or is not [`PAGES`] pages that hold three copies each.
    Geometry(GeometryError),
    /// No page holds a valid copy: the cell was never formatted, or was tampered with. No power cut does this.
    Lost,
}

impl core::fmt::Display for MountError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Geometry(error) => error.fmt(f),
            Self::Lost => f.write_str("cell holds no valid copy of its value"),
        }
    }
}

impl core::error::Error for MountError {}

/// Why a cell was not formatted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FormatError {
    /// As [`MountError::Geometry`]; nothing was erased.
    Geometry(GeometryError),
    /// The part failed, or a copy did not read back. The pages are in no defined state; format again.
    Flash(Error),
}

impl core::fmt::Display for FormatError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Geometry(error) => error.fmt(f),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for FormatError {}

/// How far a replace or a forget has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// All that was begun is acknowledged.
    Done,
    /// More steps are needed.
    More,
}

/// A page being erased and given three copies.
#[derive(Clone, Copy)]
struct Job {
    page: u32,
    role: Role,
    /// The copy to be programmed next; none while the page is being erased.
    copy: Option<u32>,
    read_back: u32,
}

/// One value of `VALUE` bytes, replaced atomically.
///
/// # Power loss
/// At any instant: the next mount finds the value in force or the one being written, and once that was acted upon (rule
/// 5 of the [module](self)), every later mount finds it too.
///
/// # Limits
/// `VALUE` + 28 ≤ 256, checked at compile time. A mount reads 12 copies. A replace takes 1 erase and 3 programs, after
/// a cut at most 4 and 12. Epochs last for 2³² replaces, far more than any part.
pub struct Cell<const VALUE: usize> {
    geometry: Geometry,
    kind: u8,
    mac: MacKey,
    value: Secret<VALUE>,
    epoch: u32,
    /// Highest epoch seen or used.
    highest: u32,
    base: u32,
    pages: [PageState; 4],
    /// The value being written; in force when acknowledged.
    pending: Option<Secret<VALUE>>,
    job: Option<Job>,
    forget: bool,
    /// The base was written by this boot and acknowledged.
    wrote: bool,
    settled: bool,
    /// Slots behind the base that this boot has programmed or tried to.
    used: u32,
}

impl<const VALUE: usize> Cell<VALUE> {
    /// `VALUE` bytes and the overhead fit into one program.
    const FITS: () =
        assert!(VALUE <= RECORD_BYTES_MAX - OVERHEAD_BYTES, "a cell's value is too long");

    /// Erases the region and makes `value` its first. In the factory only: whatever the cell held is gone.
    ///
    /// `kind` tells cells under one key apart. Blocks for four whole erases.
    ///
    /// # Errors
    /// [`FormatError`], as it says.
    pub fn format<F: Flash>(
        flash: &mut F,
        region: Region,
        kind: u8,
        mac: MacKey,
        value: Secret<VALUE>,
    ) -> Result<Self, FormatError> {
        let geometry = Self::geometry(flash, region).map_err(FormatError::Geometry)?;
        let cell = Self {
            geometry,
            kind,
            mac,
            value,
            epoch: 1,
            highest: 1,
            base: 0,
            pages: [PageState::Whole, PageState::Tombs, PageState::Tombs, PageState::Tombs],
            pending: None,
            job: None,
            forget: false,
            wrote: true,
            settled: true,
            used: 0,
        };
        for page in 0..PAGES {
            let (from, to) = (geometry.at(page, 0), geometry.at(page.saturating_add(1), 0));
            flash
                .erase(from, to)
                .map_err(|error| FormatError::Flash(Error::new(&error, Operation::Erase, from)))?;
        }
        for page in 0..PAGES {
            let role = if page == cell.base { Role::Value } else { Role::Tomb };
            for copy in 0..COPIES {
                cell.program(flash, page, copy, role).map_err(FormatError::Flash)?;
            }
        }
        Ok(cell)
    }

    /// Finds the value. Reads each copy once and writes nothing.
    ///
    /// # Errors
    /// [`MountError`], as it says. A part that fails to read is no error: what it does not give is not valid.
    pub fn mount<F: Flash>(
        flash: &mut F,
        region: Region,
        kind: u8,
        mac: MacKey,
    ) -> Result<Self, MountError> {
        let geometry = Self::geometry(flash, region).map_err(MountError::Geometry)?;
        let mut shown =
            [Shown::<VALUE>::nothing(), Shown::nothing(), Shown::nothing(), Shown::nothing()];
        for (page, shown) in (0..PAGES).zip(&mut shown) {
            for copy in 0..COPIES {
                if let Some(read) = copy::read(flash, &geometry, Place { page, copy }, kind, &mac) {
                    shown.take(read);
                }
            }
        }
        let mut base: Option<(u32, &Shown<VALUE>)> = None;
        for (page, shown) in (0..PAGES).zip(&shown).filter(|(_, shown)| shown.copies > 0) {
            if base.is_none_or(|(_, best)| shown.rank() > best.rank()) {
                base = Some((page, shown));
            }
        }
        let (base, best) = base.ok_or(MountError::Lost)?;
        let mut highest = best.epoch;
        let mut settled = best.copies == COPIES;
        let mut pages = [PageState::Torn; 4];
        for ((page, shown), state) in (0..PAGES).zip(&shown).zip(&mut pages) {
            *state = shown.state();
            highest = highest.max(shown.epoch);
            settled = settled && (page == base || shown.is_behind(best.epoch));
        }
        Ok(Self {
            geometry,
            kind,
            value: best.value.duplicate(),
            epoch: best.epoch,
            highest,
            base,
            pages,
            used: 0,
            pending: None,
            job: None,
            forget: false,
            wrote: false,
            settled,
            mac,
        })
    }

    fn geometry<F: Flash>(flash: &F, region: Region) -> Result<Geometry, GeometryError> {
        let () = Self::FITS;
        let geometry = Geometry::of(flash, region)?;
        let slots = slot_bytes::<VALUE>(&geometry).saturating_mul(COPIES);
        if geometry.pages() != PAGES || geometry.page_bytes() < slots {
            return Err(GeometryError::Pages);
        }
        Ok(geometry)
    }

    /// Begins to put `value` in force. [`Self::step`] does it. A replace that was pending is dropped; a forget is not.
    pub fn begin_replace(&mut self, value: Secret<VALUE>) {
        self.pending = Some(value);
        self.wrote = false;
        self.settled = false;
        self.highest = self.highest.saturating_add(1);
        let page = self.base.wrapping_add(1).checked_rem(PAGES).unwrap_or(0);
        self.job = Some(Job { page, role: Role::Value, copy: None, read_back: 0 });
    }

    /// Begins to destroy what the cell held before: every page but the one this boot wrote is erased and given tombs.
    ///
    /// If this boot wrote none, the value is first replaced by itself: a page is only ever kept because it is known to
    /// be whole.
    pub fn begin_forget(&mut self) {
        self.forget = true;
        if self.job.is_some() {
            return;
        }
        if self.wrote {
            self.job = self.next_job();
        } else {
            self.begin_replace(self.value.duplicate());
        }
    }

    /// Does one erase step, or one program with its read-back. Without work it is done at once.
    ///
    /// # Errors
    /// The part's, or [`ErrorKind::ReadBack`] when fewer than two copies read back. The work is dropped; the value in
    /// force is the old one, but [`Self::needs_settle`]: until the next replace is done, a mount may find either. A
    /// replace may be begun again at once.
    pub fn step<F: Flash>(&mut self, flash: &mut F, pause: &Pause<'_>) -> Result<Progress, Error> {
        let Some(job) = self.job else {
            return Ok(Progress::Done);
        };
        match self.advance(flash, pause, job) {
            Ok(Some(job)) => self.job = Some(job),
            Ok(None) => self.job = self.next_job(),
            Err(error) => {
                self.job = None;
                self.pending = None;
                self.forget = false;
                return Err(error);
            }
        }
        Ok(if self.job.is_some() { Progress::More } else { Progress::Done })
    }

    /// One operation of `job`. What is left of it, or nothing if its page is complete.
    fn advance<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        job: Job,
    ) -> Result<Option<Job>, Error> {
        let Some(copy) = job.copy else {
            self.mark(job.page, PageState::Torn);
            return match page::erase_step(flash, &self.geometry, job.page, pause.ms_max())? {
                EraseProgress::Done => Ok(Some(Job { copy: Some(0), ..job })),
                EraseProgress::More => Ok(Some(job)),
            };
        };
        let done = copy.saturating_add(1);
        let read_back = match self.program(flash, job.page, copy, job.role) {
            Ok(()) => job.read_back.saturating_add(1),
            // One slot of a page may have worn out.
            Err(_) if done.saturating_sub(job.read_back) <= COPIES.saturating_sub(QUORUM) => {
                job.read_back
            }
            Err(error) => return Err(error),
        };
        if done < COPIES {
            return Ok(Some(Job { copy: Some(done), read_back, ..job }));
        }
        self.mark(
            job.page,
            match job.role {
                Role::Tomb => PageState::Tombs,
                Role::Value if read_back == COPIES => PageState::Whole,
                Role::Value => PageState::Torn,
            },
        );
        if job.role == Role::Value {
            self.base = job.page;
        }
        Ok(None)
    }

    /// The next page to be given tombs. Acknowledges what is pending when none is left that the value must wait for.
    fn next_job(&mut self) -> Option<Job> {
        let tombs = |page| Job { page, role: Role::Tomb, copy: None, read_back: 0 };
        if let Some(value) = self.pending.take() {
            if let Some(page) = self.other_page(|state| state == PageState::Torn) {
                self.pending = Some(value);
                return Some(tombs(page));
            }
            self.value = value;
            self.epoch = self.highest;
            self.wrote = true;
            self.settled = true;
            self.used = 0;
        }
        if self.forget {
            if let Some(page) = self.other_page(|state| state != PageState::Tombs) {
                return Some(tombs(page));
            }
            self.forget = false;
        }
        None
    }

    fn other_page(&self, wanted: impl Fn(PageState) -> bool) -> Option<u32> {
        let other = |(page, state): &(u32, &PageState)| *page != self.base && wanted(**state);
        (0..PAGES).zip(&self.pages).find(other).map(|(page, _)| page)
    }

    fn mark(&mut self, page: u32, now: PageState) {
        let at = |(other, _): &(u32, &mut PageState)| *other == page;
        if let Some((_, state)) = (0..PAGES).zip(&mut self.pages).find(at) {
            *state = now;
        }
    }

    /// Programs one copy and reads it back. The buffers are wiped.
    fn program<F: Flash>(
        &self,
        flash: &mut F,
        page: u32,
        copy: u32,
        role: Role,
    ) -> Result<(), Error> {
        let place = Place { page, copy };
        let offset = place.offset::<VALUE>(&self.geometry);
        let error = Error { kind: ErrorKind::OutOfBounds, operation: Operation::Program, offset };
        if self.highest == u32::MAX {
            return Err(error);
        }
        let zeros = Secret::new([0; VALUE]);
        let value = match role {
            Role::Value => self.pending.as_ref().unwrap_or(&self.value),
            Role::Tomb => &zeros,
        };
        let head = copy::header(self.kind, role, self.highest);
        let mut record = Secret::new([0; RECORD_BYTES_MAX]);
        let length =
            copy::encode(record.expose_mut(), head, value, place, &self.mac).map_err(|_| error)?;
        let record = record.expose().get(..length).ok_or(error)?;
        page::program_checked(flash, &self.geometry, offset, record)
    }

    /// The value in force. During a replace still the old one.
    #[must_use]
    pub const fn value(&self) -> &Secret<VALUE> {
        &self.value
    }

    /// The epoch of the value in force. It rises with each replace, by more than one after cuts.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether the value must be replaced, by itself or by another, before it is acted upon.
    ///
    /// After a clean power-off and once this boot replaced, it need not. One word that no longer holds data does not
    /// ask for it at each boot: what asks is a trace that only a cut leaves.
    #[must_use]
    pub const fn needs_settle(&self) -> bool {
        !self.settled
    }

    /// Pages that may open to who reads the part: those not showing three tombs.
    ///
    /// All four mean that as many power cycles in a row wrote and ended before [`Self::begin_forget`] was done.
    #[must_use]
    pub fn live_pages(&self) -> u32 {
        self.pages
            .iter()
            .filter(|state| **state != PageState::Tombs)
            .fold(0, |sum: u32, _| sum.saturating_add(1))
    }

    /// Whether [`Self::step`] has work.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.job.is_some()
    }
}
