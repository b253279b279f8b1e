//! Starting a session.

use super::Author;
use super::layout::Adopted;
use super::{Open, Progress, Retention, Ring, RingError, Session, Spare, Stage, State};
use crate::hal::{EraseProgress, Flash};
use crate::time::Pause;

impl Ring {
    /// Whether session `index` could start: in a blocking ring it may not be able to.
    ///
    /// # Errors
    /// [`RingError::Full`]; also for `FFFF_FFFF`, which no session has: no mount would find what it writes.
    pub fn check_start(&self, index: u32, clear: bool) -> Result<(), RingError> {
        if index == u32::MAX {
            return Err(RingError::Full);
        }
        let opens = self.resume_offset(index).is_none();
        let floor = self.tail.map_or(1, |tail| tail.floor);
        if opens && !self.may_open(self.next_page(), floor, clear) {
            return Err(RingError::Full);
        }
        Ok(())
    }

    /// The page of the newest entry, and the offset behind it; none in an empty ring.
    ///
    /// A page that was opened and holds no entry yet is not it: what lies behind such an entry may all be gone at the next
    /// mount, and no page that the entry's own page promises was given up for it.
    #[must_use]
    pub fn end(&self) -> Option<(u32, u32)> {
        match &self.state {
            State::Running(open) if open.has_entry => Some((open.page, open.offset)),
            State::Running(open) if open.previous != [0; 32] => {
                Some((open.page.checked_sub(1)?, self.plan.geometry().page_bytes()))
            }
            State::Running(_) | State::Mounted | State::Starting(..) => {
                self.tail.map(|tail| (tail.page, tail.end))
            }
        }
    }

    /// Whether this session has an entry in the open page, so that all before it is settled.
    #[must_use]
    pub const fn has_entry(&self) -> bool {
        matches!(self.state, State::Running(Open { has_entry: true, .. }))
    }

    /// Bytes of entries that a blocking ring would take from session `index` if it started now; `None` if it overwrites.
    #[must_use]
    pub fn room(&self, index: u32) -> Option<u32> {
        if self.retention == Retention::Overwrite {
            return None;
        }
        let geometry = self.plan.geometry();
        let floor = self.tail.map_or(1, |tail| tail.floor);
        let top = floor.saturating_add(geometry.pages()).saturating_sub(2);
        let page_room = geometry.page_bytes().saturating_sub(self.plan.header_bytes());
        let resume = geometry.round_up(96);
        let whole = |page: u32| top.saturating_sub(page).saturating_mul(page_room);
        Some(match (self.tail, self.resume_offset(index)) {
            (Some(tail), Some(offset)) => {
                let used = offset.saturating_add(resume);
                geometry.page_bytes().saturating_sub(used).saturating_add(whole(tail.page))
            }
            (None | Some(_), _) => whole(self.next_page().saturating_sub(1)).saturating_sub(resume),
        })
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

    fn resume_offset(&self, index: u32) -> Option<u32> {
        let tail = self.tail?;
        let silent = index.checked_sub(tail.session)?.checked_sub(1)?;
        let offset = self.plan.resume_offset(tail.end, silent)?;
        (offset >= self.blank_from).then_some(offset)
    }
}
