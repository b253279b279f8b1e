//! From verdicts per range to one verdict for the whole.

use crate::code::Code;
use crate::exit::Exit;
use crate::model::{Assurance, Contents, ForgeableWindow, LogReport, RangeRow, Verdict, Weight};
use crate::output::{Finding, Severity};
use crate::text::{counted, grouped, record_span};

/// The verdict for the whole log.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) exit: Exit,
    pub(crate) verdict: &'static str,
    pub(crate) headline: String,
    pub(crate) findings: Vec<Finding>,
}

/// Judges `report`; a `strict` reader accepts nothing that the device's signature does not cover.
///
/// That a log ends where it ends is no objection, unless the reader is strict: then the anchor has to be in the log, and
/// the newest record signed.
pub(crate) fn judge(report: &LogReport, has_anchor: bool, strict: bool) -> Judgement {
    let findings = findings(report, has_anchor, strict);
    let bad = ranges_of(report, Weight::Bad);
    let uncovered = || report.ranges.iter().find(|range| !is_covered(range, report));
    let (exit, verdict, headline) = if let Some(first) = bad.first() {
        (Exit::Negative, "tampered", tampered(report, first, bad.len()))
    } else if !report.ranges.iter().any(|range| range.verdict == Verdict::Verified) {
        let words = "NOT DECIDED: no range could be verified".to_owned();
        (Exit::Undecided, "undecided", words)
    } else if let Some(open) = uncovered().filter(|_| strict) {
        (Exit::Undecided, "undecided", undecided(open))
    } else {
        (Exit::Ok, "verified", verified(report))
    };
    Judgement { exit, verdict, headline, findings }
}

fn ranges_of(report: &LogReport, weight: Weight) -> Vec<&RangeRow> {
    report.ranges.iter().filter(|range| range.verdict.weight() == weight).collect()
}

/// Whether the device's signature covers the range, or policy and power cuts explain it.
fn is_covered(range: &RangeRow, report: &LogReport) -> bool {
    if range.is_end() {
        return is_closed(report);
    }
    match range.verdict.weight() {
        Weight::Good => range.assurance == Assurance::Signed,
        Weight::Notice => true,
        Weight::Open | Weight::Bad => false,
    }
}

/// Whether the log reaches the anchor, its newest record is signed and no newer session is known of: then nothing that was
/// kept outside is missing.
const fn is_closed(report: &LogReport) -> bool {
    report.anchored && report.forgeable.is_none() && report.state_believed
}

fn undecided(open: &RangeRow) -> String {
    if open.is_end() {
        let words = "nothing vouches for what may have followed: the anchor is not in the log, the \
                     newest record is not signed, or the stored state is not tied to the device";
        return format!("NOT DECIDED: {words}");
    }
    let span = record_span(open.first_seq, open.last_seq);
    format!("NOT DECIDED: {span} not covered by a signature of the device")
}

fn tampered(report: &LogReport, first: &RangeRow, count: usize) -> String {
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        more => format!(", and {}", counted(u64::try_from(more).unwrap_or(u64::MAX), "more range")),
    };
    format!("TAMPERED: {}{more}", located(report, first))
}

/// Stretches of records that a headline lists one by one.
const SPANS_MAX: usize = 3;

fn verified(report: &LogReport) -> String {
    let verified = || report.ranges.iter().filter(|range| range.verdict == Verdict::Verified);
    let spans = spans(report);
    let words = match spans.as_slice() {
        [] => String::new(),
        [(first, last)] => record_span(*first, *last),
        few if few.len() <= SPANS_MAX => {
            let few: Vec<_> = few.iter().map(|(first, last)| record_span(*first, *last)).collect();
            few.join(", ")
        }
        [(first, _), .., (_, last)] => {
            format!("{} in {} parts", record_span(*first, *last), spans.len())
        }
    };
    let by = if verified().all(|range| range.assurance == Assurance::Signed) {
        "signed by the device"
    } else if verified().any(|range| range.assurance == Assurance::Signed) {
        "in part signed by the device, the rest vouched for by the log key"
    } else {
        "vouched for by the log key alone"
    };
    let is_open = |range: &&&RangeRow| range.verdict == Verdict::Unanchored && !range.is_place();
    let open: Vec<_> = report.ranges.iter().collect();
    let count = u64::try_from(open.iter().filter(is_open).count()).unwrap_or(u64::MAX);
    let tail = match (count, open.iter().find(is_open)) {
        (0, _) | (_, None) => String::new(),
        (1, Some(only)) => {
            format!("; {} not anchored", record_span(only.first_seq, only.last_seq))
        }
        (_, Some(_)) => format!("; {} not anchored", counted(count, "range")),
    };
    format!("VERIFIED: {words}, {by}{tail}")
}

/// Stretches of verified records with nothing else between them but entries of the log itself.
fn spans(report: &LogReport) -> Vec<(u64, u64)> {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    let mut is_going_on = false;
    for range in report.ranges.iter().filter(|range| !range.is_end()) {
        if range.verdict != Verdict::Verified {
            is_going_on = false;
        } else if let Some((_, last)) = spans.last_mut().filter(|_| is_going_on) {
            *last = range.last_seq.max(*last);
        } else {
            spans.push((range.first_seq, range.last_seq));
            is_going_on = true;
        }
    }
    spans
}

/// The range, its verdict and where it is stored, in words.
pub(crate) fn located(report: &LogReport, range: &RangeRow) -> String {
    let span = record_span(range.first_seq, range.last_seq);
    // A signature that is wrong says that something it covers was changed, not what.
    let is_vague = report.contents == Contents::Sealed
        && range.verdict == Verdict::Modified
        && !range.is_place();
    let later = if is_vague { " or a later one" } else { "" };
    format!("{span}{later} {} ({})", range.verdict.words(), place(range))
}

/// Where the range is stored, in words.
pub(crate) fn place(range: &RangeRow) -> String {
    let page = grouped(u64::from(range.place.page));
    format!("page {page}, byte {}", grouped(u64::from(range.place.offset)))
}

/// The verdicts that occur, for a legend.
pub(crate) fn verdicts(report: &LogReport) -> impl Iterator<Item = Verdict> {
    let occurs = |verdict: &Verdict| {
        report.ranges.iter().any(|range| range.verdict == *verdict && !range.is_end())
    };
    Verdict::ALL.into_iter().filter(occurs)
}

/// What it means that the newest records are not signed, in words.
pub(crate) fn forgeable(window: &ForgeableWindow) -> String {
    let span = record_span(window.first_seq, window.last_seq);
    format!(
        "{span} lie behind the newest signature of the device: whoever held its flash could have \
         cut them off, and a holder of the log authority's secret could have made them"
    )
}

/// Findings of one code that are told one by one; a log in pieces would bury the rest.
const SAME_MAX: usize = 20;

fn findings(report: &LogReport, has_anchor: bool, strict: bool) -> Vec<Finding> {
    let open = if strict { Severity::Error } else { Severity::Warning };
    let mut findings = Vec::new();
    for range in &report.ranges {
        let about = |code: &Code, severity, words: &str| {
            let span = record_span(range.first_seq, range.last_seq);
            Finding::new(code, severity, format!("{span} {words}")).at(place(range))
        };
        if range.is_end() {
            findings.push(end(range, strict && !is_closed(report)));
        } else if let Some((code, severity)) = code_of(range.verdict, open) {
            findings.push(about(&code, severity, range.verdict.words()));
        }
        if range.is_readable() && range.assurance == Assurance::MacOnly {
            let words = "vouched for by the log key alone: its holder could have made this";
            findings.push(about(&Code::MAC_ONLY, open, words));
        }
    }
    let mut findings = shortened(findings);
    let mut about = |code: &Code, severity, message: String| {
        findings.push(Finding::new(code, severity, message));
    };
    if report.contents == Contents::Sealed {
        let message = "the records were not opened: no authority key".to_owned();
        about(&Code::SEALED, Severity::Notice, message);
    }
    if !report.ranges.iter().any(|range| range.verdict == Verdict::Verified) {
        let message = "no range could be verified".to_owned();
        about(&Code::NOTHING_VERIFIED, Severity::Error, message);
    }
    if has_anchor && !report.anchored && ranges_of(report, Weight::Bad).is_empty() {
        let message = "the page of the anchor was overwritten by policy".to_owned();
        about(&Code::ANCHOR_GONE, open, message);
    }
    if !report.state_believed && ranges_of(report, Weight::Bad).is_empty() {
        let message = "the stored state is not tied to the device".to_owned();
        about(&Code::STATE_UNTIED, open, message);
    }
    let records = |count: u64| counted(count, "record");
    let unplaced = u64::try_from(report.unplaced()).unwrap_or(u64::MAX);
    if unplaced > 0 {
        let message = format!("{} outside every range, not shown", records(unplaced));
        about(&Code::UNPLACED, Severity::Error, message);
    }
    if report.misfits > 0 {
        let message = format!("{} not as the catalogue declares", records(report.misfits));
        about(&Code::MISFIT, Severity::Warning, message);
    }
    findings
}

/// The end of the log: worth knowing in every report, and an objection of a strict reader.
fn end(range: &RangeRow, is_objection: bool) -> Finding {
    let severity = if is_objection { Severity::Error } else { Severity::Notice };
    let message =
        format!("nothing vouches for what may have followed record {}", grouped(range.last_seq));
    Finding::new(&Code::OPEN_END, severity, message).at(place(range))
}

/// The first findings of each code, and how many more there are.
fn shortened(findings: Vec<Finding>) -> Vec<Finding> {
    let mut counts = std::collections::BTreeMap::new();
    let mut kept = Vec::new();
    for finding in findings {
        let (count, last) = counts.entry(finding.code).or_insert((0_usize, finding.clone()));
        *count += 1;
        if *count <= SAME_MAX {
            kept.push(finding);
        } else {
            *last = finding;
        }
    }
    for (count, last) in counts.into_values().filter(|(count, _)| *count > SAME_MAX) {
        let more = u64::try_from(count - SAME_MAX).unwrap_or(u64::MAX);
        let message = format!("and {} like this", counted(more, "more range"));
        kept.push(Finding { message, place: None, ..last });
    }
    kept
}

const fn code_of(verdict: Verdict, open: Severity) -> Option<(Code, Severity)> {
    Some(match verdict {
        Verdict::Verified => return None,
        Verdict::TornTail => (Code::TORN_TAIL, Severity::Notice),
        Verdict::Gap => (Code::GAP, Severity::Error),
        Verdict::Truncated => (Code::TRUNCATED, Severity::Error),
        Verdict::Modified => (Code::MODIFIED, Severity::Error),
        Verdict::Reordered => (Code::REORDERED, Severity::Error),
        Verdict::RolledBack => (Code::ROLLED_BACK, Severity::Error),
        Verdict::OverwrittenByPolicy => (Code::OVERWRITTEN_BY_POLICY, Severity::Notice),
        Verdict::Unanchored => (Code::UNANCHORED, open),
    })
}
