//! Units as the tables have them.

use core::fmt;

use medsec_core::identity::certificate::CERTIFICATE_BYTES;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ValueRef};

use super::Unit;
use super::error::RegistryError;
use super::store::Tx;
use crate::untrusted::Untrusted;

/// Where a unit is in its life, as the maker has it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum State {
    /// It was reserved, and its device has not confirmed yet.
    Pending,
    /// Its device has signed that it is provisioned.
    Active,
    /// Its certificate no longer holds.
    Revoked,
    /// It is out of use.
    Decommissioned,
    /// It came to nothing before it was active.
    Void,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Active, Self::Revoked, Self::Decommissioned, Self::Void];

    /// The word for it, also in the tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Decommissioned => "decommissioned",
            Self::Void => "void",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let word = value.as_str()?;
        let state = Self::ALL.into_iter().find(|state| state.word() == word);
        state.ok_or(FromSqlError::InvalidType)
    }
}

/// One unit of the registry.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Row {
    pub(super) id: i64,
    /// What it is.
    pub unit: Unit,
    /// Its state.
    pub state: State,
    /// The id of the key that certifies it.
    pub issuer: [u8; 8],
    /// The number of its certificate.
    pub certificate_number: u32,
    /// Its certificate, once there is one.
    pub certificate: Option<[u8; CERTIFICATE_BYTES]>,
    /// Whether it has a claim code that holds.
    pub is_labelled: bool,
    /// What its device signed in the end.
    pub receipt: Option<Vec<u8>>,
    /// Why it was given up, revoked or decommissioned.
    pub reason: Option<Untrusted>,
}

impl Row {
    /// That the unit is in this state.
    pub(super) const fn must_be(&self, state: State) -> Result<(), RegistryError> {
        match (self.state, state) {
            (State::Pending, State::Pending)
            | (State::Active, State::Active)
            | (State::Revoked, State::Revoked)
            | (State::Decommissioned, State::Decommissioned)
            | (State::Void, State::Void) => Ok(()),
            (is, _) => Err(RegistryError::State { is }),
        }
    }
}

/// Bytes of a unit in an event.
pub(super) const UNIT_BYTES: usize = 112;

/// A unit as the event of its reservation has it: serial number u64, model u32, device id 16, chip 8, Ed25519 key 32, X25519 key 32, issuer 8,
/// number of the certificate u32, little-endian.
pub(super) fn encode(unit: &Unit, issuer: &[u8; 8], number: u32) -> [u8; UNIT_BYTES] {
    let parts: [&[u8]; 8] = [
        &unit.serial.to_le_bytes(),
        &unit.model.to_le_bytes(),
        &unit.device_id,
        &unit.chip_id,
        &unit.ed25519,
        &unit.x25519,
        issuer,
        &number.to_le_bytes(),
    ];
    let mut bytes = [0; UNIT_BYTES];
    for (to, from) in bytes.iter_mut().zip(parts.concat()) {
        *to = from;
    }
    bytes
}

macro_rules! units {
    ($rest:literal) => {
        concat!(
            "SELECT unit.id, txn, unit.serial, model, device_id, chip_id, unit.state, receipt, issuer, number, certificate.bytes,
                (SELECT bytes FROM public_key WHERE unit = unit_id AND kind = 'ed25519'),
                (SELECT bytes FROM public_key WHERE unit = unit_id AND kind = 'x25519'),
                EXISTS (SELECT 1 FROM claim WHERE claim.unit = unit_id AND claim.state <> 'void'),
                (SELECT payload FROM event WHERE subject = txn AND kind BETWEEN 6 AND 8 ORDER BY event.number DESC LIMIT 1)
            FROM (SELECT *, id AS unit_id FROM unit) AS unit LEFT JOIN certificate ON certificate.unit = unit.id ",
            $rest
        )
    };
}

const BY_TXN: &str = units!("WHERE txn = ?1");
const BY_SERIAL: &str =
    units!("WHERE unit.serial = ?1 ORDER BY unit.state = 'void', unit.id DESC LIMIT 1");
const ALL: &str = units!("ORDER BY unit.serial, unit.id");

pub(super) fn by_txn(tx: &Tx<'_>, txn: &[u8; 16]) -> Result<Option<Row>, RegistryError> {
    tx.first(BY_TXN, [txn], row)
}

pub(super) fn by_serial(tx: &Tx<'_>, serial: u64) -> Result<Option<Row>, RegistryError> {
    tx.first(BY_SERIAL, [serial.to_be_bytes()], row)
}

pub(super) fn all(tx: &Tx<'_>) -> Result<Vec<Row>, RegistryError> {
    tx.all(ALL, [], row)
}

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let reason: Option<Vec<u8>> = row.get(14)?;
    Ok(Row {
        id: row.get(0)?,
        unit: Unit {
            txn: row.get(1)?,
            serial: u64::from_be_bytes(row.get(2)?),
            model: row.get(3)?,
            device_id: row.get(4)?,
            chip_id: row.get(5)?,
            ed25519: row.get(11)?,
            x25519: row.get(12)?,
        },
        state: row.get(6)?,
        receipt: row.get(7)?,
        issuer: row.get(8)?,
        certificate_number: row.get(9)?,
        certificate: row.get(10)?,
        is_labelled: row.get(13)?,
        reason: reason.map(|reason| Untrusted::from_bytes(&reason)),
    })
}
