//! `medsec log verify`.

use serde_json::json;

use crate::cli::Subject;
use crate::command::subject::{Verified, verify};
use crate::error::Error;
use crate::judgement::{forgeable, verdicts};
use crate::model::Verify;
use crate::output::Outcome;
use crate::rows;
use crate::text::{counted, grouped, hex, record_span};

/// Ranges that are listed for people.
const RANGES_MAX: usize = 40;

pub(crate) fn run(subject: &Subject, verifier: &dyn Verify) -> Result<Outcome, Error> {
    let verified = verify(subject, verifier)?;
    let text = text(&verified);
    let Verified { report, trust, .. } = &verified;
    let data = json!({
        "device": hex(&report.device_id),
        "log": {
            "file": crate::untrusted::Untrusted::from_path(&subject.file),
            "bytes": verified.log_bytes,
            "sha256": verified.log_sha256,
        },
        "trust": {
            "device_key": trust.device.fingerprint(),
            "authority_key": trust.authority.is_some(),
            "anchor": trust.anchor.is_some(),
            "strict": subject.strict,
        },
        "contents": rows::contents(report.contents),
        "records": report.readable().count(),
        "ranges": report.ranges.iter().map(rows::Range::from).collect::<Vec<_>>(),
        "sessions": report.sessions.iter().map(rows::Session::from).collect::<Vec<_>>(),
        "forgeable": report.forgeable.as_ref().map(rows::Forgeable::from),
        "checkpoint": report.checkpoint.is_some(),
        "anchored": report.anchored,
        "notes": report.notes,
    });
    let judgement = verified.judgement;
    Ok(Outcome {
        exit: judgement.exit,
        verdict: judgement.verdict,
        headline: judgement.headline,
        text,
        payload: None,
        findings: judgement.findings,
        data,
    })
}

fn text(verified: &Verified<'_>) -> Vec<String> {
    let report = &verified.report;
    let bytes = grouped(u64::try_from(verified.log_bytes).unwrap_or(u64::MAX));
    let sessions = u64::try_from(report.sessions.len()).unwrap_or(u64::MAX);
    let mut text = vec![
        format!("  device    {}", hex(&report.device_id)),
        format!("  log       {bytes} bytes, SHA-256 {}", verified.log_sha256),
        format!("  sessions  {}", grouped(sessions)),
    ];
    for range in report.ranges.iter().take(RANGES_MAX) {
        let span = record_span(range.first_seq, range.last_seq);
        let (words, by) = (range.verdict.words(), range.assurance.words());
        if range.is_place() {
            text.push(format!("  session {}: {span}: {words}", range.session));
        } else {
            text.push(format!("  session {}: {span}: {words}; {by}", range.session));
        }
    }
    if let Some(more) = report.ranges.len().checked_sub(RANGES_MAX).filter(|more| *more > 0) {
        let more = counted(u64::try_from(more).unwrap_or(u64::MAX), "more range");
        text.push(format!("  and {more}; --json and the report name them all"));
    }
    for verdict in verdicts(report) {
        text.push(format!("  {}: {}", verdict.words(), verdict.meaning()));
    }
    if let Some(window) = &report.forgeable {
        text.push(format!("  not signed yet: {}", forgeable(window)));
    }
    text.extend(report.notes.iter().map(|note| format!("  note: {note}")));
    text
}
