//! The events of a registry, each of which holds the hash of the one before.
//!
//! An event's hash is SHA-256(`medsec-registry-event-1`, padded with zeros to 32 bytes || previous hash 32 || number u64 || kind u16 ||
//! subject 16 || at u64 || length of the payload u32 || payload), numbers little-endian; the hash before the first is zero. The payload says all
//! that the event changed, so that the tables can be made again from the events alone, and are compared with what they would be (`verify`).

use medsec_core::key::sha256;
use rusqlite::Row;

use super::error::{Fault, RegistryError};
use super::store::Tx;

const HASH_TEXT: &[u8; 32] = b"medsec-registry-event-1\0\0\0\0\0\0\0\0\0";

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The registry was made; payload: version u32, id of the key of the tags 8.
    Created,
    /// A unit has its row; payload: the unit and its number (`Unit`).
    Reserved,
    /// A unit has its certificate; payload: SHA-256 of it.
    Certified,
    /// A unit has a claim code, and one from before is void; payload: its tag.
    Labelled,
    /// A unit is active; payload: SHA-256 of the receipt.
    Sealed,
    /// A pending unit came to nothing; payload: why.
    Voided,
    /// A unit is revoked; payload: why.
    Revoked,
    /// A unit is decommissioned; payload: why.
    Decommissioned,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Created,
        Self::Reserved,
        Self::Certified,
        Self::Labelled,
        Self::Sealed,
        Self::Voided,
        Self::Revoked,
        Self::Decommissioned,
    ];

    const fn code(self) -> u16 {
        match self {
            Self::Created => 1,
            Self::Reserved => 2,
            Self::Certified => 3,
            Self::Labelled => 4,
            Self::Sealed => 5,
            Self::Voided => 6,
            Self::Revoked => 7,
            Self::Decommissioned => 8,
        }
    }
}

/// One event, whose hash fits.
pub(super) struct Event {
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) subject: [u8; 16],
    pub(super) payload: Vec<u8>,
}

/// The end of a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Number of the last event.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// When it was recorded, in ms since 1970.
    pub at: u64,
}

impl Head {
    const NONE: Self = Self { number: 0, hash: [0; 32], at: 0 };
}

const LAST: &str = "SELECT number, hash, at FROM event ORDER BY number DESC LIMIT 1";
const APPEND: &str = "INSERT INTO event (number, kind, subject, at, payload, previous, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const ALL: &str =
    "SELECT number, kind, subject, at, payload, previous, hash FROM event ORDER BY number";
const HASH_OF: &str = "SELECT hash FROM event WHERE number = ?1";

/// The end of the chain.
pub(super) fn head(tx: &Tx<'_>) -> Result<Head, RegistryError> {
    let last = tx.first(LAST, [], |row| {
        Ok(Head { number: number(row, 0)?, hash: row.get(1)?, at: number(row, 2)? })
    })?;
    Ok(last.unwrap_or(Head::NONE))
}

/// The hash of one event.
pub(super) fn hash_of(tx: &Tx<'_>, number: u64) -> Result<Option<[u8; 32]>, RegistryError> {
    let Ok(number) = i64::try_from(number) else { return Ok(None) };
    tx.first(HASH_OF, [number], |row| row.get(0))
}

/// Writes an event behind `head`, and moves it. The time never goes back, whatever the clock says.
pub(super) fn append(
    tx: &Tx<'_>,
    head: &mut Head,
    kind: Kind,
    subject: &[u8; 16],
    payload: &[u8],
    now: u64,
) -> Result<(), RegistryError> {
    let next = Head { number: head.number + 1, hash: [0; 32], at: now.max(head.at) };
    let hash = hash(&head.hash, next.number, kind.code(), subject, next.at, payload);
    let [number, at] = [next.number, next.at].map(i64::try_from);
    let (Ok(number), Ok(at)) = (number, at) else {
        return Err(RegistryError::Changed(Fault::Chain { number: next.number }));
    };
    tx.run(APPEND, (number, kind.code(), subject, at, payload, head.hash, hash))?;
    *head = Head { hash, ..next };
    Ok(())
}

/// Gives each event to `take`, in order, once its hash and its place were found good; returns the end of the chain.
pub(super) fn walk(
    tx: &Tx<'_>,
    mut take: impl FnMut(&Event) -> Result<(), RegistryError>,
) -> Result<Head, RegistryError> {
    let mut head = Head::NONE;
    for Stored { event, code, at, previous, hash: stored } in tx.all(ALL, [], stored)? {
        let expected = head.number + 1;
        let fits =
            stored == hash(&previous, event.number, code, &event.subject, at, &event.payload);
        let follows = event.number == expected && previous == head.hash && at >= head.at;
        if !fits || !follows {
            return Err(RegistryError::Changed(Fault::Chain { number: expected }));
        }
        take(&event)?;
        head = Head { number: event.number, hash: stored, at };
    }
    Ok(head)
}

/// An event as the table has it.
struct Stored {
    event: Event,
    code: u16,
    at: u64,
    previous: [u8; 32],
    hash: [u8; 32],
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let code: u16 = row.get(1)?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.code() == code);
    let kind = kind.ok_or(rusqlite::Error::IntegralValueOutOfRange(1, code.into()))?;
    let event = Event { number: number(row, 0)?, kind, subject: row.get(2)?, payload: row.get(4)? };
    Ok(Stored { event, code, at: number(row, 3)?, previous: row.get(5)?, hash: row.get(6)? })
}

fn hash(
    previous: &[u8; 32],
    number: u64,
    kind: u16,
    subject: &[u8; 16],
    at: u64,
    payload: &[u8],
) -> [u8; 32] {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    sha256(&[
        HASH_TEXT,
        previous,
        &number.to_le_bytes(),
        &kind.to_le_bytes(),
        subject,
        &at.to_le_bytes(),
        &length.to_le_bytes(),
        payload,
    ])
}

/// A number that is never negative.
pub(super) fn number(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(index)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, number))
}
