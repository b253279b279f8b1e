//! Finding segments in an image, and checking that their headers are committed to.

use medsec_core::Secret;
use medsec_core::flash::ring::{
    Adopted, CLASS_RESUME, ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, Plan,
    RESUME_BYTES, Resume, Void, committed, seq_low,
};

use super::ladder::Ladder;
use super::{CHAINS_MAX, Image, Keys, Subject};
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
    /// The floor that the session's own page header states.
    pub(super) floor: Option<u32>,
    /// The chain of secrets whose keys its header commits to.
    pub(super) chain: usize,
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
    /// Links of sessions, which their index and salt tell apart.
    links: Ladder<(u32, [u8; 16], usize)>,
}

impl<'a, I: Image, K: Keys> Segments<'a, I, K> {
    pub(super) fn new(image: &'a mut I, keys: &'a mut K, subject: Subject<'a>, suite: u8) -> Self {
        let keyed = keys.is_keyed();
        Self {
            image,
            keys,
            subject,
            suite,
            void: Void::default(),
            head_is_newest: false,
            keyed,
            links: Ladder::new(LINK_STEPS_MAX),
        }
    }

    pub(super) const fn has_keys(&self) -> bool {
        self.keyed
    }

    pub(super) fn audit(&mut self, session: u32, chain: usize) -> Option<Secret<32>> {
        self.keys.audit(session, chain)
    }

    pub(super) fn vouch(&mut self, chain: usize) {
        self.keys.vouch(chain);
    }

    pub(super) fn is_vouched(&self, chain: usize) -> bool {
        self.keyed && self.keys.is_vouched(chain)
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

    /// The header that lies in `slot`, wherever it belongs, if `wanted`.
    fn header_in_slot(
        &mut self,
        slot: u32,
        wanted: impl FnOnce(&Plan, &Header) -> bool,
    ) -> Option<Header> {
        let mut bytes = [0; HEADER_BYTES];
        self.image.read(slot, 0, &mut bytes).ok()?;
        let header = Header::parse(&bytes).ok()?;
        let known = header.ring == self.subject.ring && header.suite == self.suite;
        if !known || !wanted(self.subject.plan, &header) {
            return None;
        }
        let mut start = self.header_start(&header, bytes);
        self.is_committed(&mut start).then_some(header)
    }

    /// The header of a page that lies in `slot` but belongs elsewhere. One with nothing behind it was perhaps in flight.
    pub(super) fn misplaced(&mut self, slot: u32) -> Option<Header> {
        let elsewhere = |plan: &Plan, header: &Header| plan.slot(header.page) != slot;
        let header = self.header_in_slot(slot, elsewhere)?;
        let mut bytes = [0; ENTRY_HEADER_BYTES];
        let first = self.subject.plan.header_bytes();
        self.image.read(slot, first, &mut bytes).ok()?;
        EntryHeader::parse(&bytes, header.page, first).ok().map(|_| header)
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
        let mut start = self.header_start(&header, bytes);
        (known && header.page == page && self.is_committed(&mut start)).then_some(start)
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
            floor: Some(header.floor),
            chain: 0,
            bytes,
            length: HEADER_BYTES,
        }
    }

    /// The floor that page `page` states, and the chain of who says so. A page without a header states none.
    pub(super) fn floor(&mut self, page: u32) -> (u32, Option<usize>) {
        let header = self.page_header(page);
        let stated = header.and_then(|header| Some((header.floor?, Some(header.chain))));
        stated.unwrap_or((0, None))
    }

    /// The floor that holds if `page` is the newest with an entry: the highest of its own and of the pages opened behind it.
    ///
    /// The device may have seen an entry there that was in flight and is gone by now, and given up what that page no longer
    /// promises.
    pub(super) fn newest_floor(&mut self, page: u32) -> (u32, Option<usize>) {
        let mut newest = self.floor(page);
        for above in 1..self.subject.plan.geometry().pages() {
            let opened = page.saturating_add(above);
            if let Some(header) = self.page_header(opened)
                && let Some(floor) = header.floor
                && floor > newest.0
                && !self.void.covers(opened, header.session)
            {
                newest = (floor, Some(header.chain));
            }
        }
        newest
    }

    fn resume(&mut self, at: Position) -> Option<SegmentStart> {
        let mut bytes = [0; RESUME_BYTES];
        self.read(at, &mut bytes)?;
        let resume = Resume::parse(&bytes, at.page, at.offset).ok()?;
        let mut padded = [0; HEADER_BYTES];
        for (to, from) in padded.iter_mut().zip(bytes) {
            *to = from;
        }
        let mut start = SegmentStart {
            at,
            session: resume.session,
            ordinal: resume.ordinal,
            salt: resume.salt,
            entries: at.offset.saturating_add(self.subject.plan.geometry().round_up(96)),
            first_seq: resume.seq.saturating_add(1),
            adopted: Some(resume.adopted),
            previous: [0; 32],
            floor: None,
            chain: 0,
            bytes: padded,
            length: RESUME_BYTES,
        };
        if resume.suite != self.suite || !self.is_committed(&mut start) {
            return None;
        }
        // The session's own page header belongs to it.
        let opens = at.offset == self.subject.plan.header_bytes();
        let header = if opens { Some(self.page_header(at.page)?) } else { None };
        start.floor = header.and_then(|header| header.floor);
        let owned = header.is_none_or(|header| {
            header.session == resume.session
                && header.ordinal == 0
                && resume.ordinal == 1
                && header.first_seq == resume.seq
                && header.salt == resume.salt
        });
        // Without keys, this much tells a record from what an erase that was cut left of one.
        let adopted = Position { page: resume.adopted.page, offset: resume.adopted.offset };
        let goes_on = adopted < at && resume.adopted.session < resume.session;
        (owned && goes_on).then_some(start)
    }

    /// The keys of a segment, in its chain.
    pub(super) fn segment_keys(&mut self, segment: &SegmentStart) -> Option<SegmentKeys> {
        if segment.ordinal > ORDINAL_MAX {
            return None;
        }
        let (session, salt, chain) = (segment.session, segment.salt, segment.chain);
        let audit = self.keys.audit(session, chain)?;
        let (device, suite) = (self.subject.device, self.suite);
        let bottom = || session_link(&audit, session, &salt, &device, suite);
        let link = self.links.climb((session, salt, chain), segment.ordinal, bottom, next_link)?;
        let (page, offset) = (segment.at.page, segment.at.offset);
        Some(SegmentKeys::derive(&link, page, offset, committed(segment.bytes())))
    }

    /// Finds the chain that the segment's header commits to. Without keys all headers count.
    fn is_committed(&mut self, segment: &mut SegmentStart) -> bool {
        if !self.keyed {
            return true;
        }
        for chain in 0..CHAINS_MAX {
            segment.chain = chain;
            let keys = self.segment_keys(segment);
            if keys.is_some_and(|keys| segment.commit() == Some(&keys.commit[..])) {
                return true;
            }
        }
        false
    }

    /// Whether page `page`, which has no header of its own, holds entries all the same, more than one that was in flight.
    pub(super) fn hides_entries(&mut self, page: u32) -> bool {
        if self.page_header(page).is_some() {
            return false;
        }
        let first = Position { page, offset: self.subject.plan.header_bytes() };
        let mut bytes = [0; RESUME_BYTES];
        if self.read(first, &mut bytes).is_some()
            && let Some(start) = bytes.first_chunk()
            && let Ok(header) = EntryHeader::parse(start, page, first.offset)
        {
            let resume = Resume::parse(&bytes, page, first.offset).ok();
            let (offset, seq) = match resume {
                Some(resume) if self.void.covers(page, resume.session) => return false,
                Some(resume) => {
                    let entries = first.offset.saturating_add(self.subject.plan.resume_bytes());
                    (entries, resume.seq.saturating_add(1))
                }
                None => (first.offset, u64::from(header.seq_low)),
            };
            if self.count_from(Position { page, offset }, seq, 2) > 1 {
                return true;
            }
        }
        self.below_in(page, u32::MAX).is_some_and(|segment| self.count(&segment, 2) > 1)
    }

    fn counts(&mut self, segment: &SegmentStart) -> bool {
        !self.void.covers(segment.at.page, segment.session) && self.count(segment, 1) > 0
    }

    /// Where the session's chain of hashes takes its header in beside the resume record.
    pub(super) fn own_header(&mut self, segment: &SegmentStart) -> Option<[u8; HEADER_BYTES]> {
        if segment.adopted.is_none() || segment.at.offset != self.subject.plan.header_bytes() {
            return None;
        }
        self.page_header(segment.at.page).map(|header| header.bytes)
    }

    /// The newest segment: of the highest session, then highest place, with at least one entry.
    ///
    /// It lies at or above the floor that the highest page with an entry states. Pages below may be in any state: what an
    /// erase that was cut left of a header there can name any session to a reader without keys. Its page it cannot, for
    /// the entries behind it name that as well.
    pub(super) fn head(&mut self) -> Option<SegmentStart> {
        let (newest, top) = self.newest_from(0)?;
        let (floor, _) = self.floor(top);
        if newest.at.page < floor {
            return self.newest_from(floor).map(|(newest, _)| newest);
        }
        Some(newest)
    }

    /// The newest segment in pages from `floor` on, and the highest of them that holds one.
    fn newest_from(&mut self, floor: u32) -> Option<(SegmentStart, u32)> {
        let mut best: Option<(SegmentStart, u32)> = None;
        for slot in 0..self.subject.plan.geometry().pages() {
            let here = |plan: &Plan, header: &Header| {
                header.page >= floor && plan.slot(header.page) == slot
            };
            let Some(header) = self.header_in_slot(slot, here) else { continue };
            let mut offset = u32::MAX;
            while let Some(segment) = self.below_in(header.page, offset) {
                let rank = |segment: &SegmentStart| (segment.session, segment.at);
                let (newest, top) = best.unwrap_or((segment, header.page));
                let newer = if rank(&segment) > rank(&newest) { segment } else { newest };
                best = Some((newer, top.max(header.page)));
                offset = segment.at.offset;
            }
        }
        best
    }

    /// The highest segment strictly below `at`. Other pages than that of `at` are looked into if they have a header.
    pub(super) fn below(&mut self, at: Position) -> Option<SegmentStart> {
        let Position { mut page, mut offset } = at;
        // Each turn goes to a lower page with a header, of which there is at most one in a slot.
        for _ in 0..=self.subject.plan.geometry().pages() {
            if let Some(found) = self.below_in(page, offset) {
                return Some(found);
            }
            page = self.page_below(page)?;
            offset = u32::MAX;
        }
        None
    }

    /// The highest page with a header below page `page`.
    fn page_below(&mut self, page: u32) -> Option<u32> {
        let next = page.checked_sub(1)?;
        if self.page_header(next).is_some() {
            return Some(next);
        }
        let mut best = None;
        for slot in 0..self.subject.plan.geometry().pages() {
            let better = |plan: &Plan, header: &Header| {
                header.page < page && Some(header.page) > best && plan.slot(header.page) == slot
            };
            if let Some(header) = self.header_in_slot(slot, better) {
                best = Some(header.page);
            }
        }
        best
    }

    /// The highest segment in page `page` strictly below byte `offset` that counts and has an entry.
    fn below_in(&mut self, page: u32, offset: u32) -> Option<SegmentStart> {
        let plan = self.subject.plan;
        for number in (0..plan.cells()).rev() {
            let at = Position { page, offset: plan.cell_offset(number) };
            if at.offset >= offset {
                continue;
            }
            if let Some(found) = self.resume(at)
                && self.counts(&found)
            {
                return Some(found);
            }
        }
        let header = if offset > 0 { self.page_header(page) } else { None };
        header.filter(|header| header.ordinal > 0 && self.counts(header))
    }

    /// The segment that a resume record names as the one it goes on from. [`resume`](Self::resume) took only one that lies
    /// below it and is of an earlier session.
    pub(super) fn adopted(&mut self, adopted: &Adopted) -> Option<SegmentStart> {
        let at = Position { page: adopted.page, offset: adopted.offset };
        let first = at.offset == self.subject.plan.header_bytes();
        let found = match self.resume(at) {
            Some(resume) => Some(resume),
            None if first => self.page_header(at.page).filter(|header| header.ordinal > 0),
            None => None,
        };
        found.filter(|found| found.session == adopted.session)
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
        let at = Position { page: segment.at.page, offset: segment.entries };
        self.count_from(at, segment.first_seq, limit)
    }

    fn count_from(&mut self, mut at: Position, mut seq: u64, limit: u32) -> u32 {
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

/// Segments of one session that are followed.
const ORDINAL_MAX: u32 = 131_072;
/// Links that are made in one pass. An image holds at most two sessions that turned more pages than it has, so this is
/// enough for any that a device wrote.
const LINK_STEPS_MAX: u32 = 2 * ORDINAL_MAX + 65_536;
