//! The report: one HTML file that needs nothing else, runs no script and prints well.
//!
//! Every text goes through [`crate::untrusted::Untrusted`] where it comes from outside, and then through the template
//! engine's escaping, which no template switches off.

use askama::Template;

use crate::command::subject::Verified;
use crate::error::Error;
use crate::exit::Exit;
use crate::judgement::place;
use crate::model::{Contents, RangeRow, RecordRow, SessionRow};
use crate::output::Finding;
use crate::text::{grouped, hex, when};
use crate::timeline::{self, Timeline};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    headline: &'a str,
    mark: &'static str,
    tone: &'static str,
    version: &'static str,
    facts: Vec<(&'static str, String)>,
    limits: Vec<String>,
    findings: &'a [Finding],
    timeline: Option<Timeline>,
    ranges: Vec<RangeLine>,
    records: Vec<RecordLine>,
    records_hint: &'static str,
    sessions: Vec<SessionLine>,
}

struct RangeLine {
    span: (String, String),
    session: u32,
    verdict: &'static str,
    class: &'static str,
    assurance: &'static str,
    place: String,
}

struct RecordLine {
    seq: String,
    session: u32,
    ticks_ms: String,
    wall: String,
    source: &'static str,
    name: String,
    category: String,
    class: &'static str,
    outcome: &'static str,
    fields: Vec<(String, String)>,
    verdict: &'static str,
    assurance: &'static str,
}

struct SessionLine {
    index: u32,
    span: (String, String),
    end: &'static str,
}

/// The report as HTML.
pub(crate) fn render(verified: &Verified<'_>) -> Result<String, Error> {
    let report = &verified.report;
    let (mark, tone) = match verified.judgement.exit {
        Exit::Ok => ("\u{2714}", "good"),
        Exit::Negative => ("\u{2718}", "bad"),
        Exit::Undecided
        | Exit::Refused
        | Exit::Input
        | Exit::Device
        | Exit::Registry
        | Exit::Aborted
        | Exit::Usage
        | Exit::Bug => ("?", "open"),
    };
    let page = Page {
        headline: &verified.judgement.headline,
        mark,
        tone,
        version: env!("CARGO_PKG_VERSION"),
        facts: facts(verified),
        limits: limits(verified),
        findings: &verified.judgement.findings,
        timeline: timeline::draw(report),
        ranges: report.ranges.iter().map(range_line).collect(),
        records: report.readable().map(record_line).collect(),
        records_hint: match report.contents {
            Contents::Opened => "No record lies in a range that could be verified.",
            Contents::Sealed => "The records were not opened: no authority key was given.",
        },
        sessions: report.sessions.iter().map(session_line).collect(),
    };
    page.render().map_err(|_| Error::Bug { what: "the report could not be rendered" })
}

fn facts(verified: &Verified<'_>) -> Vec<(&'static str, String)> {
    let (report, trust) = (&verified.report, &verified.trust);
    let given = |is_given: bool| if is_given { "given" } else { "not given" }.to_owned();
    let bytes = grouped(u64::try_from(verified.log_bytes).unwrap_or(u64::MAX));
    vec![
        ("Device", hex(&report.device_id)),
        ("Log file", crate::untrusted::Untrusted::from_path(&verified.subject.file).to_string()),
        ("Log size", format!("{bytes} bytes")),
        ("Log SHA-256", verified.log_sha256.clone()),
        ("Trust anchor: device key", trust.device.fingerprint()),
        ("Authority key", given(trust.authority.is_some())),
        ("Anchor checkpoint", given(trust.anchor.is_some())),
        ("Strict", if verified.subject.strict { "yes" } else { "no" }.to_owned()),
    ]
}

/// What this report cannot tell.
fn limits(verified: &Verified<'_>) -> Vec<String> {
    let report = &verified.report;
    let mut limits = vec![
        "Whether the device wrote down everything that happened. It tells that what was written \
         down was not changed."
            .to_owned(),
    ];
    if verified.trust.anchor.is_none() {
        limits.push(
            "Whether the whole log was replaced by an older state of the same device: no anchor \
             checkpoint was given."
                .to_owned(),
        );
    }
    if let Some(window) = &report.forgeable {
        limits.push(format!(
            "Whether records from number {} on are genuine, if somebody held the device's flash \
             contents: keys of {} session(s) were still on it.",
            grouped(window.first_seq),
            window.sessions
        ));
    }
    if report.contents == Contents::Sealed {
        limits.push("What the records say: they are sealed to the log authority.".to_owned());
    }
    limits.extend(report.notes.iter().map(ToString::to_string));
    limits
}

fn range_line(range: &RangeRow) -> RangeLine {
    RangeLine {
        span: (grouped(range.first_seq), grouped(range.last_seq)),
        session: range.session,
        verdict: range.verdict.words(),
        class: range.verdict.id(),
        assurance: range.assurance.words(),
        place: place(range),
    }
}

fn record_line((record, range): (&RecordRow, &RangeRow)) -> RecordLine {
    let fields = record.fields.iter();
    RecordLine {
        seq: grouped(record.seq),
        session: record.session,
        ticks_ms: grouped(record.ticks_ms),
        wall: when(record.wall),
        source: record.wall.map_or("", |wall| wall.source.id()),
        name: record.name.to_string(),
        category: record.category.to_string(),
        class: record.class.id(),
        outcome: record.outcome.id(),
        fields: fields.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        verdict: range.verdict.words(),
        assurance: range.assurance.id(),
    }
}

fn session_line(session: &SessionRow) -> SessionLine {
    SessionLine {
        index: session.index,
        span: (grouped(session.first_seq), grouped(session.last_seq)),
        end: session.end.id(),
    }
}
