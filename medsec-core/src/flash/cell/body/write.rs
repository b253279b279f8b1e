//! Replacing a body, and destroying older ones: one operation a step.

use sha2::{Digest, Sha256};

use super::pass::{begun, is_digest, read_at};
use super::{
    BodyCell, FRAMES, HEAD_BYTES, Head, LengthError, PIECE_BYTES_MAX, Standing, body_at,
    piece_bytes,
};
use crate::flash::cell::copy::{self, PageState, Place, Role};
use crate::flash::cell::{COPIES, Progress, QUORUM};
use crate::flash::page::{self, RECORD_BYTES_MAX};
use crate::flash::{Error, ErrorKind, Operation};
use crate::hal::{EraseProgress, Flash};
use crate::secret::Secret;
use crate::time::Pause;

/// The body being written.
pub(super) struct Writing {
    /// Its head; the digest is not known before the last piece.
    head: Head,
    hash: Sha256,
    /// Over what was carried over from the base.
    source: Sha256,
}

/// A frame being erased and filled.
#[derive(Clone, Copy)]
pub(super) struct Job {
    frame: u32,
    role: Role,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    /// The page of the frame to be erased next.
    Erase(u32),
    /// The byte of the body to be programmed next.
    Body(u32),
    /// The copy of the head to be programmed next, and how many read back.
    Heads(u32, u32),
}

impl BodyCell {
    /// Begins to replace the body by one of `length` bytes. [`Self::step`] does it. A replace that was pending is
    /// dropped; a forget is not.
    ///
    /// # Errors
    /// [`LengthError`]: nothing was begun and nothing dropped.
    pub fn begin_replace(&mut self, length: u32) -> Result<(), LengthError> {
        if length == 0 || length > self.capacity() {
            return Err(LengthError);
        }
        self.begin(length);
        Ok(())
    }

    /// Begins to replace the body by itself: what [`Self::needs_settle`] asks for. Its steps change no byte.
    pub fn begin_settle(&mut self) {
        self.begin(self.length());
    }

    fn begin(&mut self, length: u32) {
        self.standing = Standing::Unsettled;
        self.highest = self.highest.saturating_add(1);
        let frame = self.base.wrapping_add(1).checked_rem(FRAMES).unwrap_or(0);
        let head = Head { frame, epoch: self.highest, length, digest: [0; 32] };
        let source = self.head.map_or_else(Sha256::new, |head| begun(self.kind, &head));
        self.writing = Some(Writing { head, hash: begun(self.kind, &head), source });
        self.job = Some(Job { frame, role: Role::Value, stage: Stage::Erase(0) });
    }

    /// Begins to destroy what the cell held before: every frame but the one this boot wrote is erased and given tombs.
    ///
    /// If this boot wrote none, the body is first replaced by itself.
    pub fn begin_forget(&mut self) {
        self.forget = true;
        if self.job.is_some() {
            return;
        }
        if self.standing == Standing::Written {
            self.job = self.next_job();
        } else {
            self.begin_settle();
        }
    }

    /// Does one erase step, one read, or one program with its read-back. Without work it is done at once.
    ///
    /// `edit` is called for each piece of the new body, with its place, and changes what is to change: it finds there
    /// what the base has at that place, and zeros behind its end.
    ///
    /// # Errors
    /// The part's; [`ErrorKind::ReadBack`] when a piece or two heads did not read back, or when what was carried over
    /// did not give the digest of the base (then of [`Operation::Read`]). The work is dropped, and
    /// [`Self::needs_settle`]: a mount may find either body. A replace may be begun again at once; after an error of
    /// [`Operation::Read`] mount again first.
    pub fn step<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        edit: impl FnMut(u32, &mut [u8]),
    ) -> Result<Progress, Error> {
        let Some(job) = self.job else {
            return Ok(Progress::Done);
        };
        match self.advance(flash, pause, job, edit) {
            Ok(Some(stage)) => self.job = Some(Job { stage, ..job }),
            Ok(None) => self.job = self.next_job(),
            Err(error) => {
                self.job = None;
                self.writing = None;
                self.forget = false;
                return Err(error);
            }
        }
        Ok(if self.job.is_some() { Progress::More } else { Progress::Done })
    }

    /// One operation of `job`. The stage it is at then, or nothing if its frame is complete.
    fn advance<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        job: Job,
        edit: impl FnMut(u32, &mut [u8]),
    ) -> Result<Option<Stage>, Error> {
        match job.stage {
            Stage::Erase(page) => self.erase(flash, pause, job, page).map(Some),
            Stage::Body(at) => self.copy_piece(flash, at, edit).map(Some),
            Stage::Heads(copy, read_back) => self.heads(flash, job, copy, read_back),
        }
    }

    fn erase<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        job: Job,
        page: u32,
    ) -> Result<Stage, Error> {
        self.mark(job.frame, PageState::Torn);
        let each = self.part.pages().checked_div(FRAMES).unwrap_or(1);
        let index = job.frame.saturating_mul(each).saturating_add(page);
        match page::erase_step(flash, &self.part, index, pause.ms_max())? {
            EraseProgress::More => return Ok(Stage::Erase(page)),
            EraseProgress::Done => {}
        }
        let next = page.saturating_add(1);
        Ok(match job.role {
            _ if next < each => Stage::Erase(next),
            Role::Value => Stage::Body(0),
            Role::Tomb => Stage::Heads(0, 0),
        })
    }

    /// Carries one piece of the body over, with what `edit` makes of it.
    fn copy_piece<F: Flash>(
        &mut self,
        flash: &mut F,
        at: u32,
        mut edit: impl FnMut(u32, &mut [u8]),
    ) -> Result<Stage, Error> {
        let offset = |frame| self.frames.at(frame, body_at(&self.frames).saturating_add(at));
        let lost = Error {
            kind: ErrorKind::OutOfBounds,
            operation: Operation::Program,
            offset: offset(self.base),
        };
        let (old_end, is_whole) = (self.length(), self.is_whole);
        let writing = self.writing.as_mut().ok_or(lost)?;
        let Head { frame, length, .. } = writing.head;
        let bytes = piece_bytes(&self.part, &self.frames, at, length.max(old_end));
        // The new body may end within the piece, and so may the old one.
        let part_of = |end: u32| usize::try_from(end.saturating_sub(at).min(bytes)).unwrap_or(0);
        let mut buffer = Secret::new([0; PIECE_BYTES_MAX]);
        let old = buffer.expose_mut().get_mut(..part_of(old_end)).ok_or(lost)?;
        if !old.is_empty() {
            match read_at(flash, &self.frames, (self.base, at), old) {
                Err(error) if is_whole => return Err(error),
                Err(_) => old.fill(0),
                Ok(()) => writing.source.update(&*old),
            }
        }
        let new = buffer.expose_mut().get_mut(..part_of(length)).ok_or(lost)?;
        if !new.is_empty() {
            edit(at, new);
            writing.hash.update(&*new);
            let place = self.frames.at(frame, body_at(&self.frames).saturating_add(at));
            page::program_checked(flash, &self.part, place, new)?;
        }
        let next = at.saturating_add(bytes);
        if next < length.max(old_end) && bytes != 0 {
            return Ok(Stage::Body(next));
        }
        if let Some(head) = self.head.filter(|_| is_whole)
            && !is_digest(writing.source.clone(), &head)
        {
            let offset = self.frames.at(self.base, body_at(&self.frames));
            return Err(Error { kind: ErrorKind::ReadBack, operation: Operation::Read, offset });
        }
        writing.head.digest = writing.hash.clone().finalize().into();
        Ok(Stage::Heads(0, 0))
    }

    fn heads<F: Flash>(
        &mut self,
        flash: &mut F,
        job: Job,
        copy: u32,
        read_back: u32,
    ) -> Result<Option<Stage>, Error> {
        let done = copy.saturating_add(1);
        let read_back = match self.program(flash, job, copy) {
            Ok(()) => read_back.saturating_add(1),
            // One slot of a frame may have worn out.
            Err(_) if done.saturating_sub(read_back) <= COPIES.saturating_sub(QUORUM) => read_back,
            Err(error) => return Err(error),
        };
        if done < COPIES {
            return Ok(Some(Stage::Heads(done, read_back)));
        }
        self.mark(
            job.frame,
            match job.role {
                Role::Tomb => PageState::Tombs,
                Role::Value if read_back == COPIES => PageState::Whole,
                Role::Value => PageState::Torn,
            },
        );
        if let (Role::Value, Some(writing)) = (job.role, &self.writing) {
            self.base = job.frame;
            self.head = Some(writing.head);
            self.is_whole = true;
        }
        Ok(None)
    }

    /// The next frame to be given tombs. Acknowledges what is pending when none is left that it must wait for.
    fn next_job(&mut self) -> Option<Job> {
        let tombs = |frame| Job { frame, role: Role::Tomb, stage: Stage::Erase(0) };
        if self.writing.is_some() {
            if let Some(frame) = self.other_frame(|state| state == PageState::Torn) {
                return Some(tombs(frame));
            }
            self.writing = None;
            self.standing = Standing::Written;
        }
        if self.forget {
            if let Some(frame) = self.other_frame(|state| state != PageState::Tombs) {
                return Some(tombs(frame));
            }
            self.forget = false;
        }
        None
    }

    fn other_frame(&self, wanted: impl Fn(PageState) -> bool) -> Option<u32> {
        let other = |(frame, state): &(u32, &PageState)| *frame != self.base && wanted(**state);
        (0..FRAMES).zip(&self.states).find(other).map(|(frame, _)| frame)
    }

    fn mark(&mut self, frame: u32, now: PageState) {
        let at = |(other, _): &(u32, &mut PageState)| *other == frame;
        if let Some((_, state)) = (0..FRAMES).zip(&mut self.states).find(at) {
            *state = now;
        }
    }

    /// Programs one copy of a head, or one tomb, and reads it back.
    fn program<F: Flash>(&self, flash: &mut F, job: Job, copy: u32) -> Result<(), Error> {
        let place = Place { page: job.frame, copy };
        let offset = place.offset::<HEAD_BYTES>(&self.frames);
        let error = Error { kind: ErrorKind::OutOfBounds, operation: Operation::Program, offset };
        if self.highest == u32::MAX {
            return Err(error);
        }
        let value = match (job.role, &self.writing) {
            (Role::Value, Some(writing)) => writing.head.encode(),
            (Role::Value, None) => return Err(error),
            (Role::Tomb, _) => Secret::new([0; HEAD_BYTES]),
        };
        let header = copy::header(self.kind, job.role, self.highest);
        let mut record = Secret::new([0; RECORD_BYTES_MAX]);
        let length = copy::encode(record.expose_mut(), header, &value, place, &self.mac)
            .map_err(|_| error)?;
        let record = record.expose().get(..length).ok_or(error)?;
        page::program_checked(flash, &self.frames, offset, record)
    }
}
