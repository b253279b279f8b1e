//! From verdicts per range to one verdict for the whole.

use crate::code::Code;
use crate::exit::Exit;
use crate::model::{Assurance, Contents, LogReport, RangeRow, Verdict, Weight};
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
pub(crate) fn judge(report: &LogReport, strict: bool) -> Judgement {
    let findings = findings(report, strict);
    let bad = ranges_of(report, Weight::Bad);
    let (exit, verdict, headline) = if let Some(first) = bad.first() {
        (Exit::Negative, "tampered", tampered(first, bad.len()))
    } else if !report.ranges.iter().any(|range| range.verdict == Verdict::Verified) {
        let words = "NOT DECIDED: no range could be verified".to_owned();
        (Exit::Undecided, "undecided", words)
    } else if let Some(open) = report.ranges.iter().find(|range| strict && !is_covered(range)) {
        let span = record_span(open.first_seq, open.last_seq);
        let words = format!("NOT DECIDED: {span} not covered by a signature of the device");
        (Exit::Undecided, "undecided", words)
    } else {
        (Exit::Ok, "verified", verified(report))
    };
    Judgement { exit, verdict, headline, findings }
}

fn ranges_of(report: &LogReport, weight: Weight) -> Vec<&RangeRow> {
    report.ranges.iter().filter(|range| range.verdict.weight() == weight).collect()
}

/// Whether the device's signature covers the range, or policy and power cuts explain it.
fn is_covered(range: &RangeRow) -> bool {
    match range.verdict.weight() {
        Weight::Good => range.assurance == Assurance::Signed,
        Weight::Notice => true,
        Weight::Open | Weight::Bad => false,
    }
}

fn tampered(first: &RangeRow, count: usize) -> String {
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        more => format!(", and {}", counted(u64::try_from(more).unwrap_or(u64::MAX), "more range")),
    };
    format!("TAMPERED: {}{more}", located(first))
}

fn verified(report: &LogReport) -> String {
    let verified = || report.ranges.iter().filter(|range| range.verdict == Verdict::Verified);
    let first = verified().map(|range| range.first_seq).min().unwrap_or(0);
    let last = verified().map(|range| range.last_seq).max().unwrap_or(0);
    let by = if verified().all(|range| range.assurance == Assurance::Signed) {
        ", signed by the device"
    } else {
        ""
    };
    let open: Vec<_> = ranges_of(report, Weight::Open);
    let tail = match (open.first(), open.last()) {
        (Some(first), Some(last)) => {
            format!("; {} not anchored", record_span(first.first_seq, last.last_seq))
        }
        (None, _) | (_, None) => String::new(),
    };
    format!("VERIFIED: {}{by}{tail}", record_span(first, last))
}

/// The range, its verdict and where it is stored, in words.
pub(crate) fn located(range: &RangeRow) -> String {
    format!(
        "{} {} ({})",
        record_span(range.first_seq, range.last_seq),
        range.verdict.words(),
        place(range)
    )
}

/// Where the range is stored, in words.
pub(crate) fn place(range: &RangeRow) -> String {
    let page = grouped(u64::from(range.place.page));
    format!("page {page}, byte {}", grouped(u64::from(range.place.offset)))
}

fn findings(report: &LogReport, strict: bool) -> Vec<Finding> {
    let open = if strict { Severity::Error } else { Severity::Warning };
    let mut findings = Vec::new();
    for range in &report.ranges {
        let about = |code: &Code, severity, words: &str| {
            let span = record_span(range.first_seq, range.last_seq);
            Finding::new(code, severity, format!("{span} {words}")).at(place(range))
        };
        if let Some((code, severity)) = code_of(range.verdict, open) {
            findings.push(about(&code, severity, range.verdict.words()));
        }
        if range.is_readable() && range.assurance == Assurance::MacOnly {
            let words = "vouched for by the log key alone: its holder could have made this";
            findings.push(about(&Code::MAC_ONLY, open, words));
        }
    }
    if report.contents == Contents::Sealed {
        let message = "the records were not opened: no authority key".to_owned();
        findings.push(Finding::new(&Code::SEALED, Severity::Notice, message));
    }
    if !report.ranges.iter().any(|range| range.verdict == Verdict::Verified) {
        let message = "no range could be verified".to_owned();
        findings.push(Finding::new(&Code::NOTHING_VERIFIED, Severity::Error, message));
    }
    let unplaced = report.records.iter().filter(|record| report.range_of(record).is_none()).count();
    if unplaced > 0 {
        let count = counted(u64::try_from(unplaced).unwrap_or(u64::MAX), "record");
        let message = format!("{count} outside every range, not shown");
        findings.push(Finding::new(&Code::UNPLACED, Severity::Error, message));
    }
    findings
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
