//! What the verifier says, and to whom.

use medsec_core::flash::ring::Place;

use crate::checkpoint::Statement;
use crate::record::RecordHeader;

/// What a range of the log is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// Whole and in order.
    Verified,
    /// The last record of a session does not open: it was being written when power went, or somebody changed it since.
    TornTail,
    /// Given up to make room, as the log's policy says.
    OverwrittenByPolicy,
    /// Nothing vouches for it, or for what should follow it.
    Unanchored,
    /// Records are missing.
    Gap,
    /// The log ends before the anchor.
    Truncated,
    /// Bytes were changed.
    Modified,
    /// A page lies where another belongs.
    Reordered,
    /// The log is newer than the device's own state: the state was set back.
    RolledBack,
}

impl Verdict {
    /// Whether the verdict says that somebody interfered, or that evidence is missing.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        match self {
            Self::Verified | Self::TornTail | Self::OverwrittenByPolicy | Self::Unanchored => false,
            Self::Gap | Self::Truncated | Self::Modified | Self::Reordered | Self::RolledBack => {
                true
            }
        }
    }
}

/// Who vouches for a range.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Assurance {
    /// Nobody.
    Unanchored,
    /// The log's own keys: a holder of the log authority's secret could have made it.
    MacOnly,
    /// The device's signature.
    Signed,
}

/// A stretch of the log with one verdict.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Session that wrote it.
    pub session: u32,
    /// Sequence number of its first record.
    pub first_seq: u64,
    /// Sequence number of its last record; below the first if it holds none.
    pub last_seq: u64,
    /// Page of its first byte.
    pub page: u32,
    /// Offset of its first byte in the page.
    pub offset: u32,
    /// What it is.
    pub verdict: Verdict,
    /// Who vouches for it.
    pub assurance: Assurance,
}

/// One opened record.
#[derive(Debug)]
pub struct Opened<'a> {
    /// Session that wrote it.
    pub session: u32,
    /// Where it lies.
    pub place: Place,
    /// Its class byte.
    pub class: u8,
    /// What it says before its event's fields.
    pub header: RecordHeader,
    /// The fields of its event; personal ones still sealed.
    pub fields: &'a [u8],
    /// Who vouches for it.
    pub assurance: Assurance,
}

/// Takes what the verifier finds. Segments come newest first; the records within one in order, behind its ranges.
pub trait Observer {
    /// A range and its verdict.
    fn range(&mut self, range: &Range);
    /// A record that opened; whether it counts, its assurance says.
    fn record(&mut self, record: &Opened<'_>);
    /// A checkpoint whose signature is right.
    fn checkpoint(&mut self, statement: &Statement, signature: &[u8; 64]);
}
