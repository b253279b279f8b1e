//! One pass over a log, backwards.

use medsec_core::flash::ring::Place;
use medsec_core::suite::Suite;

use super::scan::{self, Expected, Scan};
use super::segments::{Position, SegmentStart, Segments};
use super::{
    Assurance, CHAINS_MAX, Image, Keys, Observer, Opened, Range, Subject, Summary, Verdict,
};
use crate::checkpoint::Statement;
use crate::record::RecordHeader;
use crate::state::PublicState;

/// What the first pass found, for the second to judge by.
#[derive(Clone, Copy)]
pub(super) struct Findings {
    /// The first bad place.
    pub(super) bad: Option<Position>,
    /// The highest floor that somebody vouches for.
    pub(super) floor: u32,
}

/// Lets the first pass go by.
pub(super) struct Ignore;

impl Observer for Ignore {
    fn range(&mut self, _range: &Range) {}
    fn record(&mut self, _record: &Opened<'_>) {}
    fn checkpoint(&mut self, _statement: &Statement, _signature: &[u8; 64]) {}
}

/// One pass, backwards.
pub(super) struct Walk<'a, S: Suite, I: Image, K: Keys, O: Observer> {
    segments: Segments<'a, I, K>,
    subject: Subject<'a>,
    observer: &'a mut O,
    /// None in the first pass, which reports to nobody.
    findings: Option<Findings>,
    /// Whether the state in the cell is believed.
    believes: bool,
    /// The floor that the newest page states, and the chain of who states it.
    stated: (u32, Option<usize>),
    /// The highest floor that a signature covers.
    signed_floor: u32,
    summary: Summary,
    suite: core::marker::PhantomData<S>,
}

impl<'a, S: Suite, I: Image, K: Keys, O: Observer> Walk<'a, S, I, K, O> {
    pub(super) fn new(
        image: &'a mut I,
        keys: &'a mut K,
        subject: Subject<'a>,
        observer: &'a mut O,
        findings: Option<Findings>,
        believes: bool,
    ) -> Self {
        Self {
            segments: Segments::new(image, keys, subject, S::ID),
            subject,
            observer,
            findings,
            believes,
            stated: (0, None),
            signed_floor: 0,
            summary: Summary {
                first_bad: None,
                records: 0,
                sessions: 0,
                silent_sessions: 0,
                state_believed: false,
                head: None,
                signed_to: None,
                anchored: false,
            },
            suite: core::marker::PhantomData,
        }
    }

    pub(super) fn run(mut self) -> (Summary, Findings) {
        let state = self.read_state();
        self.report_misplaced_pages();
        let head = self.segments.head();
        if let Some(head) = &head {
            self.stated = self.segments.newest_floor(head.at.page);
            self.report_unadopted(head.at, Position { page: u32::MAX, offset: u32::MAX });
            self.report_hidden(head);
        }
        self.finish(state.map(|(state, _)| state), head.as_ref());
        let mut at = head.map(|head| (head, Expected::Head, false));
        // Each turn goes to a lower position, of which an image has finitely many.
        let mut turns = self.segments.positions();
        while let Some((segment, expected, covered)) = at.take() {
            turns = turns.saturating_sub(1);
            let signed = self.segment(&segment, expected, covered);
            at = if turns == 0 { None } else { self.before(&segment, signed) };
        }
        let floor = self.vouched_floor();
        self.report_anchor(floor);
        // Without keys nothing vouches for the state, and nothing but its own word is had.
        let vouched = |chain| !self.segments.has_keys() || self.segments.is_vouched(chain);
        self.summary.state_believed =
            self.believes && state.is_some_and(|(_, chain)| vouched(chain));
        let bad = self.summary.first_bad.map(|(_, page, offset)| Position { page, offset });
        (self.summary, Findings { bad, floor })
    }

    /// The highest floor that somebody vouches for, as far as the pass has come.
    fn vouched_floor(&self) -> u32 {
        let (stated, by) = self.stated;
        let vouched = by.is_some_and(|chain| self.segments.is_vouched(chain));
        self.signed_floor.max(if vouched { stated } else { 0 })
    }

    /// What is said instead of a bad verdict on page `page`, if it was given up.
    fn excuse(&self, page: u32) -> Option<Verdict> {
        if self.findings.is_some_and(|findings| page < findings.floor) {
            Some(Verdict::OverwrittenByPolicy)
        } else if page < self.stated.0 {
            Some(Verdict::Unanchored)
        } else {
            None
        }
    }

    fn is_demoted(&self, position: Position) -> bool {
        self.findings.is_some_and(|findings| findings.bad.is_some_and(|bad| position >= bad))
    }

    /// The state in the cell, and the chain that its proof belongs to.
    fn read_state(&mut self) -> Option<(PublicState, usize)> {
        let bytes = self.subject.state?;
        let state = PublicState::parse(bytes).ok()?;
        let mut chain = if self.segments.has_keys() { None } else { Some(0) };
        for candidate in 0..CHAINS_MAX {
            if let Some(audit) = self.segments.audit(state.index, candidate)
                && PublicState::verify_proof(bytes, &audit).is_ok()
            {
                chain = Some(candidate);
                break;
            }
        }
        if chain.is_some() && self.believes {
            self.segments.void = state.void;
        }
        Some((state, chain?))
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
        if !self.believes {
            self.report_end(session, position);
            return;
        }
        if head.is_some() && position.page.saturating_add(2) < state.void.page {
            self.report_bad(Verdict::Truncated, session, position);
        }
        match state.index.checked_sub(session.saturating_add(1)) {
            None => self.report_bad(Verdict::RolledBack, session, position),
            Some(silent) => {
                self.summary.silent_sessions = silent;
                self.segments.head_is_newest = silent == 0;
                if head.is_none() {
                    self.report_end(session, position);
                }
            }
        }
    }

    /// Scans one segment, reports it, and says whether its own header is covered by a signature.
    fn segment(&mut self, segment: &SegmentStart, expected: Expected, covered: bool) -> bool {
        let scan = Scan::of::<S, I, K>(&mut self.segments, segment, &expected);
        let judged = scan.judge(&mut self.segments, segment, &expected);
        let excuse = self.excuse(segment.at.page);
        let verdict = judged.map(|(verdict, position, seq)| {
            let excused = excuse.filter(|_| verdict.is_bad());
            (excused.unwrap_or(verdict), position, seq)
        });
        let signed_to =
            if covered && verdict.is_none() { Some(scan.last_seq) } else { scan.signed_to };
        if signed_to.is_some() {
            self.segments.vouch(segment.chain);
            self.signed_floor = self.signed_floor.max(segment.floor.unwrap_or(0));
        }
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
        if self.findings.is_some() {
            self.emit(segment, &scan, signed_to);
        }
        signed_to.is_some()
    }

    fn report_good(&mut self, segment: &SegmentStart, scan: &Scan, signed_to: Option<u64>) {
        let first = segment.first_seq;
        let split = signed_to.map_or(first, |seq| seq.saturating_add(1)).min(scan.after());
        let unsigned = if self.segments.is_vouched(segment.chain) {
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
        } else if range.verdict == Verdict::Verified && self.is_demoted(position) {
            range.verdict = Verdict::Unanchored;
        }
        self.observer.range(&range);
    }

    fn emit(&mut self, segment: &SegmentStart, scan: &Scan, signed_to: Option<u64>) {
        let end = scan.after();
        let (device, key) = (self.subject.device, self.subject.key);
        let vouched = self.segments.is_vouched(segment.chain);
        let demoted = self.is_demoted(segment.at);
        let observer = &mut *self.observer;
        let mut records = 0_u64;
        scan::for_each::<S, I, K>(&mut self.segments, segment, end, |entry| {
            let signed = signed_to.is_some_and(|to| entry.place.seq <= to);
            let assurance = match (demoted, signed, vouched) {
                (false, true, _) => Assurance::Signed,
                (false, false, true) => Assurance::MacOnly,
                (true, ..) | (false, false, false) => Assurance::Unanchored,
            };
            // A checkpoint among the good entries verified, or would not be among them.
            if let Some((statement, body)) = entry.statement(device, segment.session)
                && key.is_some()
            {
                observer.checkpoint(&statement, &body.signature);
            }
            if !entry.opened || crate::record::is_clear(entry.class) {
                return;
            }
            if let Ok((header, fields)) = RecordHeader::parse(entry.body()) {
                records = records.saturating_add(u64::from(assurance != Assurance::Unanchored));
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
            let silent = segment.session.saturating_sub(adopted.session).saturating_sub(1);
            if silent > 0 {
                self.summary.silent_sessions = self.summary.silent_sessions.saturating_add(silent);
                self.report_end(adopted.session, segment.at);
            }
            if adopted.count == 0 {
                self.report_unadopted(Position::START, segment.at);
                return None;
            }
            let found = self.segments.adopted(&adopted);
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
        let verdict = match self.excuse(page) {
            Some(excuse) => excuse,
            None if self.segments.holds_page(page) => Verdict::Modified,
            None => Verdict::Gap,
        };
        self.report_bad(verdict, segment.session, Position { page, offset: 0 });
        let next = self.segments.below(segment.at.min(Position { page, offset: u32::MAX }))?;
        Some((next, Expected::Unknown, false))
    }

    /// Segments that nobody went on from may hold one entry that was in flight, not more. Above the newest segment they
    /// are those of an interrupted opening, void, or somebody's addition.
    fn report_unadopted(&mut self, from: Position, to: Position) {
        let mut at = to;
        let mut turns = self.segments.positions();
        while let Some(segment) = self.segments.below(at).filter(|_| turns > 0) {
            if segment.at <= from {
                break;
            }
            turns = turns.saturating_sub(1);
            if self.segments.count(&segment, 2) > 1 && self.excuse(segment.at.page).is_none() {
                self.report_bad(Verdict::Modified, segment.session, segment.at);
            }
            at = segment.at;
        }
    }

    /// Pages above the newest segment that hold entries without a header.
    fn report_hidden(&mut self, head: &SegmentStart) {
        for above in 1..self.subject.plan.geometry().pages() {
            let page = head.at.page.saturating_add(above);
            if self.segments.hides_entries(page) {
                self.report_bad(Verdict::Modified, head.session, Position { page, offset: 0 });
            }
        }
    }

    fn report_misplaced_pages(&mut self) {
        for slot in 0..self.subject.plan.geometry().pages() {
            if let Some(header) = self.segments.misplaced(slot) {
                let position = Position { page: header.page, offset: 0 };
                self.report_bad(Verdict::Reordered, header.session, position);
            }
        }
    }

    /// An anchor that was given up is not missed, if somebody vouches for the floor above it.
    fn report_anchor(&mut self, floor: u32) {
        let Some(anchor) = self.subject.anchor else { return };
        let behind = self
            .summary
            .head
            .is_none_or(|(session, head)| head.seq < anchor.place.seq || session < anchor.session);
        if self.summary.anchored || (anchor.place.page < floor && !behind) {
            return;
        }
        let position = Position { page: anchor.place.page, offset: anchor.place.offset };
        let verdict = match self.excuse(anchor.place.page) {
            _ if behind => Verdict::Truncated,
            Some(excuse) => excuse,
            None => Verdict::Modified,
        };
        self.report_bad(verdict, anchor.session, position);
    }
}
