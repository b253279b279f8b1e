//! Finding segments in an image, and checking that their headers are committed to.

use medsec_core::Secret;
use medsec_core::flash::ring::{
    Adopted, CLASS_RESUME, ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, RESUME_BYTES,
    Resume, Void, committed, seq_low,
};

use super::{Image, Keys, Subject};
use crate::segment::{SegmentKeys, next_link, session_link};

/// A place in the log. Pages are in the order of their sequence numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Position {
    pub(super) page: u32,
    pub(super) offset: u32,
}

impl Position {
    pub(super) const START: Self = Self { page: 0, offset: 0 };
}

/// A segment, by its header or its resume record.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentStart {
    /// Offset 0: the segment begins with the page's header.
    pub(super) at: Position,
    pub(super) session: u32,
    pub(super) ordinal: u32,
    salt: [u8; 16],
    /// Offset of the first entry.
    pub(super) entries: u32,
    pub(super) first_seq: u64,
    /// What a resume record goes on from.
    pub(super) adopted: Option<Adopted>,
    /// The hash of the session's pages before.
    pub(super) previous: [u8; 32],
    bytes: [u8; HEADER_BYTES],
    length: usize,
}

impl SegmentStart {
    /// Whether the session stored nothing before.
    pub(super) const fn begins_session(&self) -> bool {
        self.adopted.is_some()
    }

    /// The bytes of its header or resume record.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn commit(&self) -> Option<&[u8]> {
        let end = self.length.checked_sub(16)?;
        self.bytes.get(end.checked_sub(16)?..end)
    }
}

/// Reads an image, and knows which of its segments count.
pub(super) struct Segments<'a, I: Image, K: Keys> {
    image: &'a mut I,
    keys: &'a mut K,
    pub(super) subject: Subject<'a>,
    suite: u8,
    pub(super) void: Void,
    /// Whether no session began after the newest one in the log.
    pub(super) head_is_newest: bool,
    keyed: bool,
}

impl<'a, I: Image, K: Keys> Segments<'a, I, K> {
    pub(super) fn new(image: &'a mut I, keys: &'a mut K, subject: Subject<'a>, suite: u8) -> Self {
        let keyed = keys.is_keyed();
        Self { image, keys, subject, suite, void: Void::default(), head_is_newest: false, keyed }
    }

    pub(super) const fn has_keys(&self) -> bool {
        self.keyed
    }

    pub(super) fn audit(&mut self, session: u32) -> Option<Secret<32>> {
        self.keys.audit(session)
    }

    /// More than the segments an image can hold.
    pub(super) fn positions(&self) -> u32 {
        let plan = self.subject.plan;
        plan.geometry().pages().saturating_mul(plan.cells().saturating_add(2))
    }

    pub(super) fn read(&mut self, at: Position, out: &mut [u8]) -> Option<()> {
        let slot = self.subject.plan.slot(at.page);
        self.image.read(slot, at.offset, out).ok()
    }

    /// The header that lies in `slot`, wherever it belongs.
    pub(super) fn header_in_slot(&mut self, slot: u32) -> Option<Header> {
        let mut bytes = [0; HEADER_BYTES];
        self.image.read(slot, 0, &mut bytes).ok()?;
        let header = Header::parse(&bytes).ok()?;
        let start = self.header_start(&header, bytes);
        let known = header.ring == self.subject.ring && header.suite == self.suite;
        (known && self.is_committed(&start)).then_some(header)
    }

    /// Whether a header says that page `page` lies in its slot, right or wrong.
    pub(super) fn holds_page(&mut self, page: u32) -> bool {
        let mut bytes = [0; HEADER_BYTES];
        let at = Position { page, offset: 0 };
        self.read(at, &mut bytes).is_some()
            && bytes.iter().any(|byte| *byte != 0xFF)
            && Header::parse(&bytes).map_or(true, |header| header.page == page)
    }

    fn page_header(&mut self, page: u32) -> Option<SegmentStart> {
        let mut bytes = [0; HEADER_BYTES];
        self.read(Position { page, offset: 0 }, &mut bytes)?;
        let header = Header::parse(&bytes).ok()?;
        let known = header.ring == self.subject.ring && header.suite == self.suite;
        let start = self.header_start(&header, bytes);
        (known && header.page == page && self.is_committed(&start)).then_some(start)
    }

    fn header_start(&self, header: &Header, bytes: [u8; HEADER_BYTES]) -> SegmentStart {
        SegmentStart {
            at: Position { page: header.page, offset: 0 },
            session: header.session,
            ordinal: header.ordinal,
            salt: header.salt,
            entries: self.subject.plan.header_bytes(),
            first_seq: header.first_seq,
            adopted: None,
            previous: header.previous,
            bytes,
            length: HEADER_BYTES,
        }
    }

    /// The floor that page `page` states; without one, what its sequence number allows at most.
    pub(super) fn floor(&mut self, page: u32) -> u32 {
        let mut bytes = [0; HEADER_BYTES];
        let stated = self
            .page_header(page)
            .and_then(|_| self.read(Position { page, offset: 0 }, &mut bytes))
            .and_then(|()| Header::parse(&bytes).ok());
        let pages = self.subject.plan.geometry().pages();
        stated.map_or(page.saturating_add(2).saturating_sub(pages), |header| header.floor)
    }

    fn resume(&mut self, at: Position) -> Option<SegmentStart> {
        let mut bytes = [0; RESUME_BYTES];
        self.read(at, &mut bytes)?;
        let resume = Resume::parse(&bytes, at.page, at.offset).ok()?;
        let mut padded = [0; HEADER_BYTES];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = from;
        }
        let start = SegmentStart {
            at,
            session: resume.session,
            ordinal: resume.ordinal,
            salt: resume.salt,
            entries: at.offset.saturating_add(self.subject.plan.geometry().round_up(96)),
            first_seq: resume.seq.saturating_add(1),
            adopted: Some(resume.adopted),
            previous: [0; 32],
            bytes: padded,
            length: RESUME_BYTES,
        };
        if resume.suite != self.suite || !self.is_committed(&start) {
            return None;
        }
        // The session's own page header belongs to it.
        let opens = at.offset == self.subject.plan.header_bytes();
        let header = if opens { Some(self.page_header(at.page)?) } else { None };
        let owned = header.is_none_or(|header| {
            header.session == resume.session
                && header.ordinal == 0
                && resume.ordinal == 1
                && header.first_seq == resume.seq
                && header.salt == resume.salt
        });
        owned.then_some(start)
    }

    /// The keys of a segment.
    pub(super) fn segment_keys(&mut self, segment: &SegmentStart) -> Option<SegmentKeys> {
        let audit = self.keys.audit(segment.session)?;
        let device = &self.subject.device;
        let mut link = session_link(&audit, segment.session, &segment.salt, device, self.suite);
        if segment.ordinal > ORDINAL_MAX {
            return None;
        }
        for _ in 0..segment.ordinal {
            link = next_link(&link);
        }
        let (page, offset) = (segment.at.page, segment.at.offset);
        Some(SegmentKeys::derive(&link, page, offset, committed(segment.bytes())))
    }

    fn is_committed(&mut self, segment: &SegmentStart) -> bool {
        if !self.keyed {
            return true;
        }
        let keys = self.segment_keys(segment);
        keys.is_some_and(|keys| segment.commit() == Some(&keys.commit[..]))
    }

    fn counts(&self, segment: &SegmentStart) -> bool {
        !self.void.covers(segment.at.page, segment.session)
    }

    /// Where the session's chain of hashes takes its header in beside the resume record.
    pub(super) fn own_header(&mut self, segment: &SegmentStart) -> Option<[u8; HEADER_BYTES]> {
        if segment.adopted.is_none() || segment.at.offset != self.subject.plan.header_bytes() {
            return None;
        }
        self.page_header(segment.at.page).map(|header| header.bytes)
    }

    /// The newest segment: of the highest session, then highest place, with at least one entry.
    pub(super) fn head(&mut self) -> Option<SegmentStart> {
        let mut newest = None;
        for slot in 0..self.subject.plan.geometry().pages() {
            let header = self.header_in_slot(slot);
            let header = header.filter(|header| self.subject.plan.slot(header.page) == slot);
            newest = newest.max(header.map(|header| header.page));
        }
        let mut best: Option<SegmentStart> = None;
        let top = newest?;
        let mut below = Position { page: top, offset: u32::MAX };
        let lowest = top.saturating_sub(HEAD_PAGES);
        while let Some(segment) = self.below(below, below) {
            if segment.at.page < lowest {
                break;
            }
            let newer = best.is_none_or(|best| segment.session > best.session);
            if newer && self.count(&segment, 1) > 0 {
                best = Some(segment);
            }
            below = segment.at;
        }
        best
    }

    /// The highest segment strictly below `at` that counts. Pages without a header of their own are passed over.
    pub(super) fn below(&mut self, at: Position, limit: Position) -> Option<SegmentStart> {
        let mut page = if at.page == u32::MAX { self.newest_page()? } else { at.page };
        let mut offset = if page == at.page { at.offset } else { u32::MAX };
        for _ in 0..self.subject.plan.geometry().pages() {
            if let Some(found) = self.below_in(page, offset)
                && found.at < limit.max(at)
            {
                return Some(found);
            }
            page = page.checked_sub(1)?;
            offset = u32::MAX;
        }
        None
    }

    fn newest_page(&mut self) -> Option<u32> {
        let mut newest = None;
        for slot in 0..self.subject.plan.geometry().pages() {
            newest = newest.max(self.header_in_slot(slot).map(|header| header.page));
        }
        newest
    }

    fn below_in(&mut self, page: u32, offset: u32) -> Option<SegmentStart> {
        let header = self.page_header(page);
        let plan = self.subject.plan;
        for number in (0..plan.cells()).rev() {
            let at = Position { page, offset: plan.cell_offset(number) };
            if at.offset >= offset {
                continue;
            }
            let resume = self.resume(at);
            if let Some(resume) = resume.filter(|resume| self.counts(resume)) {
                return Some(resume);
            }
        }
        let header = header.filter(|header| header.ordinal > 0 && self.counts(header));
        header.filter(|_| offset > 0)
    }

    /// The segment that a resume record of session `session` names.
    pub(super) fn adopted(&mut self, adopted: &Adopted, session: u32) -> Option<SegmentStart> {
        let at = Position { page: adopted.page, offset: adopted.offset };
        let first = at.offset == self.subject.plan.header_bytes();
        let found = match self.resume(at) {
            Some(resume) => Some(resume),
            None if first => self.page_header(at.page),
            None => None,
        };
        found.filter(|found| found.session == adopted.session && found.session < session)
    }

    /// The segment of the same session in the page before.
    pub(super) fn continued(&mut self, segment: &SegmentStart) -> Option<SegmentStart> {
        let page = segment.at.page.checked_sub(1)?;
        let ordinal = segment.ordinal.checked_sub(1)?;
        let found = self.below_in(page, u32::MAX)?;
        let same = found.session == segment.session && found.ordinal == ordinal;
        (same && found.salt == segment.salt).then_some(found)
    }

    /// The header of the entry of sequence number `seq` at `at`.
    pub(super) fn entry_header(&mut self, at: Position, seq: u64) -> Option<EntryHeader> {
        let mut bytes = [0; ENTRY_HEADER_BYTES];
        self.read(at, &mut bytes)?;
        let header = EntryHeader::parse(&bytes, at.page, at.offset).ok()?;
        let plan = self.subject.plan;
        let length = u32::from(header.length);
        let end = at.offset.saturating_add(plan.entry_bytes(length));
        let fits = length <= plan.body_bytes_max() && end <= plan.geometry().page_bytes();
        let known = header.class != CLASS_RESUME && header.seq_low == seq_low(seq);
        (fits && known).then_some(header)
    }

    /// Counts the entries of a segment by their headers, up to `limit`.
    pub(super) fn count(&mut self, segment: &SegmentStart, limit: u32) -> u32 {
        let mut at = Position { page: segment.at.page, offset: segment.entries };
        let mut seq = segment.first_seq;
        let mut count = 0_u32;
        while count < limit {
            let Some(header) = self.entry_header(at, seq) else { break };
            let bytes = self.subject.plan.entry_bytes(u32::from(header.length));
            at.offset = at.offset.saturating_add(bytes);
            seq = seq.saturating_add(1);
            count = count.saturating_add(1);
        }
        count
    }
}

/// Pages below the newest in which the newest session may be found.
const HEAD_PAGES: u32 = 3;
/// Segments of one session that are followed: a page a minute for two years.
const ORDINAL_MAX: u32 = 1_048_576;
