//! Messages by RFC 5424, facility 13 (log audit).
//!
//! Each message carries `timeQuality`, and the record as structured data. A device's clock is never said to be
//! synchronised beyond what the log proves. The enterprise number is the one that RFC 5612 sets aside for examples, until
//! the project has one. A message holds no line feed, so that one message a line is safe; octet counting by RFC 6587
//! 3.4.1 is offered for streams.

use std::io::{self, Write};

use crate::cli::Framing;
use crate::command::subject::Verified;
use crate::exit::Exit;
use crate::export::{Item, items};
use crate::model::{ClockSource, Interval, Outcome, RangeRow, RecordRow, Weight};
use crate::text::{hex, instant, middle, record_span};

const FACILITY_LOG_AUDIT: u8 = 13;
const ENTERPRISE: &str = "32473";
/// The longest accuracy in microseconds that is stated; beyond it the time counts as not synchronised.
const ACCURACY_MS_MAX: u64 = 2_147_483;

/// Severities of RFC 5424 6.2.1 that are used.
#[derive(Clone, Copy)]
enum Level {
    Alert,
    Error,
    Warning,
    Notice,
    Info,
}

impl Level {
    const fn priority(self) -> u8 {
        let severity = match self {
            Self::Alert => 1,
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
        };
        FACILITY_LOG_AUDIT * 8 + severity
    }
}

pub(crate) fn encode(
    verified: &Verified<'_>,
    framing: Framing,
    out: &mut dyn Write,
) -> io::Result<()> {
    let host = hex(&verified.report.device_id);
    put(out, framing, &verdict_message(verified, &host))?;
    for item in items(&verified.report) {
        let message = match item {
            Item::Record(record, range) => record_message(record, range, &host),
            Item::LeftOut(range) => range_message(range, &host),
        };
        put(out, framing, &message)?;
    }
    Ok(())
}

fn put(out: &mut dyn Write, framing: Framing, message: &str) -> io::Result<()> {
    match framing {
        Framing::Lines => writeln!(out, "{message}"),
        Framing::Counted => write!(out, "{} {message}", message.len()),
    }
}

fn verdict_message(verified: &Verified<'_>, host: &str) -> String {
    let level = if verified.judgement.exit == Exit::Ok { Level::Notice } else { Level::Alert };
    let mut data = Data::begin("verdict");
    data.put("verdict", verified.judgement.verdict);
    data.put("logSha256", &verified.log_sha256);
    message(level, None, (host, "-", "VERDICT"), &data.end(), &verified.judgement.headline)
}

fn record_message(record: &RecordRow, range: &RangeRow, host: &str) -> String {
    let level = match record.outcome {
        Outcome::Success => Level::Info,
        Outcome::MinorFailure => Level::Warning,
        Outcome::SeriousFailure | Outcome::MajorFailure => Level::Error,
    };
    let mut data = Data::begin("record");
    for (name, value) in [
        ("seq", record.seq.to_string()),
        ("ticksMs", record.ticks_ms.to_string()),
        ("event", record.event.to_string()),
        ("category", record.category.to_string()),
        ("class", record.class.id().to_owned()),
        ("outcome", record.outcome.id().to_owned()),
        ("verdict", range.verdict.id().to_owned()),
        ("assurance", range.assurance.id().to_owned()),
        ("page", record.place.page.to_string()),
        ("offset", record.place.offset.to_string()),
    ] {
        data.put(name, &value);
    }
    // Names of fields come from the device, and a parameter's name may not hold every character: they go in the value.
    for (name, value) in &record.fields {
        data.put("field", &format!("{name}={value}"));
    }
    let session = record.session.to_string();
    let id = format!("EVENT-{}", record.event);
    let head = (host, session.as_str(), id.as_str());
    message(level, record.wall, head, &data.end(), &record.name.to_string())
}

fn range_message(range: &RangeRow, host: &str) -> String {
    let level = match range.verdict.weight() {
        Weight::Good | Weight::Notice | Weight::Open => Level::Notice,
        Weight::Bad => Level::Alert,
    };
    let mut data = Data::begin("range");
    data.put("firstSeq", &range.first_seq.to_string());
    data.put("lastSeq", &range.last_seq.to_string());
    data.put("verdict", range.verdict.id());
    data.put("assurance", range.assurance.id());
    data.put("page", &range.place.page.to_string());
    data.put("offset", &range.place.offset.to_string());
    let span = record_span(range.first_seq, range.last_seq);
    let words = format!("{span} left out: {}", range.verdict.words());
    let session = range.session.to_string();
    message(level, None, (host, &session, "RANGE"), &data.end(), &words)
}

/// One message; `head` is host, process id and message id.
fn message(
    level: Level,
    wall: Option<Interval>,
    (host, process, id): (&str, &str, &str),
    data: &str,
    words: &str,
) -> String {
    let priority = level.priority();
    let time = wall.map_or_else(|| "-".to_owned(), |wall| instant(middle(wall)));
    let quality = quality(wall);
    // The byte order mark says that the words are UTF-8.
    format!("<{priority}>1 {time} {host} medsec {process} {id} {quality}{data} \u{feff}{words}")
}

/// RFC 5424 7.1. The time is in UTC, so the zone is known; only an authenticated peer counts as synchronised.
fn quality(wall: Option<Interval>) -> String {
    let Some(wall) = wall else {
        return "[timeQuality tzKnown=\"1\" isSynced=\"0\"]".to_owned();
    };
    let accuracy_ms = wall.latest_ms.saturating_sub(middle(wall));
    if wall.source == ClockSource::Authenticated && accuracy_ms <= ACCURACY_MS_MAX {
        let accuracy = accuracy_ms * 1_000;
        format!("[timeQuality tzKnown=\"1\" isSynced=\"1\" syncAccuracy=\"{accuracy}\"]")
    } else {
        "[timeQuality tzKnown=\"1\" isSynced=\"0\"]".to_owned()
    }
}

/// One element of structured data.
struct Data(String);

impl Data {
    fn begin(name: &str) -> Self {
        Self(format!("[{name}@{ENTERPRISE}"))
    }

    fn put(&mut self, name: &str, value: &str) {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        for character in value.chars() {
            if matches!(character, '"' | '\\' | ']') {
                self.0.push('\\');
            }
            self.0.push(character);
        }
        self.0.push('"');
    }

    fn end(mut self) -> String {
        self.0.push(']');
        self.0
    }
}
