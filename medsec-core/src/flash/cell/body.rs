//! A cell with a body: a value of up to some kilobytes, replaced atomically, read and written in pieces.
//!
//! # Layout
//! A region of [`FRAMES`] frames, each of the same whole number of pages. A frame begins with three copies of a *head*,
//! or three tombs, laid out as the copies of a [cell](super) whose value is the head, with the frame as page. They lie in the frame's
//! first page. The body follows at the third slot's end. A head, little-endian:
//!
//! | offset | size | name | meaning |
//! |---|---|---|---|
//! | 0 | 1 | form | 1: a head of a body |
//! | 1 | 3 | | 0 |
//! | 4 | 4 | length | bytes of the body, at least 1 |
//! | 8 | 32 | digest | SHA-256 over `MSB1`, version 1, kind u8, frame u8, 0, epoch u32, length u32, body |
//!
//! The copy's MAC covers the head and so the body. The rest of a frame stays erased, but for the last piece of the
//! body, which is filled up to the unit with `FF`.
//!
//! # Assumptions on the part
//! Those of a [cell](super).
//!
//! # Rules
//! Those of a cell, with frame for page and these besides:
//!
//! 1. A frame is only ever the base if its body gives the digest of its head. Mount reads the head's copies once, then
//!    the body of the frame that would be the base; if that does not verify, the next best.
//! 2. A frame is erased page by page, the heads first: once the erase of the first page is done, nothing of the frame is
//!    believed any more.
//! 3. The body is programmed and read back piece by piece, each in one page; then the heads, each read back.
//! 4. What is carried over from the base is checked in the same reading in which it is copied: heads are not
//!    programmed over a body whose source did not verify.
//! 5. While something is pending, and after it failed, what can be read may be either value. It is not to be acted upon:
//!    [`BodyCell::needs_settle`].
//! 6. As long as a settle is needed, the base may lie in words that read differently at each time. If it then cannot be
//!    read, or not carried over, nothing is lost: mount again, and the frame that verifies then is the base.
//!
//! # Why a cut is harmless
//! As for a cell: three heads were programmed by this boot over a body it had read back, or were seen with a body that
//! verified. A cut in the body leaves a frame without heads; a cut in an erase leaves heads that are older than the base,
//! whose body may be gone, which the digest shows.
//!
//! # Damage
//! If no frame verifies but one shows two equal heads, its body was damaged by something other than a cut: an aged word, or
//! a hand. [`BodyCell::is_whole`] then says no, [`BodyCell::finish`] refuses, and only what carries a seal
//! of its own can still be used, by [`BodyCell::read_sealed`]. The next replace carries such a body over as it is.
//!
//! # Not claimed
//! As for a cell. A word of a frame that no longer holds data makes each replace into that frame fail: the value stays, and
//! the part has to be replaced. Who writes to the part can bring back a whole frame that once was valid.

mod pass;
mod write;

pub use self::pass::{Pass, ReadError};
use self::write::{Job, Writing};
use super::copy::{self, PageState, Place, Shown, slot_bytes};
use super::{COPIES, FormatError, MountError, PAGES, Progress, QUORUM};
use crate::codec::{Reader, Writer};
use crate::flash::Region;
use crate::flash::page::{Geometry, GeometryError, RECORD_BYTES_MAX};
use crate::hal::Flash;
use crate::key::MacKey;
use crate::secret::Secret;
use crate::time::Pause;

/// Frames of a cell with a body.
pub const FRAMES: u32 = PAGES;

/// Most bytes of a body that one step reads or programs.
pub const PIECE_BYTES_MAX: usize = RECORD_BYTES_MAX;

const HEAD_BYTES: usize = 40;
const FORM: u8 = 1;

/// More bytes than a frame holds beside its heads, or none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LengthError;

impl core::fmt::Display for LengthError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("body is empty or does not fit its frame")
    }
}

impl core::error::Error for LengthError {}

/// What a head says of a body.
#[derive(Clone, Copy)]
struct Head {
    frame: u32,
    epoch: u32,
    length: u32,
    digest: [u8; 32],
}

impl Head {
    fn parse(frame: u32, epoch: u32, value: &Secret<HEAD_BYTES>) -> Option<Self> {
        let mut reader = Reader::new(value.expose());
        let form = reader.u8().ok()?;
        reader.zeros(3).ok()?;
        let length = reader.u32().ok()?;
        let digest = reader.array().ok()?;
        reader.finish().ok()?;
        (form == FORM && length != 0).then_some(Self { frame, epoch, length, digest })
    }

    fn encode(&self) -> Secret<HEAD_BYTES> {
        let mut value = Secret::new([0; HEAD_BYTES]);
        let mut writer = Writer::new(value.expose_mut());
        // The fields are as long as the value, which the tests hold.
        let fields = writer
            .bytes(&[FORM, 0, 0, 0])
            .and_then(|()| writer.u32(self.length))
            .and_then(|()| writer.bytes(&self.digest));
        fields.unwrap_or_default();
        value
    }
}

/// A body, replaced atomically.
///
/// # Power loss
/// At any instant: the next mount finds the body in force or the one being written, and once that was acted upon, every
/// later mount finds it too.
///
/// # Limits
/// With g pages to a frame and a body of n pieces (at most 256 bytes each, none across pages): a mount reads 12 copies
/// and the body once, of damaged frames up to four bodies; a replace takes g erases, n + 3 programs, and reads the old body once and each
/// program back; after a cut up to 4 g erases and 9 more programs. Each step is one erase step, one read or one program.
/// RAM: 432 bytes, and about 1,300 of stack in a step.
pub struct BodyCell {
    /// Pages as the part has them.
    part: Geometry,
    /// Frames as if each were a page.
    frames: Geometry,
    kind: u8,
    mac: MacKey,
    /// Of the base; nothing before the first body of a format.
    head: Option<Head>,
    is_whole: bool,
    /// Highest epoch seen or used.
    highest: u32,
    base: u32,
    states: [PageState; 4],
    writing: Option<Writing>,
    job: Option<Job>,
    forget: bool,
    standing: Standing,
}

/// What is known of the base.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// A later mount may find another body.
    Unsettled,
    /// Every later mount finds it.
    Settled,
    /// The same, and this boot wrote it.
    Written,
}

impl BodyCell {
    /// Erases the region and makes a body of `length` bytes its first. In the factory only: whatever the cell held is gone.
    ///
    /// `fill` is called for one piece after the other, with the piece's place in the body, and puts its bytes in. `kind`
    /// tells cells under one key apart. Blocks until all frames are erased.
    ///
    /// # Errors
    /// [`FormatError`], as it says; [`GeometryError::Pages`] also if the body does not fit.
    pub fn format<F: Flash>(
        flash: &mut F,
        region: Region,
        kind: u8,
        mac: MacKey,
        length: u32,
        mut fill: impl FnMut(u32, &mut [u8]),
    ) -> Result<Self, FormatError> {
        let (part, frames) = geometries(flash, region).map_err(FormatError::Geometry)?;
        let mut cell = Self {
            part,
            frames,
            kind,
            mac,
            head: None,
            is_whole: false,
            highest: 0,
            // The first frame is behind it.
            base: FRAMES.saturating_sub(1),
            states: [PageState::Torn; 4],
            writing: None,
            job: None,
            forget: false,
            standing: Standing::Unsettled,
        };
        let too_long = |LengthError| FormatError::Geometry(GeometryError::Pages);
        cell.begin_replace(length).map_err(too_long)?;
        loop {
            let mut lender = ();
            let pause = Pause::lend(&mut lender, u32::MAX);
            match cell.step(flash, &pause, &mut fill).map_err(FormatError::Flash)? {
                Progress::Done => return Ok(cell),
                Progress::More => {}
            }
        }
    }

    /// Finds the body. Reads each copy of a head once, then the body, and writes nothing.
    ///
    /// # Errors
    /// [`MountError`], as it says. A part that fails to read is no error: what it does not give is not valid.
    pub fn mount<F: Flash>(
        flash: &mut F,
        region: Region,
        kind: u8,
        mac: MacKey,
    ) -> Result<Self, MountError> {
        let (part, frames) = geometries(flash, region).map_err(MountError::Geometry)?;
        let mut shown =
            [Shown::<HEAD_BYTES>::nothing(), Shown::nothing(), Shown::nothing(), Shown::nothing()];
        for (page, shown) in (0..FRAMES).zip(&mut shown) {
            for copy in 0..COPIES {
                if let Some(read) = copy::read(flash, &frames, Place { page, copy }, kind, &mac) {
                    shown.take(read);
                }
            }
        }
        let (head, is_whole) =
            Self::choose(flash, (&part, &frames), kind, &shown).ok_or(MountError::Lost)?;
        let mut highest = head.epoch;
        let mut settled = is_whole;
        let mut states = [PageState::Torn; 4];
        for ((frame, shown), state) in (0..FRAMES).zip(&shown).zip(&mut states) {
            *state = shown.state();
            highest = highest.max(shown.epoch);
            settled = settled
                && if frame == head.frame {
                    shown.copies == COPIES
                } else {
                    shown.is_behind(head.epoch)
                };
        }
        Ok(Self {
            part,
            frames,
            kind,
            mac,
            base: head.frame,
            head: Some(head),
            is_whole,
            highest,
            states,
            writing: None,
            job: None,
            forget: false,
            standing: if settled { Standing::Settled } else { Standing::Unsettled },
        })
    }

    /// The head of the base, and whether its body verifies: of those that do the highest rank, else what is damaged.
    fn choose<F: Flash>(
        flash: &mut F,
        geometries: (&Geometry, &Geometry),
        kind: u8,
        shown: &[Shown<HEAD_BYTES>; 4],
    ) -> Option<(Head, bool)> {
        let mut tried = [false; 4];
        let mut damaged: Option<Head> = None;
        for _ in 0..FRAMES {
            let mut best: Option<(u32, &Shown<HEAD_BYTES>, &mut bool)> = None;
            for ((frame, shown), tried) in (0..FRAMES).zip(shown).zip(&mut tried) {
                let is_candidate = !*tried && shown.copies > 0;
                if is_candidate
                    && best.as_ref().is_none_or(|(_, best, _)| shown.rank() > best.rank())
                {
                    best = Some((frame, shown, tried));
                }
            }
            let Some((frame, shown, tried)) = best else { break };
            *tried = true;
            let Some(head) = Head::parse(frame, shown.epoch, &shown.value) else { continue };
            if pass::verifies(flash, geometries, kind, &head) {
                return Some((head, true));
            }
            if damaged.is_none() && shown.copies >= QUORUM {
                damaged = Some(head);
            }
        }
        damaged.map(|head| (head, false))
    }

    /// Bytes of the body in force.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.head.map_or(0, |head| head.length)
    }

    /// Most bytes that a body can have here.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.frames.page_bytes().saturating_sub(body_at(&self.frames))
    }

    /// The epoch of the body in force. It rises with each replace, by more than one after cuts.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.head.map_or(0, |head| head.epoch)
    }

    /// Whether the body gave the digest of its head when it was mounted or written. No power cut makes this false.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether the body must be replaced, by itself or by another, before it is acted upon.
    ///
    /// Not after a clean power-off, nor once this boot replaced. A damaged body always asks for it.
    #[must_use]
    pub const fn needs_settle(&self) -> bool {
        matches!(self.standing, Standing::Unsettled)
    }

    /// Frames that may hold a body that can be read: those not showing three tombs.
    #[must_use]
    pub fn live_frames(&self) -> u32 {
        self.states
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

/// The region in pages and in frames, if three heads fit into a page.
fn geometries<F: Flash>(flash: &F, region: Region) -> Result<(Geometry, Geometry), GeometryError> {
    let part = Geometry::of(flash, region)?;
    let frames = part.in_frames(FRAMES).ok_or(GeometryError::Pages)?;
    let heads = body_at(&frames);
    if part.pages() < FRAMES || part.page_bytes() < heads || frames.page_bytes() <= heads {
        return Err(GeometryError::Pages);
    }
    Ok((part, frames))
}

/// Where the body of a frame begins, in bytes from the frame.
const fn body_at_slot(slot: u32) -> u32 {
    slot.saturating_mul(COPIES)
}

fn body_at(frames: &Geometry) -> u32 {
    body_at_slot(slot_bytes::<HEAD_BYTES>(frames))
}

/// Bytes of the piece at `at` of a body that ends at `end`: none crosses a page.
fn piece_bytes(part: &Geometry, frames: &Geometry, at: u32, end: u32) -> u32 {
    let offset = body_at(frames).saturating_add(at);
    let into = offset.checked_rem(part.page_bytes()).unwrap_or(0);
    let piece = u32::try_from(PIECE_BYTES_MAX).unwrap_or(u32::MAX);
    end.saturating_sub(at).min(part.page_bytes().saturating_sub(into)).min(piece)
}
