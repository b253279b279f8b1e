//! De-identified exports: what says who, whose and when is replaced, left out or made coarse.
//!
//! | what | becomes |
//! |---|---|
//! | the device's id, ids of persons, services and devices, heads of hashes | a pseudonym: HMAC-SHA-256 under the export's key, 96 bits |
//! | personal fields, sealed or left out | nothing, not even a name |
//! | dates | the whole of their year: safe harbor, 45 CFR 164.514(b)(2)(i)(C); or kept, by choice |
//! | time since power-on | whole minutes; or kept, with the dates |
//! | numbers of records and sessions | counted from the first of this export |
//! | the hash of the log, places in the flash | nothing |
//!
//! Each export draws a key of its own and forgets it, or hands it to a file for its holder alone. So an id has one pseudonym
//! throughout an export, and another in the next; the ids in records are random numbers, not derived from a person.
//!
//! What is not done: events, measured values and their order stay. Whoever has the log itself can match an export with it
//! by these, and a rare event may point to a person who is known to have met it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::cli::Times;
use crate::keyfile::PseudonymKey;
use crate::model::{Interval, LogReport, Value};
use crate::text::{year, year_span};
use crate::untrusted::Untrusted;

/// What the key is for, in front of each id.
const PURPOSE: &[u8] = b"medsec/v1/tool/pseudonym\0";
const MS_PER_MINUTE: u64 = 60_000;

/// The pseudonym of `id` under `key`.
pub(crate) fn pseudonym(key: &PseudonymKey, id: &[u8]) -> [u8; 12] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.expose()) else {
        // HMAC takes a key of any length. Were it not so, all ids would be the same rather than told.
        return [0; 12];
    };
    mac.update(PURPOSE);
    mac.update(id);
    let tag = mac.finalize().into_bytes();
    tag.first_chunk().copied().unwrap_or_default()
}

/// Takes out of `report` what says who, whose and, by `times`, when.
pub(crate) fn strip(report: &mut LogReport, key: &PseudonymKey, times: Times) {
    let numbers = Numbers::of(report);
    for range in &mut report.ranges {
        range.session = numbers.session(range.session);
        range.first_seq = numbers.seq(range.first_seq);
        range.last_seq = numbers.seq(range.last_seq);
    }
    for record in &mut report.records {
        record.session = numbers.session(record.session);
        record.seq = numbers.seq(record.seq);
        if times == Times::Year {
            record.wall = record.wall.map(coarse);
            record.ticks_ms = record.ticks_ms / MS_PER_MINUTE * MS_PER_MINUTE;
        }
        record.fields.retain(|(_, value)| !matches!(value, Value::Personal | Value::Omitted));
        for (_, value) in &mut record.fields {
            match value {
                Value::Bytes(id) => *value = Value::Pseudonym(pseudonym(key, id)),
                Value::Time(time) if times == Times::Year => {
                    let year = year(time.unix_seconds.saturating_mul(1_000));
                    *value = Value::Text(Untrusted::new(year));
                }
                Value::Number(_)
                | Value::Quantity(..)
                | Value::Text(_)
                | Value::Time(_)
                | Value::Pseudonym(_)
                | Value::Personal
                | Value::Omitted => {}
            }
        }
    }
}

/// The whole years in which an interval lies.
fn coarse(wall: Interval) -> Interval {
    let ((earliest_ms, _), (_, latest_ms)) =
        (year_span(wall.earliest_ms), year_span(wall.latest_ms));
    Interval { earliest_ms, latest_ms, ..wall }
}

/// What is taken from the numbers of records and sessions, so that they count from 1.
struct Numbers {
    seq: u64,
    session: u32,
}

impl Numbers {
    fn of(report: &LogReport) -> Self {
        let ranges = || report.ranges.iter().filter(|range| !range.is_place());
        let seqs = ranges().map(|range| range.first_seq);
        let sessions = ranges().map(|range| range.session);
        let seq = seqs.chain(report.records.iter().map(|record| record.seq)).min();
        let session = sessions.chain(report.records.iter().map(|record| record.session)).min();
        Self { seq: seq.unwrap_or(1), session: session.unwrap_or(1) }
    }

    const fn seq(&self, seq: u64) -> u64 {
        seq.saturating_add(1).saturating_sub(self.seq)
    }

    const fn session(&self, session: u32) -> u32 {
        session.saturating_add(1).saturating_sub(self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// HMAC-SHA-256 as another implementation gives it (Python's `hmac`), cut to 96 bits.
    #[test]
    fn a_pseudonym_is_the_head_of_an_hmac() {
        let file = format!("medsec-pseudonym-key-1 {}\n", "0b".repeat(32));
        let key = PseudonymKey::parse(file.as_bytes()).unwrap();
        let shown = crate::text::hex(&pseudonym(&key, &[0xab; 8]));
        assert_eq!(shown, "3bb56dcca12a89b8e05d3e57");
    }
}
