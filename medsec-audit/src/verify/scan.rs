//! Going through the entries of one segment, and judging it by what must follow.

use medsec_core::flash::page::RECORD_BYTES_MAX;
use medsec_core::flash::ring::{ENTRY_HEADER_BYTES, Place};
use medsec_core::suite::{Opener, Suite, TAG_BYTES};

use super::segments::{Position, SegmentStart, Segments};
use super::{Image, Keys, Verdict};
use crate::DeviceId;
use crate::checkpoint::{CheckpointBody, Statement};
use crate::record::{CLASS_CHECKPOINT, CLEAR_BYTES_MAX, is_clear};
use crate::segment::{Chain, clear_aad, entry_aad};

/// What the segment behind it says about a segment.
pub(super) enum Expected {
    /// Nothing lies behind: it is the newest.
    Head,
    /// A later session went on from it.
    Adopted { count: u32, end: u32 },
    /// Its session went on in the next page.
    Continued { first_seq: u64, hash: [u8; 32] },
    /// What lay behind it is missing.
    Unknown,
}

/// One entry as found.
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) class: u8,
    /// Whether its tag is right.
    pub(super) opened: bool,
    bytes: [u8; RECORD_BYTES_MAX],
    body_bytes: usize,
    /// The running hash before a checkpoint.
    before: [u8; 32],
}

impl Entry {
    /// The body, decrypted if it was opened.
    pub(super) fn body(&self) -> &[u8] {
        let end = self.body_bytes.saturating_add(ENTRY_HEADER_BYTES);
        self.bytes.get(ENTRY_HEADER_BYTES..end).unwrap_or_default()
    }

    /// What a checkpoint of `device` and `session` here states, and its body.
    pub(super) fn statement(
        &self,
        device: DeviceId,
        session: u32,
    ) -> Option<(Statement, CheckpointBody)> {
        if self.class != CLASS_CHECKPOINT {
            return None;
        }
        let body = CheckpointBody::parse(self.body()).ok()?;
        let (place, value) = (self.place, self.before);
        Some((Statement { device, session, place, at: body.at, value }, body))
    }
}

/// Goes through the entries of a segment.
struct Entries<S: Suite> {
    opener: Option<Opener<S>>,
    at: Position,
    seq: u64,
    chain: Chain,
}

impl<S: Suite> Entries<S> {
    fn new<I: Image, K: Keys>(segments: &mut Segments<'_, I, K>, segment: &SegmentStart) -> Self {
        let opener = segments.segment_keys(segment).map(|keys| Opener::new(&keys.page));
        let mut chain = Chain::new(&segment.previous);
        if let Some(header) = segments.own_header(segment) {
            chain.update(&header);
        }
        chain.update(segment.bytes());
        let at = Position { page: segment.at.page, offset: segment.entries };
        Self { opener, at, seq: segment.first_seq, chain }
    }

    fn next<I: Image, K: Keys>(&mut self, segments: &mut Segments<'_, I, K>) -> Option<Entry> {
        let header = segments.entry_header(self.at, self.seq)?;
        let body_bytes = usize::from(header.length);
        let total = body_bytes.checked_add(ENTRY_HEADER_BYTES)?.checked_add(TAG_BYTES)?;
        let mut bytes = [0; RECORD_BYTES_MAX];
        // The part is read in whole units; what lies behind the tag is padding.
        let padded = segments.subject.plan.entry_bytes(u32::from(header.length));
        let padded = usize::try_from(padded).ok()?;
        segments.read(self.at, bytes.get_mut(..padded)?)?;
        let place = Place { page: self.at.page, offset: self.at.offset, seq: self.seq };
        let before = if header.class == CLASS_CHECKPOINT { self.chain.value() } else { [0; 32] };
        self.chain.update(bytes.get(..total)?);
        let opened = self.open(&place, &mut bytes, body_bytes).is_some();
        self.at.offset = self.at.offset.saturating_add(u32::try_from(padded).ok()?);
        self.seq = self.seq.saturating_add(1);
        Some(Entry { place, class: header.class, opened, bytes, body_bytes, before })
    }

    fn open(
        &self,
        place: &Place,
        bytes: &mut [u8; RECORD_BYTES_MAX],
        body_bytes: usize,
    ) -> Option<()> {
        let opener = self.opener.as_ref()?;
        let header: [u8; ENTRY_HEADER_BYTES] = *bytes.first_chunk()?;
        let end = body_bytes.checked_add(ENTRY_HEADER_BYTES)?;
        let tag: [u8; TAG_BYTES] = *bytes.get(end..)?.first_chunk()?;
        let body = bytes.get_mut(ENTRY_HEADER_BYTES..end)?;
        let aad = entry_aad(place, &header);
        let [_, _, class, ..] = header;
        if is_clear(class) {
            let mut covered = [0; 24 + CLEAR_BYTES_MAX];
            let covered = clear_aad(&aad, body, &mut covered)?;
            return opener.open(place.seq, covered, &mut [], &tag).ok();
        }
        opener.open(place.seq, &aad, body, &tag).ok()
    }
}

/// Shows `visit` the entries of a segment whose sequence numbers are below `end`.
pub(super) fn for_each<S: Suite, I: Image, K: Keys>(
    segments: &mut Segments<'_, I, K>,
    segment: &SegmentStart,
    end: u64,
    mut visit: impl FnMut(&Entry),
) {
    let mut entries = Entries::<S>::new(segments, segment);
    while entries.seq < end {
        let Some(entry) = entries.next(segments) else { break };
        visit(&entry);
    }
}

/// What going through a segment showed.
pub(super) struct Scan {
    first_seq: u64,
    /// Entries before the first bad one.
    good: u32,
    /// Entries by their headers.
    found: u32,
    /// Sequence number of the last good entry.
    pub(super) last_seq: u64,
    /// Offset of the last good entry.
    pub(super) last_offset: u32,
    /// Offset behind the last entry found.
    pub(super) end: u32,
    good_end: u32,
    /// The last entry that a signature in this segment covers.
    pub(super) signed_to: Option<u64>,
    pub(super) newest_signed: Option<(u32, Place)>,
    pub(super) anchored: bool,
    /// A checkpoint's signature was wrong.
    forged: bool,
    hash: [u8; 32],
}

impl Scan {
    pub(super) fn of<S: Suite, I: Image, K: Keys>(
        segments: &mut Segments<'_, I, K>,
        segment: &SegmentStart,
        expected: &Expected,
    ) -> Self {
        let mut entries = Entries::<S>::new(segments, segment);
        let start = segment.entries;
        let mut scan = Self {
            first_seq: segment.first_seq,
            good: 0,
            found: 0,
            last_seq: segment.first_seq.saturating_sub(1),
            last_offset: start,
            end: start,
            good_end: start,
            signed_to: None,
            newest_signed: None,
            anchored: false,
            forged: false,
            hash: [0; 32],
        };
        let (count_max, seq_max) = match expected {
            Expected::Adopted { count, .. } => (*count, u64::MAX),
            Expected::Continued { first_seq, .. } => (u32::MAX, *first_seq),
            Expected::Head | Expected::Unknown => (u32::MAX, u64::MAX),
        };
        while scan.found < count_max && entries.seq < seq_max {
            let Some(entry) = entries.next(segments) else { break };
            scan.take(segments, segment, &entry, entries.at.offset);
        }
        scan.hash = entries.chain.value();
        scan
    }

    fn take<I: Image, K: Keys>(
        &mut self,
        segments: &Segments<'_, I, K>,
        segment: &SegmentStart,
        entry: &Entry,
        end: u32,
    ) {
        let in_order = self.good == self.found && !self.forged;
        self.found = self.found.saturating_add(1);
        self.end = end;
        if !in_order || (segments.has_keys() && !entry.opened) {
            return;
        }
        let subject = &segments.subject;
        if let Some(key) = subject.key
            && entry.class == CLASS_CHECKPOINT
        {
            let signed = entry
                .statement(subject.device, segment.session)
                .filter(|(statement, body)| statement.verify(key, &body.signature).is_ok());
            let Some((statement, _)) = signed else {
                // Without keys a checkpoint that was in flight looks the same. What it should cover is not called good
                // then anyway, and only the last entry may be bad.
                if segments.has_keys() {
                    self.forget_unsigned();
                }
                return;
            };
            self.signed_to = Some(entry.place.seq);
            self.newest_signed = Some((segment.session, entry.place));
            self.anchored |= subject.anchor == Some(&statement);
        }
        self.good = self.good.saturating_add(1);
        self.last_seq = entry.place.seq;
        self.last_offset = entry.place.offset;
        self.good_end = end;
    }

    /// A wrong signature says that something before it was changed, not what: nothing it should cover is good.
    fn forget_unsigned(&mut self) {
        self.forged = true;
        let signed = self.signed_to.map_or(self.first_seq, |seq| seq.saturating_add(1));
        self.good = u32::try_from(signed.saturating_sub(self.first_seq)).unwrap_or(self.good);
        self.last_seq = signed.saturating_sub(1);
        self.good_end = 0;
    }

    /// The sequence number behind the last good entry.
    pub(super) fn after(&self) -> u64 {
        self.first_seq.saturating_add(u64::from(self.good))
    }

    /// What is wrong with the segment, where, and at which sequence number.
    pub(super) fn judge<I: Image, K: Keys>(
        &self,
        segments: &mut Segments<'_, I, K>,
        segment: &SegmentStart,
        expected: &Expected,
    ) -> Option<(Verdict, Position, u64)> {
        let offset = if self.good_end == 0 { segment.at.offset } else { self.good_end };
        let position = Position { page: segment.at.page, offset };
        let wrong = |verdict| Some((verdict, position, self.after()));
        if self.forged {
            return wrong(Verdict::Modified);
        }
        match *expected {
            Expected::Head | Expected::Unknown => {
                let unfinished = self.found.saturating_sub(self.good);
                if unfinished > 1 || !self.is_blank_behind(segments, segment, expected) {
                    return wrong(Verdict::Modified);
                }
                if unfinished == 1 { wrong(Verdict::TornTail) } else { None }
            }
            Expected::Adopted { count, end } => {
                if segments.count(segment, count.saturating_add(2)) > count.saturating_add(1) {
                    return wrong(Verdict::Modified);
                }
                if self.good == count && self.end == end {
                    return None;
                }
                if self.good.checked_add(1) == Some(count) {
                    return wrong(Verdict::TornTail);
                }
                wrong(Verdict::Modified)
            }
            Expected::Continued { first_seq, hash } => {
                if self.hash == hash && self.last_seq.checked_add(1) == Some(first_seq) {
                    return None;
                }
                wrong(Verdict::Modified)
            }
        }
    }

    /// Behind the newest entry, and one that was in flight, nothing was ever programmed.
    fn is_blank_behind<I: Image, K: Keys>(
        &self,
        segments: &mut Segments<'_, I, K>,
        segment: &SegmentStart,
        expected: &Expected,
    ) -> bool {
        if !segments.head_is_newest || matches!(expected, Expected::Unknown) {
            return true;
        }
        let page_bytes = segments.subject.plan.geometry().page_bytes();
        let mut offset = self.end.saturating_add(segments.subject.plan.cell_bytes());
        let step = segments.subject.plan.geometry().unit();
        let mut unit = [0; RECORD_BYTES_MAX];
        while offset < page_bytes {
            let at = Position { page: segment.at.page, offset };
            let Some(bytes) = usize::try_from(step).ok().and_then(|step| unit.get_mut(..step))
            else {
                return false;
            };
            if segments.read(at, bytes).is_none() || bytes.iter().any(|byte| *byte != 0xFF) {
                return false;
            }
            offset = offset.saturating_add(step);
        }
        true
    }
}
