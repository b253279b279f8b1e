//! The report: one HTML file that needs nothing else, runs no script and prints well.
//!
//! Every text goes through [`crate::untrusted::Untrusted`] where it comes from outside, and then through the template
//! engine's escaping, which no template switches off.

use std::io::{self, Write};

use askama::Template;

use crate::command::subject::Verified;
use crate::exit::Exit;
use crate::judgement::{forgeable, place, verdicts};
use crate::model::{
    Assurance, ClockSource, Contents, LogReport, Outcome, RangeRow, RecordRow, SessionRow, Verdict,
    Weight,
};
use crate::output::Finding;
use crate::text::{grouped, hex, record_span, when};
use crate::timeline::{self, Timeline};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    headline: &'a str,
    mark: &'static str,
    tone: &'static str,
    version: &'static str,
    device: String,
    figures: [(&'static str, String); 4],
    facts: Vec<(&'static str, String)>,
    limits: Vec<String>,
    findings: &'a [Finding],
    timeline: Option<Timeline>,
    ranges: Vec<RangeLine>,
    meanings: Vec<(&'static str, &'static str, &'static str)>,
    report: &'a LogReport,
    record_count: u64,
    records_hint: &'static str,
    sessions: Vec<SessionLine>,
}

impl Page<'_> {
    /// The records one by one: all of them as lines would take more memory than the log.
    fn records(&self) -> impl Iterator<Item = RecordLine> {
        self.report.readable().map(record_line)
    }
}

struct RangeLine {
    span: String,
    session: u32,
    verdict: &'static str,
    class: &'static str,
    assurance: &'static str,
    place: String,
}

struct RecordLine {
    seq: String,
    session: u32,
    wall: String,
    source: &'static str,
    name: String,
    category: String,
    class: &'static str,
    outcome: &'static str,
    tone: &'static str,
    fields: Vec<(String, String)>,
    verdict: &'static str,
    badge: &'static str,
    assurance: &'static str,
}

struct SessionLine {
    index: u32,
    span: (String, String),
    end: &'static str,
}

/// Writes the report as HTML.
pub(crate) fn render(verified: &Verified<'_>, out: &mut dyn Write) -> io::Result<()> {
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
        device: hex(&report.device_id),
        figures: figures(report),
        facts: facts(verified),
        limits: limits(verified),
        findings: &verified.judgement.findings,
        timeline: timeline::draw(report),
        ranges: report.ranges.iter().map(range_line).collect(),
        meanings: verdicts(report)
            .map(|verdict| (verdict.id(), verdict.words(), verdict.meaning()))
            .collect(),
        report,
        record_count: u64::try_from(report.readable().count()).unwrap_or(u64::MAX),
        records_hint: match report.contents {
            Contents::Opened => "No record lies in a range that could be verified.",
            Contents::Sealed => "The records were not opened: no authority key was given.",
        },
        sessions: report.sessions.iter().map(session_line).collect(),
    };
    page.write_into(out)
}

fn figures(report: &LogReport) -> [(&'static str, String); 4] {
    let count = |count: usize| grouped(u64::try_from(count).unwrap_or(u64::MAX));
    let signed = |range: &&RangeRow| {
        range.verdict == Verdict::Verified && range.assurance == Assurance::Signed
    };
    let signed = report.ranges.iter().filter(signed).map(|range| range.last_seq).max();
    let bad = report.ranges.iter().filter(|range| range.verdict.weight() == Weight::Bad);
    [
        ("records opened", count(report.readable().count())),
        ("sessions", count(report.sessions.len())),
        ("signed up to record", signed.map_or_else(|| "none".to_owned(), grouped)),
        ("places tampered with", count(bad.count())),
    ]
}

fn facts(verified: &Verified<'_>) -> Vec<(&'static str, String)> {
    let trust = &verified.trust;
    let given = |is_given: bool| if is_given { "given" } else { "not given" }.to_owned();
    let bytes = grouped(u64::try_from(verified.log_bytes).unwrap_or(u64::MAX));
    vec![
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
        limits.push(format!("Whether the newest records are all there: {}.", forgeable(window)));
    }
    if let Some(end) = report.ranges.iter().find(|range| range.is_end()) {
        limits.push(format!(
            "Whether the device went on recording: nothing vouches for what may have followed \
             record {}.",
            grouped(end.last_seq)
        ));
    }
    if report.contents == Contents::Sealed {
        limits.push("What the records say: they are sealed to the log authority.".to_owned());
    }
    limits.extend(report.notes.iter().map(ToString::to_string));
    limits
}

/// The colour of a verdict. What the log key alone vouches for does not look as if the device had signed it.
const fn badge(range: &RangeRow) -> &'static str {
    match (range.verdict, range.assurance) {
        (Verdict::Verified, Assurance::MacOnly) => Assurance::MacOnly.id(),
        (verdict, _) => verdict.id(),
    }
}

fn range_line(range: &RangeRow) -> RangeLine {
    RangeLine {
        span: record_span(range.first_seq, range.last_seq),
        session: range.session,
        verdict: range.verdict.words(),
        class: badge(range),
        assurance: if range.is_place() { "" } else { range.assurance.words() },
        place: place(range),
    }
}

fn record_line((record, range): (&RecordRow, &RangeRow)) -> RecordLine {
    let fields = record.fields.iter();
    RecordLine {
        seq: grouped(record.seq),
        session: record.session,
        wall: when(record),
        source: record.wall.map_or("no wall clock", |wall| match wall.source {
            ClockSource::Unknown => "clock set by nobody known",
            ClockSource::Person => "clock set by a person",
            ClockSource::RealTimeClock => "real-time clock",
            ClockSource::Authenticated => "authenticated time",
        }),
        name: record.name.to_string(),
        category: record.category.to_string(),
        class: record.class.id(),
        outcome: record.outcome.id(),
        tone: if record.outcome == Outcome::Success { "fine" } else { "wrong" },
        fields: fields.map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        verdict: range.verdict.words(),
        badge: badge(range),
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
