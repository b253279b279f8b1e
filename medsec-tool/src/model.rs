//! What the verifier says about a log, in the form that the tool shows, reports and exports.

use crate::error::Error;
use crate::keyfile::{AuthoritySecret, Checkpoint, DeviceKey};
use crate::untrusted::Untrusted;

/// What holds for a range of records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Complete and unchanged.
    Verified,
    /// The one record that was being written when the power went, at the end of a session.
    TornTail,
    /// Records are missing inside the log.
    Gap,
    /// Records are missing at the end, which a checkpoint proves were there.
    Truncated,
    /// Stored bytes were changed.
    Modified,
    /// Pages are in another order or place than they were written.
    Reordered,
    /// The log is an older state of the device.
    RolledBack,
    /// A log that overwrites its oldest records did so, as its policy says.
    OverwrittenByPolicy,
    /// Behind the last checkpoint: whether the end was cut off cannot be told.
    Unanchored,
}

/// What a verdict means for the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Weight {
    /// Nothing to object to.
    Good,
    /// Worth knowing, and no sign of tampering.
    Notice,
    /// Evidence is missing.
    Open,
    /// Somebody changed the log.
    Bad,
}

impl Verdict {
    /// All of them, in the order in which a legend lists them.
    pub const ALL: [Self; 9] = [
        Self::Verified,
        Self::TornTail,
        Self::OverwrittenByPolicy,
        Self::Unanchored,
        Self::Gap,
        Self::Truncated,
        Self::Modified,
        Self::Reordered,
        Self::RolledBack,
    ];

    /// The word in machine-readable output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::TornTail => "torn-tail",
            Self::Gap => "gap",
            Self::Truncated => "truncated",
            Self::Modified => "modified",
            Self::Reordered => "reordered",
            Self::RolledBack => "rolled-back",
            Self::OverwrittenByPolicy => "overwritten-by-policy",
            Self::Unanchored => "unanchored",
        }
    }

    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::TornTail => "torn by a power cut",
            Self::Gap => "missing",
            Self::Truncated => "cut off",
            Self::Modified => "modified",
            Self::Reordered => "reordered",
            Self::RolledBack => "rolled back",
            Self::OverwrittenByPolicy => "overwritten by policy",
            Self::Unanchored => "not anchored",
        }
    }

    /// What the verdict means for the whole.
    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Self::Verified => Weight::Good,
            Self::TornTail | Self::OverwrittenByPolicy => Weight::Notice,
            Self::Unanchored => Weight::Open,
            Self::Gap | Self::Truncated | Self::Modified | Self::Reordered | Self::RolledBack => {
                Weight::Bad
            }
        }
    }
}

/// Who could have made a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Assurance {
    /// Covered by a checkpoint that the device signed.
    Signed,
    /// A holder of the log key could have made this.
    MacOnly,
    /// Nothing vouches for it.
    Unanchored,
}

impl Assurance {
    /// The word in machine-readable output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::MacOnly => "mac-only",
            Self::Unanchored => "unanchored",
        }
    }

    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Signed => "signed by the device",
            Self::MacOnly => "a holder of the log key could have made this",
            Self::Unanchored => "nothing vouches for it",
        }
    }
}

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
    /// It was tried and failed.
    Failure,
    /// It was refused.
    Denied,
}

impl Outcome {
    /// The word in output.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
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
    /// A count, an index, a size.
    Number(u64),
    /// A signed figure.
    Integer(i64),
    /// Yes or no.
    Flag(bool),
    /// Words.
    Text(Untrusted),
    /// Bytes, shown in hexadecimal.
    Bytes(Vec<u8>),
    /// Personal, and sealed: the log authority alone can open it.
    Personal,
}

impl core::fmt::Display for Value {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Flag(true) => f.write_str("yes"),
            Self::Flag(false) => f.write_str("no"),
            Self::Text(text) => write!(f, "{text}"),
            Self::Bytes(bytes) => f.write_str(&crate::text::hex(bytes)),
            Self::Personal => f.write_str("(personal, sealed)"),
        }
    }
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

/// Records that somebody with the flash contents could have forged: those behind the last evolution of the key that no
/// checkpoint covers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForgeableWindow {
    /// First record that could be forged.
    pub first_seq: u64,
    /// Sessions whose keys were still on the device.
    pub sessions: u32,
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
    /// Every record number of the log lies in one of them, in order.
    pub ranges: Vec<RangeRow>,
    /// The records that could be opened, in order.
    pub records: Vec<RecordRow>,
    /// The sessions, in order.
    pub sessions: Vec<SessionRow>,
    /// What could be forged.
    pub forgeable: Option<ForgeableWindow>,
    /// The newest checkpoint that the device signed.
    pub checkpoint: Option<Checkpoint>,
    /// What else a reader should know.
    pub notes: Vec<Untrusted>,
}

impl LogReport {
    /// The range in which a record lies, if it lies in exactly one.
    #[must_use]
    pub fn range_of(&self, record: &RecordRow) -> Option<&RangeRow> {
        let mut ranges = self.ranges.iter().filter(|range| range.holds(record.session, record.seq));
        let range = ranges.next()?;
        ranges.next().is_none().then_some(range)
    }

    /// The records that may be shown, each with its range.
    pub fn readable(&self) -> impl Iterator<Item = (&RecordRow, &RangeRow)> {
        self.records.iter().filter_map(|record| {
            let range = self.range_of(record)?;
            range.is_readable().then_some((record, range))
        })
    }

    /// The ranges whose records may not be shown, and the places where records were taken away.
    pub fn unreadable(&self) -> impl Iterator<Item = &RangeRow> {
        self.ranges.iter().filter(|range| {
            let is_empty = range.last_seq < range.first_seq;
            !range.is_readable() && (!is_empty || range.verdict.weight() == Weight::Bad)
        })
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

/// Verifies logs.
pub trait Verify {
    /// Verifies the bytes of a log against `trust`.
    ///
    /// # Errors
    /// Those of kind `Log`: the bytes are no log, or `trust` does not fit it. Damage is no error: it is a verdict.
    fn verify(&self, log: &[u8], trust: &Trust) -> Result<LogReport, Error>;
}
