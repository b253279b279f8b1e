//! Finding the newest segment, by reading alone.

use super::layout::{
    CLASS_RESUME, ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, RESUME_BYTES, Resume,
    resume_tag, seq_low,
};
use super::{Ring, Segment, State, Void, covered};
use crate::flash::page;
use crate::hal::Flash;

impl Ring {
    /// Ends the session and finds the newest segment again, after an error of the part.
    pub fn remount<F: Flash>(&mut self, flash: &mut F, void: Void) {
        self.state = State::Mounted;
        self.tail = self.find_tail(flash, void);
        self.blank_from = self.tail.map_or(u32::MAX, |tail| self.find_blank(flash, &tail));
    }

    /// The slot in which entries may be hidden that the mount did not see, before session `index` starts.
    ///
    /// Either the newest page holds something where that session would resume, which no cut explains; or the page that
    /// is opened next begins with what is neither blank nor a header, which damage leaves, and a cut as well.
    pub fn damaged_slot<F: Flash>(&self, flash: &mut F, index: u32) -> Option<u32> {
        if let Some(tail) = self.tail
            && let Some(silent) = index.checked_sub(tail.session).and_then(|n| n.checked_sub(1))
            && let Some(offset) = self.plan.resume_offset(tail.end, silent)
            && offset < self.blank_from
        {
            return Some(self.plan.slot(tail.page));
        }
        let slot = self.plan.slot(self.next_page());
        let mut bytes = [0; HEADER_BYTES];
        let read = page::read(flash, self.plan.geometry().at(slot, 0), &mut bytes);
        let is_blank = read.is_ok() && bytes.iter().all(|byte| *byte == 0xFF);
        (!is_blank && self.read_header(flash, slot).is_none()).then_some(slot)
    }

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

    /// The offset from which the page of `tail` reads blank to its end; cell by cell, as sessions resume at cells.
    fn find_blank<F: Flash>(&self, flash: &mut F, tail: &Segment) -> u32 {
        let page_bytes = self.plan.geometry().page_bytes();
        for number in (0..=self.plan.cells()).rev() {
            let start = self.plan.cell_offset(number);
            if start < tail.end {
                return start.saturating_add(self.plan.cell_bytes());
            }
            let end = start.saturating_add(self.plan.cell_bytes()).min(page_bytes);
            let length = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
            let mut cell = [0; page::RECORD_BYTES_MAX];
            let words = cell.get_mut(..length).unwrap_or_default();
            let read = page::read(flash, self.plan.at(tail.page, start), words);
            if read.is_err() || words.iter().any(|byte| *byte != 0xFF) {
                return end;
            }
        }
        self.plan.header_bytes()
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
        let tag = resume_tag(&self.mac, page, offset, covered(&bytes));
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
            let Some(entry) = self.read_entry_header(flash, header.page, segment.end) else {
                break;
            };
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
