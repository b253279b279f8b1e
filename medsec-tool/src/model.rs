//! What the verifier says about a log, in the form that the tool shows, reports and exports.

mod verdict;

pub use verdict::{Assurance, Verdict, Weight};

use medsec_core::time::{TimeSource, WallTime};

use crate::catalogue::Catalogue;
use crate::error::Error;
use crate::keyfile::{AuthoritySecret, Checkpoint, DeviceKey};
use crate::layout::Layout;
use crate::untrusted::Untrusted;

/// Where in the log something is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Page sequence number.
    pub page: u32,
    /// Bytes from the start of that page.
    pub offset: u32,
}

/// One range of records with one verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RangeRow {
    /// Session index.
    pub session: u32,
    /// First record of the range.
    pub first_seq: u64,
    /// Last record of the range. One below the first if the range is a place between two records.
    pub last_seq: u64,
    /// What holds for it.
    pub verdict: Verdict,
    /// Who could have made it.
    pub assurance: Assurance,
    /// Where it begins.
    pub place: Place,
}

impl RangeRow {
    /// Whether its records are authentic and may be shown.
    #[must_use]
    pub const fn is_readable(&self) -> bool {
        match (self.verdict, self.assurance) {
            (Verdict::Verified, _)
            | (Verdict::Unanchored, Assurance::Signed | Assurance::MacOnly) => true,
            (
                Verdict::Unanchored
                | Verdict::TornTail
                | Verdict::Gap
                | Verdict::Truncated
                | Verdict::Modified
                | Verdict::Reordered
                | Verdict::RolledBack
                | Verdict::OverwrittenByPolicy,
                _,
            ) => false,
        }
    }

    /// Whether it is no range of records, but the place where the log ends.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.verdict == Verdict::Unanchored && self.is_place()
    }

    /// Whether it is a place between two records.
    #[must_use]
    pub const fn is_place(&self) -> bool {
        self.last_seq < self.first_seq
    }

    /// Whether the record with number `seq` of `session` lies in it.
    #[must_use]
    pub const fn holds(&self, session: u32, seq: u64) -> bool {
        self.session == session && self.first_seq <= seq && seq <= self.last_seq
    }
}

/// Which log a record belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Class {
    /// Never overwritten.
    Security,
    /// Overwritten when the log is full.
    Operational,
}

impl Class {
    /// The word in output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::Operational => "operational",
        }
    }
}

/// How what was recorded ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was not done; trying again may help.
    MinorFailure,
    /// It was not done, and something has to be put right first.
    SeriousFailure,
    /// It was not done, and a part of the device no longer works.
    MajorFailure,
}

impl Outcome {
    /// The word in output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::MinorFailure => "minor-failure",
            Self::SeriousFailure => "serious-failure",
            Self::MajorFailure => "major-failure",
        }
    }
}

/// Who gave a wall time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ClockSource {
    /// Nobody vouches for it.
    Unknown,
    /// A person at the device set it.
    Person,
    /// The device's own battery-backed clock.
    RealTimeClock,
    /// An authenticated peer gave it.
    Authenticated,
}

impl ClockSource {
    /// The word in output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Person => "person",
            Self::RealTimeClock => "real-time-clock",
            Self::Authenticated => "authenticated",
        }
    }
}

impl From<TimeSource> for ClockSource {
    fn from(source: TimeSource) -> Self {
        match source {
            TimeSource::Person => Self::Person,
            TimeSource::RealTimeClock => Self::RealTimeClock,
            TimeSource::Authenticated => Self::Authenticated,
            TimeSource::Unknown | _ => Self::Unknown,
        }
    }
}

/// The interval in which something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interval {
    /// Not before this, in ms since 1970-01-01T00:00:00Z.
    pub earliest_ms: u64,
    /// Not after this, in ms since 1970-01-01T00:00:00Z.
    pub latest_ms: u64,
    /// Who gave the time.
    pub source: ClockSource,
}

/// A field's value.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// A count, or a code without a name.
    Number(u64),
    /// A measured or set value, or a length of time, with its unit.
    Quantity(i64, &'static str),
    /// Words.
    Text(Untrusted),
    /// A wall time with its quality.
    Time(WallTime),
    /// An id or the head of a hash, shown in hexadecimal.
    Bytes([u8; 8]),
    /// What stands for an id or the head of a hash in a de-identified export.
    Pseudonym([u8; 12]),
    /// Personal, and sealed: the log authority alone can open it.
    Personal,
    /// Personal, and left out of the record.
    Omitted,
}

impl core::fmt::Display for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Quantity(number, unit) => write!(f, "{number} {unit}"),
            Self::Text(text) => write!(f, "{text}"),
            Self::Time(time) => f.write_str(&wall_words(*time)),
            Self::Bytes(bytes) => f.write_str(&crate::text::hex(bytes)),
            Self::Pseudonym(bytes) => f.write_str(&crate::text::hex(bytes)),
            Self::Personal => f.write_str("(personal, sealed)"),
            Self::Omitted => f.write_str("(personal, left out)"),
        }
    }
}

fn wall_words(time: WallTime) -> String {
    let source = ClockSource::from(time.source);
    if source == ClockSource::Unknown && time.unix_seconds == 0 {
        return "unknown".to_owned();
    }
    let (instant, seconds) =
        (crate::text::instant(time.unix_seconds.saturating_mul(1_000)), time.uncertainty_seconds);
    format!("{instant} \u{b1} {seconds} s ({})", source.id())
}

/// One record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordRow {
    /// Number of the record.
    pub seq: u64,
    /// Session index.
    pub session: u32,
    /// Milliseconds since power-on.
    pub ticks_ms: u64,
    /// When it happened, if the log tells.
    pub wall: Option<Interval>,
    /// Id of the event.
    pub event: u16,
    /// Name of the event.
    pub name: Untrusted,
    /// Category of IEC 62443-4-2 CR 2.8.
    pub category: Untrusted,
    /// Which log it belongs to.
    pub class: Class,
    /// How it ended.
    pub outcome: Outcome,
    /// Its fields.
    pub fields: Vec<(Untrusted, Value)>,
    /// Where it is stored.
    pub place: Place,
}

/// How a session ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The next session adopted exactly what this one wrote.
    Complete,
    /// The power went while a record was being written.
    Torn,
    /// It is the newest.
    Newest,
    /// Damage hides its end.
    Unknown,
}

impl SessionEnd {
    /// The word in output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Torn => "torn",
            Self::Newest => "newest",
            Self::Unknown => "unknown",
        }
    }
}

/// One session: from its first record to the next power cycle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionRow {
    /// Session index.
    pub index: u32,
    /// Its first record.
    pub first_seq: u64,
    /// Its last record.
    pub last_seq: u64,
    /// How it ended.
    pub end: SessionEnd,
}

/// The newest records, which no signature covers yet.
///
/// Whoever held the flash could have cut them off, and a holder of the log authority's secret could have made them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForgeableWindow {
    /// Its first record.
    pub first_seq: u64,
    /// The newest record of the log.
    pub last_seq: u64,
}

/// Whether the records could be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Contents {
    /// They were decrypted with the log authority's secret.
    Opened,
    /// Only the stored bytes were checked.
    Sealed,
}

/// All that the verifier says about one log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogReport {
    /// The device's id.
    pub device_id: [u8; 16],
    /// Whether the records could be opened.
    pub contents: Contents,
    /// What holds where, in the order of the log.
    pub ranges: Vec<RangeRow>,
    /// The records that could be opened, in order.
    pub records: Vec<RecordRow>,
    /// The sessions, in order.
    pub sessions: Vec<SessionRow>,
    /// What no signature covers yet.
    pub forgeable: Option<ForgeableWindow>,
    /// The newest checkpoint that the device signed and that may be kept as an anchor.
    pub checkpoint: Option<Checkpoint>,
    /// Whether the anchor was found in the log.
    pub anchored: bool,
    /// Whether the device's stored state, which names its newest session, is tied to the device.
    pub state_believed: bool,
    /// Records that do not fit the catalogue and are shown without names.
    pub misfits: u64,
    /// What else a reader should know.
    pub notes: Vec<Untrusted>,
}

impl LogReport {
    /// The records that may be shown, each with its range: those that lie in exactly one, and that is readable.
    pub fn readable(&self) -> impl Iterator<Item = (&RecordRow, &RangeRow)> {
        let index = RangeIndex::new(&self.ranges);
        self.records.iter().filter_map(move |record| {
            let range = index.find(record)?;
            range.is_readable().then_some((record, range))
        })
    }

    /// How many records lie in no range, or in more than one.
    #[must_use]
    pub fn unplaced(&self) -> usize {
        let index = RangeIndex::new(&self.ranges);
        self.records.iter().filter(|record| index.find(record).is_none()).count()
    }

    /// The ranges whose records may not be shown, and the places where records were taken away.
    pub fn unreadable(&self) -> impl Iterator<Item = &RangeRow> {
        self.ranges.iter().filter(|range| {
            !range.is_readable() && (!range.is_place() || range.verdict.weight() == Weight::Bad)
        })
    }
}

/// Finds the range of a record in few steps: a log has many of both.
struct RangeIndex<'a> {
    /// By session and first record, each with the highest record of the ranges before it in its session.
    ranges: Vec<(&'a RangeRow, Option<u64>)>,
}

impl<'a> RangeIndex<'a> {
    fn new(ranges: &'a [RangeRow]) -> Self {
        let mut ranges: Vec<_> =
            ranges.iter().filter(|range| !range.is_place()).map(|range| (range, None)).collect();
        ranges.sort_by_key(|(range, _)| (range.session, range.first_seq));
        let mut before: Option<(u32, u64)> = None;
        for (range, highest) in &mut ranges {
            let same = before.filter(|(session, _)| *session == range.session);
            *highest = same.map(|(_, last)| last);
            before = Some((range.session, range.last_seq.max(highest.unwrap_or(0))));
        }
        Self { ranges }
    }

    fn find(&self, record: &RecordRow) -> Option<&'a RangeRow> {
        let key = (record.session, record.seq);
        let after =
            self.ranges.partition_point(|(range, _)| (range.session, range.first_seq) <= key);
        let (range, highest) = self.ranges.get(after.checked_sub(1)?)?;
        let is_alone = highest.is_none_or(|highest| highest < record.seq);
        (is_alone && range.holds(record.session, record.seq)).then_some(*range)
    }
}

/// What a log is verified against.
#[derive(Debug)]
pub struct Trust {
    /// The device's public key.
    pub device: DeviceKey,
    /// The log authority's secret, which opens the records.
    pub authority: Option<AuthoritySecret>,
    /// A checkpoint kept from earlier.
    pub anchor: Option<Checkpoint>,
}

/// What is verified, and what helps to read it.
#[derive(Debug)]
pub struct Evidence<'a> {
    /// An export, or a raw image of the flash.
    pub bytes: &'a [u8],
    /// Where the log lies, if the bytes are a raw image.
    pub layout: Option<Layout>,
    /// The names of events.
    pub catalogue: &'a Catalogue,
}

/// Verifies logs.
pub trait Verify {
    /// Verifies a log against `trust`.
    ///
    /// # Errors
    /// The bytes are no log, or `trust` does not fit it. Damage is no error: it is a verdict.
    fn verify(&self, evidence: &Evidence<'_>, trust: &Trust) -> Result<LogReport, Error>;
}
