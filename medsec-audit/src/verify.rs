//! The one verifier, for the device and for a host.
//!
//! It walks backwards from the newest segment, each segment naming the one it goes on from, and says for each stretch
//! whether it is whole and who vouches for it. It needs no memory that grows with the log.
//!
//! # Trust
//! All bytes of the image are attacker-controlled. Trusted are the device's public key, the log authority's secret (by way
//! of [`Keys`]) and an anchor, as far as they are given. Without the public key nothing is signed; without the authority's
//! secret nothing is read, and only what a checkpoint covers is verified.
//!
//! # Security
//! A range is [`Verdict::Verified`] only if every byte of its records, and their place and order, are as the device stored
//! them. What lies behind the first bad place is not called verified, even if each record in it is authentic. The newest
//! session's records can be cut off behind its last checkpoint without trace unless an anchor is given; so its end is
//! always reported as [`Verdict::Unanchored`].

mod authority;
mod report;
mod scan;
mod segments;

pub use authority::{Authority, CHAINS_MAX};
pub use report::{Assurance, Observer, Opened, Range, Verdict};

use medsec_core::Secret;
use medsec_core::flash::ring::{Place, Plan, Void};
use medsec_core::key::PublicKey;
use medsec_core::suite::Suite;

use crate::DeviceId;
use crate::checkpoint::Statement;
use crate::record::RecordHeader;
use crate::state::{PUBLIC_BYTES, PublicState};
use scan::{Expected, Scan};
use segments::{Position, SegmentStart, Segments};

/// These bytes could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable;

impl core::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("image could not be read here")
    }
}

impl core::error::Error for Unreadable {}

/// The pages of a log, wherever they are.
pub trait Image {
    /// Reads `out.len()` bytes at byte `offset` of slot `slot`.
    ///
    /// # Errors
    /// [`Unreadable`]: outside the image, or the part gave an error.
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable>;
}

/// Pages one after the other in memory, page size first.
impl Image for (u32, &[u8]) {
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable> {
        let (page_bytes, bytes) = *self;
        let start = slot.checked_mul(page_bytes).and_then(|start| start.checked_add(offset));
        let start = usize::try_from(start.ok_or(Unreadable)?).map_err(|_| Unreadable)?;
        let end = start.checked_add(out.len()).ok_or(Unreadable)?;
        out.copy_from_slice(bytes.get(start..end).ok_or(Unreadable)?);
        Ok(())
    }
}

/// Who can open the log.
pub trait Keys {
    /// Whether records are opened at all. If so, a segment whose secret is missing does not count.
    fn is_keyed(&self) -> bool;

    /// The evolving audit secret of session `session`, if it can be had.
    fn audit(&mut self, session: u32) -> Option<Secret<32>>;
}

/// Nobody: only signatures are checked.
#[derive(Debug)]
pub struct NoKeys;

impl Keys for NoKeys {
    fn is_keyed(&self) -> bool {
        false
    }

    fn audit(&mut self, _session: u32) -> Option<Secret<32>> {
        None
    }
}

/// What is verified, and against what.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Where things lie in the image.
    pub plan: &'a Plan,
    /// Id of the ring.
    pub ring: u8,
    /// The device that should have written it.
    pub device: DeviceId,
    /// The device's public key.
    pub key: Option<&'a PublicKey>,
    /// The public part of the log's state in the device's cell, if it could be read.
    pub state: Option<&'a [u8; PUBLIC_BYTES]>,
    /// A checkpoint seen earlier. Its signature was verified by the caller.
    pub anchor: Option<&'a Statement>,
}

/// What the whole log comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Summary {
    /// The first bad place, in the order of the log, and what is wrong there.
    pub first_bad: Option<(Verdict, u32, u32)>,
    /// Records opened and verified.
    pub records: u64,
    /// Sessions that left records.
    pub sessions: u32,
    /// Sessions behind the newest one that left no record.
    pub silent_sessions: u32,
    /// The newest segment's session, and where its last record lies.
    pub head: Option<(u32, Place)>,
    /// The newest place that a checkpoint covers.
    pub signed_to: Option<(u32, Place)>,
    /// Whether the anchor was found in the log.
    pub anchored: bool,
}

/// Verifies a log and reports its ranges and records.
///
/// Reads each page about four times. Two passes: the first finds the first bad place, the second reports.
#[must_use]
pub fn verify<S: Suite, I: Image, K: Keys, O: Observer>(
    image: &mut I,
    keys: &mut K,
    subject: &Subject<'_>,
    observer: &mut O,
) -> Summary {
    let first = Walk::<S, I, K, Ignore>::new(image, keys, *subject, &mut Ignore, None).run();
    let bad = first.first_bad.map(|(_, page, offset)| Position { page, offset });
    Walk::<S, I, K, O>::new(image, keys, *subject, observer, bad).run()
}

struct Ignore;

impl Observer for Ignore {
    fn range(&mut self, _range: &Range) {}
    fn record(&mut self, _record: &Opened<'_>) {}
    fn checkpoint(&mut self, _statement: &Statement, _signature: &[u8; 64]) {}
}

/// One pass, backwards.
struct Walk<'a, S: Suite, I: Image, K: Keys, O: Observer> {
    segments: Segments<'a, I, K>,
    subject: Subject<'a>,
    observer: &'a mut O,
    /// The first bad place that an earlier pass found.
    bad: Option<Position>,
    floor: u32,
    summary: Summary,
    suite: core::marker::PhantomData<S>,
}

impl<'a, S: Suite, I: Image, K: Keys, O: Observer> Walk<'a, S, I, K, O> {
    fn new(
        image: &'a mut I,
        keys: &'a mut K,
        subject: Subject<'a>,
        observer: &'a mut O,
        bad: Option<Position>,
    ) -> Self {
        Self {
            segments: Segments::new(image, keys, subject, S::ID),
            subject,
            observer,
            bad,
            floor: 0,
            summary: Summary {
                first_bad: None,
                records: 0,
                sessions: 0,
                silent_sessions: 0,
                head: None,
                signed_to: None,
                anchored: false,
            },
            suite: core::marker::PhantomData,
        }
    }

    fn run(mut self) -> Summary {
        let state = self.read_state();
        self.report_misplaced_pages();
        let Some(head) = self.segments.head() else {
            self.finish(state, None);
            return self.summary;
        };
        self.floor = self.segments.floor(head.at.page);
        self.report_above(&head);
        self.finish(state, Some(&head));
        let mut at = Some((head, Expected::Head, false));
        // Each turn goes to a lower position, of which an image has finitely many.
        let mut turns = self.segments.positions();
        while let Some((segment, expected, covered)) = at.take() {
            turns = turns.saturating_sub(1);
            let signed = self.segment(&segment, expected, covered);
            at = if turns == 0 { None } else { self.before(&segment, signed) };
        }
        self.report_anchor();
        self.summary
    }

    /// The state in the cell, with its proof checked if that can be done.
    fn read_state(&mut self) -> Option<PublicState> {
        let bytes = self.subject.state?;
        let state = PublicState::parse(bytes).ok();
        let proven = state.is_some_and(|state| match self.segments.audit(state.index) {
            Some(audit) => PublicState::verify_proof(bytes, &audit).is_ok(),
            None => !self.segments.has_keys(),
        });
        let state = state.filter(|_| proven);
        self.segments.void = state.map_or_else(Void::default, |state| state.void);
        state
    }

    /// Compares the newest session with the index in the cell, and reports the end of the log.
    fn finish(&mut self, state: Option<PublicState>, head: Option<&SegmentStart>) {
        let position = head.map_or(Position::START, |head| Position {
            page: head.at.page,
            offset: self.subject.plan.geometry().page_bytes(),
        });
        let session = head.map_or(0, |head| head.session);
        let Some(state) = state else {
            self.report_bad(Verdict::Modified, session, position);
            return;
        };
        match state.index.checked_sub(session.saturating_add(1)) {
            None => self.report_bad(Verdict::RolledBack, session, position),
            Some(silent) => {
                self.summary.silent_sessions = silent;
                self.segments.head_is_newest = silent == 0;
                if head.is_none() && silent > 0 {
                    self.report_end(session, position);
                }
            }
        }
    }

    /// Scans one segment, reports it, and says whether its own header is covered by a signature.
    fn segment(&mut self, segment: &SegmentStart, expected: Expected, covered: bool) -> bool {
        let scan = Scan::of::<S, I, K>(&mut self.segments, segment, &expected);
        let verdict = scan.judge(&mut self.segments, segment, &expected);
        let signed_to =
            if covered && verdict.is_none() { Some(scan.last_seq) } else { scan.signed_to };
        if matches!(expected, Expected::Head) {
            let place =
                Place { page: segment.at.page, offset: scan.last_offset, seq: scan.last_seq };
            self.summary.head = Some((segment.session, place));
        }
        if segment.begins_session() {
            self.summary.sessions = self.summary.sessions.saturating_add(1);
        }
        // Newest first: the end, then what is bad, then what is good.
        if matches!(expected, Expected::Head) {
            let end = Position { page: segment.at.page, offset: scan.end };
            self.report_end(segment.session, end);
        }
        if let Some((verdict, position, seq)) = verdict {
            self.report(&Range {
                session: segment.session,
                first_seq: seq,
                last_seq: seq,
                page: position.page,
                offset: position.offset,
                verdict,
                assurance: Assurance::Unanchored,
            });
        }
        self.report_good(segment, &scan, signed_to);
        if scan.anchored {
            self.summary.anchored = true;
        }
        if let (Some((session, place)), None) = (scan.newest_signed, self.summary.signed_to) {
            self.summary.signed_to = Some((session, place));
        }
        self.emit::<S>(segment, &scan, signed_to);
        signed_to.is_some()
    }

    fn report_good(&mut self, segment: &SegmentStart, scan: &Scan, signed_to: Option<u64>) {
        let first = segment.first_seq;
        let split = signed_to.map_or(first, |seq| seq.saturating_add(1)).min(scan.after());
        let unsigned = if self.segments.has_keys() {
            (Verdict::Verified, Assurance::MacOnly)
        } else {
            (Verdict::Unanchored, Assurance::Unanchored)
        };
        let signed = (Verdict::Verified, Assurance::Signed);
        for (from, to, (verdict, assurance)) in
            [(split, scan.after(), unsigned), (first, split, signed)]
        {
            if from < to {
                let last_seq = to.saturating_sub(1);
                let (page, offset) = (segment.at.page, segment.at.offset);
                let session = segment.session;
                self.report(&Range {
                    session,
                    first_seq: from,
                    last_seq,
                    page,
                    offset,
                    verdict,
                    assurance,
                });
            }
        }
    }

    /// Reports that nothing vouches for what should follow `position`.
    fn report_end(&mut self, session: u32, position: Position) {
        self.report(&Range {
            session,
            first_seq: 1,
            last_seq: 0,
            page: position.page,
            offset: position.offset,
            verdict: Verdict::Unanchored,
            assurance: Assurance::Unanchored,
        });
    }

    fn report_bad(&mut self, verdict: Verdict, session: u32, position: Position) {
        self.report(&Range {
            session,
            first_seq: 1,
            last_seq: 0,
            page: position.page,
            offset: position.offset,
            verdict,
            assurance: Assurance::Unanchored,
        });
    }

    fn report(&mut self, range: &Range) {
        let mut range = *range;
        let position = Position { page: range.page, offset: range.offset };
        if range.verdict.is_bad() {
            let earlier = self
                .summary
                .first_bad
                .is_none_or(|(_, page, offset)| position < Position { page, offset });
            if earlier {
                self.summary.first_bad = Some((range.verdict, range.page, range.offset));
            }
        } else if range.verdict == Verdict::Verified && self.bad.is_some_and(|bad| position >= bad)
        {
            range.verdict = Verdict::Unanchored;
        }
        self.observer.range(&range);
    }

    fn emit<T: Suite>(&mut self, segment: &SegmentStart, scan: &Scan, signed_to: Option<u64>) {
        let end = scan.after();
        let (device, key) = (self.subject.device, self.subject.key);
        let observer = &mut *self.observer;
        let mut records = 0_u64;
        scan::for_each::<T, I, K>(&mut self.segments, segment, end, |entry| {
            let signed = signed_to.is_some_and(|to| entry.place.seq <= to);
            let assurance = if signed { Assurance::Signed } else { Assurance::MacOnly };
            if let Some((statement, body)) = entry.statement(device, segment.session)
                && key.is_some_and(|key| statement.verify(key, &body.signature).is_ok())
            {
                observer.checkpoint(&statement, &body.signature);
            }
            if !entry.opened || crate::record::is_clear(entry.class) {
                return;
            }
            if let Ok((header, fields)) = RecordHeader::parse(entry.body()) {
                records = records.saturating_add(1);
                let (session, place, class) = (segment.session, entry.place, entry.class);
                observer.record(&Opened { session, place, class, header, fields, assurance });
            }
        });
        self.summary.records = self.summary.records.saturating_add(records);
    }

    /// The segment that `segment` goes on from, and what it must end with.
    fn before(
        &mut self,
        segment: &SegmentStart,
        signed: bool,
    ) -> Option<(SegmentStart, Expected, bool)> {
        let (found, expected, page, covered) = if let Some(adopted) = segment.adopted {
            if adopted.count == 0 {
                self.report_unadopted(Position::START, segment.at);
                return None;
            }
            let found = self.segments.adopted(&adopted, segment.session);
            let expected = Expected::Adopted { count: adopted.count, end: adopted.end };
            (found, expected, adopted.page, false)
        } else {
            let page = segment.at.page.checked_sub(1)?;
            let found = self.segments.continued(segment);
            let expected =
                Expected::Continued { first_seq: segment.first_seq, hash: segment.previous };
            (found, expected, page, signed)
        };
        if let Some(found) = found {
            self.report_unadopted(found.at, segment.at);
            return Some((found, expected, covered));
        }
        let verdict = if page < self.floor {
            Verdict::OverwrittenByPolicy
        } else if self.segments.holds_page(page) {
            Verdict::Modified
        } else {
            Verdict::Gap
        };
        self.report_bad(verdict, segment.session, Position { page, offset: 0 });
        let next = self.segments.below(Position { page, offset: u32::MAX }, segment.at)?;
        Some((next, Expected::Unknown, false))
    }

    /// Segments that nobody went on from may hold one entry that was in flight, not more.
    fn report_unadopted(&mut self, from: Position, to: Position) {
        let mut at = to;
        let mut turns = self.segments.positions();
        while let Some(segment) = self.segments.below(at, to).filter(|_| turns > 0) {
            if segment.at <= from {
                break;
            }
            turns = turns.saturating_sub(1);
            if self.segments.count(&segment, 2) > 1 {
                self.report_bad(Verdict::Modified, segment.session, segment.at);
            }
            at = segment.at;
        }
    }

    /// Segments above the newest one are those of an interrupted opening, void, or somebody's addition.
    fn report_above(&mut self, head: &SegmentStart) {
        let top = Position { page: u32::MAX, offset: u32::MAX };
        self.report_unadopted(head.at, top);
    }

    fn report_misplaced_pages(&mut self) {
        for slot in 0..self.subject.plan.geometry().pages() {
            if let Some(header) = self.segments.header_in_slot(slot)
                && self.subject.plan.slot(header.page) != slot
            {
                let position = Position { page: header.page, offset: 0 };
                self.report_bad(Verdict::Reordered, header.session, position);
            }
        }
    }

    fn report_anchor(&mut self) {
        let Some(anchor) = self.subject.anchor else { return };
        if self.summary.anchored || anchor.place.page < self.floor {
            return;
        }
        let position = Position { page: anchor.place.page, offset: anchor.place.offset };
        let behind = self.summary.head.is_none_or(|(_, head)| head.seq < anchor.place.seq);
        let verdict = if behind { Verdict::Truncated } else { Verdict::Modified };
        self.report_bad(verdict, anchor.session, position);
    }
}
