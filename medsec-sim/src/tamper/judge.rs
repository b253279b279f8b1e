//! Whether a change was seen: a report on the changed log against the one on the original.
//!
//! Seen is stricter than "some verdict says so". Each entry that is called verified must be one of the original's, byte by
//! byte and in its place, or of one that the device wrote earlier. Where entries of the original are missing between such, a range that is not verified must stand in that very
//! gap. Where the last are missing, one must stand behind what is left, and a bad one if the anchor is among them. A torn
//! tail accounts for one entry, the last of its boot.

use medsec_audit::verify::{Range, Verdict};

use super::view::{Entry, View};

/// What came of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The log says what it said before: the change hit bytes that mean nothing.
    NoEffect,
    /// It was seen, as this.
    Seen(Verdict),
    /// It was not.
    Missed(&'static str),
}

/// Compares the reports; `anchor` is the sequence number of the anchor that the changed log was judged with.
#[must_use]
pub fn compare(original: &View, changed: &View, genuine: &[Entry], anchor: Option<u64>) -> Outcome {
    if let Some(why) = invented(genuine, changed) {
        return Outcome::Missed(why);
    }
    let bad = changed.summary.first_bad;
    let mut seen = bad.map(|(verdict, ..)| verdict);
    let mut at = 0;
    while at < original.verified.len() {
        if holds(changed, &original.verified[at]) {
            at += 1;
            continue;
        }
        let gap = at;
        while at < original.verified.len() && !holds(changed, &original.verified[at]) {
            at += 1;
        }
        let before = gap.checked_sub(1).and_then(|last| original.verified.get(last));
        let missing = &original.verified[gap..at];
        let excuse = match original.verified.get(at) {
            Some(next) => between(changed, before, missing, next),
            None => behind(changed, before, missing),
        };
        let Some(excuse) = excuse else {
            return Outcome::Missed(if at < original.verified.len() { "gap" } else { "end" });
        };
        if at == original.verified.len()
            && bad.is_none()
            && anchor.is_some_and(|anchor| missing.iter().any(|entry| entry.seq <= anchor))
        {
            return Outcome::Missed("anchor");
        }
        seen = seen.or(Some(excuse));
    }
    seen.map_or(Outcome::NoEffect, Outcome::Seen)
}

/// Whether something is called verified, or given out as vouched for, that the device never wrote.
fn invented(genuine: &[Entry], changed: &View) -> Option<&'static str> {
    if changed.verified.iter().any(|entry| genuine.binary_search(entry).is_err()) {
        return Some("invented");
    }
    if changed.verified.windows(2).any(|pair| pair[0].seq == pair[1].seq) {
        return Some("twice");
    }
    if changed.records.windows(2).any(|pair| pair[0] == pair[1]) {
        return Some("record twice");
    }
    let is_verified = |seq: &u64| changed.verified.binary_search_by_key(seq, |e| e.seq).is_ok();
    changed.records.iter().any(|seq| !is_verified(seq)).then_some("record")
}

fn holds(view: &View, entry: &Entry) -> bool {
    view.verified.binary_search(entry).is_ok()
}

const fn place(entry: &Entry) -> (u32, u32) {
    (entry.page, entry.offset)
}

/// What stands in a gap in the log.
fn between(
    changed: &View,
    before: Option<&Entry>,
    missing: &[Entry],
    next: &Entry,
) -> Option<Verdict> {
    let stands = |range: &&Range| {
        let at = (range.page, range.offset);
        let behind = before.is_none_or(|before| at > place(before));
        match range.verdict {
            Verdict::Verified => false,
            Verdict::TornTail => {
                let last = missing.last().map(|entry| (entry.session, entry.page));
                let lasts = last != Some((next.session, next.page));
                missing.len() == 1 && lasts && behind && at <= place(next)
            }
            Verdict::OverwrittenByPolicy
            | Verdict::Unanchored
            | Verdict::Gap
            | Verdict::Truncated
            | Verdict::Modified
            | Verdict::Reordered
            | Verdict::RolledBack
            | _ => at <= place(next) && before.is_none_or(|before| range.page >= before.page),
        }
    };
    changed.ranges.iter().filter(stands).map(|range| range.verdict).max()
}

/// What stands behind the last entry that is left.
fn behind(changed: &View, before: Option<&Entry>, missing: &[Entry]) -> Option<Verdict> {
    let first = missing.first()?;
    let stands = |range: &&Range| {
        let at = (range.page, range.offset);
        let behind = before.is_none_or(|before| at > place(before));
        let here = range.page == first.page;
        let covers = here && (range.first_seq..=range.last_seq).contains(&first.seq);
        match range.verdict {
            Verdict::Verified => false,
            Verdict::TornTail => missing.len() == 1 && behind,
            Verdict::OverwrittenByPolicy
            | Verdict::Unanchored
            | Verdict::Gap
            | Verdict::Truncated
            | Verdict::Modified
            | Verdict::Reordered
            | Verdict::RolledBack
            | _ => range.verdict.is_bad() || behind || covers,
        }
    };
    changed.ranges.iter().filter(stands).map(|range| range.verdict).max()
}
