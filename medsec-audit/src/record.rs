//! The stored form of an event, and the two kinds of entries that are not events.
//!
//! | class | entry | body |
//! |---|---|---|
//! | `01` | record of a security event | encrypted |
//! | `02` | record of an operational event | encrypted |
//! | `B0` | resume record (`medsec_core::flash::ring`) | clear |
//! | `C0` | [checkpoint](crate::checkpoint) | clear, authenticated |
//! | `C1` | [escrow](crate::state::Escrow) of the evolving audit secret | clear, authenticated |

use medsec_core::codec::{Overflow, Reader, Writer};
use medsec_core::event::{Category, Class, EVENT_FIELDS_BYTES_MAX, Outcome};
use medsec_core::time::Ticks;

/// Class of a checkpoint.
pub const CLASS_CHECKPOINT: u8 = 0xC0;
/// Class of an escrow.
pub const CLASS_ESCROW: u8 = 0xC1;
/// Bytes of a record before its event's fields.
pub const RECORD_HEADER_BYTES: usize = 10;
/// Longest body of a record, in bytes.
pub const RECORD_BYTES_MAX: usize = RECORD_HEADER_BYTES + EVENT_FIELDS_BYTES_MAX;
/// Longest body of an entry in clear, in bytes.
pub const CLEAR_BYTES_MAX: usize = 92;
/// Longest body of any entry, in bytes.
pub const BODY_BYTES_MAX: u16 = 114;

const _: () = assert!(RECORD_BYTES_MAX == 114 && CLEAR_BYTES_MAX < RECORD_BYTES_MAX);

/// Whether entries of `class` have their body in clear.
#[must_use]
pub const fn is_clear(class: u8) -> bool {
    matches!(class, CLASS_CHECKPOINT | CLASS_ESCROW)
}

/// The body was authentic, but is not a record of this version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordMalformed;

impl core::fmt::Display for RecordMalformed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not a record of this version")
    }
}

impl core::error::Error for RecordMalformed {}

/// What a record says before its event's fields.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | event id |
/// | 2 | 1 | category |
/// | 3 | 1 | outcome |
/// | 4 | 6 | milliseconds since the boot |
/// | 10 | ≤ 104 | fields (`medsec_core::event`) |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordHeader {
    /// Id of the event.
    pub event: u16,
    /// Its category.
    pub category: Category,
    /// How it ended.
    pub outcome: Outcome,
    /// When, since the boot.
    pub at: Ticks,
}

impl RecordHeader {
    /// Writes the header; times beyond 2^48 ms (8,900 years) stay there.
    ///
    /// # Errors
    /// [`Overflow`]: the buffer is too small.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        writer.u16(self.event)?;
        writer.u8(self.category.code())?;
        writer.u8(self.outcome.code())?;
        let ms = self.at.as_millis().min(0xFFFF_FFFF_FFFF).to_le_bytes();
        writer.bytes(ms.get(..6).unwrap_or_default())
    }

    /// Parses the body of a record into its header and its event's fields.
    ///
    /// # Errors
    /// [`RecordMalformed`].
    pub fn parse(body: &[u8]) -> Result<(Self, &[u8]), RecordMalformed> {
        let mut reader = Reader::new(body);
        let malformed = |_| RecordMalformed;
        let event = reader.u16().map_err(malformed)?;
        let category = reader.u8().map_err(malformed)?;
        let outcome = reader.u8().map_err(malformed)?;
        let [a, b, c, d, e, f] = reader.array().map_err(malformed)?;
        let at = Ticks::from_millis(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]));
        let header = Self {
            event,
            category: Category::from_code(category).ok_or(RecordMalformed)?,
            outcome: Outcome::from_code(outcome).ok_or(RecordMalformed)?,
            at,
        };
        Ok((header, reader.bytes(reader.remaining()).map_err(malformed)?))
    }
}

/// The class byte of records of `class`.
#[must_use]
pub const fn class_byte(class: Class) -> u8 {
    class.code()
}
