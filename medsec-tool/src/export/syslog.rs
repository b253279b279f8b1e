//! Messages by RFC 5424, facility 13 (log audit).
//!
//! Each message carries `timeQuality`, and the record as structured data. A device's clock is never said to be
//! synchronised beyond what the log proves. The enterprise number is the one that RFC 5612 sets aside for examples, until
//! the project has one. A message holds no line feed, so that one message a line is safe; octet counting by RFC 6587
//! 3.4.1 is offered for streams.

use std::io::{self, Write};

use crate::cli::Framing;
use crate::exit::Exit;
use crate::export::{Export, Item, items};
use crate::model::{ClockSource, Interval, Outcome, Place, RangeRow, RecordRow, Weight};
use crate::text::{instant, middle, record_span};

const FACILITY_LOG_AUDIT: u8 = 13;
/// An interval wider than a day is no time of a message.
const WIDE_MS: u64 = 86_400_000;
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

pub(crate) fn encode(export: &Export<'_>, framing: Framing, out: &mut dyn Write) -> io::Result<()> {
    put(out, framing, &verdict_message(export))?;
    for item in items(export.report) {
        let message = match item {
            Item::Record(record, range) => record_message(record, range, export),
            Item::LeftOut(range) => range_message(range, export),
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

fn verdict_message(export: &Export<'_>) -> String {
    let level = if export.exit == Exit::Ok { Level::Notice } else { Level::Alert };
    let mut data = Data::begin("verdict");
    data.put("verdict", export.verdict);
    if let Some(hash) = export.log_sha256 {
        data.put("logSha256", hash);
    }
    if let Some(times) = export.de_identified {
        data.put("times", times.id());
    }
    message(level, None, (&export.device, "-", "VERDICT"), &data.end(), export.headline)
}

fn record_message(record: &RecordRow, range: &RangeRow, export: &Export<'_>) -> String {
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
    ] {
        data.put(name, &value);
    }
    put_place(&mut data, record.place, export);
    if let Some(wall) = record.wall.filter(is_wide) {
        data.put("earliest", &instant(wall.earliest_ms));
        data.put("latest", &instant(wall.latest_ms));
    }
    // Names of fields come from the device, and a parameter's name may not hold every character: they go in the value.
    for (name, value) in &record.fields {
        data.put("field", &format!("{name}={value}"));
    }
    let session = record.session.to_string();
    let id = format!("EVENT-{}", record.event);
    let head = (export.device.as_str(), session.as_str(), id.as_str());
    let wall = record.wall.filter(|wall| !is_wide(wall));
    message(level, wall, head, &data.end(), &record.name.to_string())
}

fn range_message(range: &RangeRow, export: &Export<'_>) -> String {
    let level = match range.verdict.weight() {
        Weight::Good | Weight::Notice | Weight::Open => Level::Notice,
        Weight::Bad => Level::Alert,
    };
    let mut data = Data::begin("range");
    data.put("firstSeq", &range.first_seq.to_string());
    data.put("lastSeq", &range.last_seq.to_string());
    data.put("verdict", range.verdict.id());
    data.put("assurance", range.assurance.id());
    put_place(&mut data, range.place, export);
    let span = record_span(range.first_seq, range.last_seq);
    let words = format!("{span} left out: {}", range.verdict.words());
    let session = range.session.to_string();
    message(level, None, (&export.device, &session, "RANGE"), &data.end(), &words)
}

fn put_place(data: &mut Data, place: Place, export: &Export<'_>) {
    if export.has_places() {
        data.put("page", &place.page.to_string());
        data.put("offset", &place.offset.to_string());
    }
}

/// Whether an interval is too wide for one instant to stand for it. It is then told as parameters of the record.
const fn is_wide(wall: &Interval) -> bool {
    wall.latest_ms.saturating_sub(wall.earliest_ms) > WIDE_MS
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
