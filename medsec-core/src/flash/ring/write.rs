//! Programming headers, resume records and entries.

use super::layout::{
    COMMIT_BYTES, ENTRY_HEADER_BYTES, EntryHeader, Header, Resume, resume_tag, seq_low,
};
use super::{Author, Open, Place, Ring, RingError, Spare, committed, covered};
use crate::flash::page::{self, RECORD_BYTES_MAX};
use crate::hal::Flash;

impl Ring {
    pub(super) fn turn<F: Flash, A: Author>(
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

    pub(super) fn write_header<F: Flash, A: Author>(
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
        let commit =
            author.segment(open.page, 0, open.ordinal, committed).map_err(|_| RingError::Seal)?;
        let at = committed.len();
        put(&mut bytes, at, &commit);
        let tag = self.mac.tag(&[covered(&bytes)]);
        put(&mut bytes, at.saturating_add(COMMIT_BYTES), &tag);
        self.program(flash, author, self.plan.at(open.page, 0), &bytes)?;
        open.offset = self.plan.header_bytes();
        Ok(())
    }

    pub(super) fn write_resume<F: Flash, A: Author>(
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
        let tag = resume_tag(&self.mac, open.page, open.offset, covered(&bytes));
        put(&mut bytes, at.saturating_add(COMMIT_BYTES), &tag);
        self.program(flash, author, self.plan.at(open.page, open.offset), &bytes)?;
        open.offset = open.offset.saturating_add(self.plan.geometry().round_up(96));
        open.next_seq = open.next_seq.saturating_add(1);
        Ok(())
    }

    pub(super) fn write_entry<F: Flash, A: Author>(
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

/// Copies `bytes` to byte `at` of `buffer`, as far as it has room. The layouts are smaller than their buffers.
fn put(buffer: &mut [u8], at: usize, bytes: &[u8]) {
    for (to, from) in buffer.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}
