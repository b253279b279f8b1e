//! Reads a ring back from its bytes, newest segment first, as a host would.

use medsec_core::flash::ring::{
    Adopted, CLASS_RESUME, ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, Place, Plan,
    RESUME_BYTES, Resume, Segment, committed, seq_low,
};

use super::Entry;
use super::author::{commitment, hash, tag};
use crate::exhaust::Violation;

/// Where a segment begins.
enum Start {
    Resume(Resume),
    Header(Header),
}

struct Reader<'a> {
    image: &'a [u8],
    plan: &'a Plan,
}

/// Goes back from `tail` to page `floor` and checks that each entry of `expected` is found there, in order, and that
/// nothing else is. An entry that was never acknowledged may be missing.
pub(super) fn read(
    image: &[u8],
    plan: &Plan,
    tail: &Segment,
    floor: u32,
    expected: &[Entry],
) -> Result<(), Violation> {
    let reader = Reader { image, plan };
    let mut left = expected.iter().rev();
    let mut at = Adopted {
        page: tail.page,
        offset: tail.offset,
        session: tail.session,
        count: tail.count,
        end: tail.end,
    };
    let mut first_seq = None;
    // Each turn goes to a lower place.
    for _ in 0..expected.len() + 2 {
        let found = reader.segment(&at, first_seq)?;
        for seq in found.entries.rev() {
            let Some(entry) = left.next() else {
                return Err(Violation::new("invented", format!("{seq} in {at:?}")));
            };
            if (entry.session, entry.seq, entry.page) != (at.session, seq, at.page) {
                return Err(Violation::new("order", format!("{entry:?} is not {seq} of {at:?}")));
            }
            if reader.holds(entry) || !entry.acknowledged {
                continue;
            }
            return Err(Violation::new("bytes", format!("{entry:?}")));
        }
        match found.before {
            Before::Nothing => break,
            Before::Adopted(adopted) if adopted.page < floor => break,
            Before::Adopted(adopted) => (at, first_seq) = (adopted, None),
            Before::Page(page, _) if page < floor => break,
            Before::Page(page, first) => {
                at = reader.last_of(page, at.session)?;
                first_seq = Some(first);
            }
        }
    }
    match left.find(|entry| entry.acknowledged && entry.page >= floor) {
        Some(entry) => Err(Violation::new("lost", format!("{entry:?} with {tail:?}"))),
        None => Ok(()),
    }
}

/// What lies before a segment.
enum Before {
    Nothing,
    Adopted(Adopted),
    /// The same session in a lower page, up to a sequence number.
    Page(u32, u64),
}

struct Found {
    entries: core::ops::Range<u64>,
    before: Before,
}

impl Reader<'_> {
    fn bytes(&self, page: u32, offset: u32, length: usize) -> Option<&[u8]> {
        let at = usize::try_from(self.plan.at(page, offset)).ok()?;
        self.image.get(at..at + length)
    }

    fn start(&self, page: u32, offset: u32) -> Option<Start> {
        let opens = offset == self.plan.header_bytes();
        let resume = self.bytes(page, offset, RESUME_BYTES).and_then(|bytes| {
            let resume = Resume::parse(bytes.first_chunk()?, page, offset).ok()?;
            (resume.commit == commitment(page, offset, committed(bytes))).then_some(resume)
        });
        match resume {
            Some(resume) => Some(Start::Resume(resume)),
            None if opens => {
                let bytes = self.bytes(page, 0, HEADER_BYTES)?;
                let header = Header::parse(bytes.first_chunk()?).ok()?;
                let right = header.commit == commitment(page, 0, committed(bytes));
                (right && header.page == page).then_some(Start::Header(header))
            }
            None => None,
        }
    }

    /// The segment that should lie at `at`; `end_seq` is the number behind its last entry, if its count is not known.
    fn segment(&self, at: &Adopted, end_seq: Option<u64>) -> Result<Found, Violation> {
        let missing = || Violation::new("segment", format!("none at {at:?}"));
        let (session, first, before) = match self.start(at.page, at.offset).ok_or_else(missing)? {
            Start::Resume(resume) => {
                let before = if resume.adopted.count == 0 {
                    Before::Nothing
                } else {
                    Before::Adopted(resume.adopted)
                };
                (resume.session, resume.seq + 1, before)
            }
            Start::Header(header) => {
                (header.session, header.first_seq, Before::Page(at.page - 1, header.first_seq))
            }
        };
        if session != at.session {
            return Err(missing());
        }
        let end = end_seq.unwrap_or(first + u64::from(at.count));
        Ok(Found { entries: first..end, before })
    }

    /// The segment of `session` in `page`, from which it turned to the next.
    fn last_of(&self, page: u32, session: u32) -> Result<Adopted, Violation> {
        let at = |offset| Adopted { page, offset, session, ..Adopted::default() };
        for number in (0..self.plan.cells()).rev() {
            let offset = self.plan.cell_offset(number);
            let class = self
                .bytes(page, offset, ENTRY_HEADER_BYTES)
                .and_then(|bytes| EntryHeader::parse(bytes.first_chunk()?, page, offset).ok());
            if class.is_some_and(|header| header.class == CLASS_RESUME)
                && let Some(Start::Resume(resume)) = self.start(page, offset)
                && resume.session == session
            {
                return Ok(at(offset));
            }
        }
        match self.start(page, self.plan.header_bytes()) {
            Some(Start::Header(header)) if header.session == session => {
                Ok(at(self.plan.header_bytes()))
            }
            Some(_) | None => {
                Err(Violation::new("segment", format!("session {session} is not in page {page}")))
            }
        }
    }

    /// Whether the bytes of `entry` are where they were put, and their tag is right.
    fn holds(&self, entry: &Entry) -> bool {
        let parse = || {
            let bytes = self.bytes(entry.page, entry.offset, ENTRY_HEADER_BYTES)?;
            let header = EntryHeader::parse(bytes.first_chunk()?, entry.page, entry.offset).ok()?;
            let length = usize::from(header.length);
            let bytes = self.bytes(entry.page, entry.offset, length + 24)?;
            let (head, rest) = bytes.split_at(ENTRY_HEADER_BYTES);
            let (body, stored) = rest.split_at(length);
            let place = Place { page: entry.page, offset: entry.offset, seq: entry.seq };
            let right = stored == tag(entry.session, &place, head, body)
                && header.seq_low == seq_low(entry.seq)
                && hash(bytes) == entry.hash;
            right.then_some(())
        };
        parse().is_some()
    }
}
