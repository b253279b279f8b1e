//! The tables of a registry, and that they are as they were made.
//!
//! What may be there once is `UNIQUE`; which state follows which, and that nothing is ever deleted, is said by triggers, so that no program that
//! opens the file in good faith can do otherwise. Who drops them on purpose is found by the chain of events (`chain`).

use rusqlite::Connection;

use super::error::{Fault, RegistryError};
use super::store::Tx;

/// `MSRG`: what the file says it is.
pub(super) const APPLICATION_ID: i32 = 0x4d53_5247;
/// Version of these tables.
pub(super) const VERSION: i32 = 1;

/// Everything there is in the database. The serial number is big-endian, so that it sorts.
///
/// A unit that came to nothing, `void`, keeps its row, its keys and its device id for ever; its serial number and its chip are of the housing and the
/// board, and may come again with new keys.
pub(super) const SCHEMA: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    registry BLOB NOT NULL CHECK (length(registry) = 16),
    tag_key BLOB NOT NULL CHECK (length(tag_key) = 8)
) STRICT;
CREATE TABLE unit (
    id INTEGER PRIMARY KEY,
    txn BLOB NOT NULL UNIQUE CHECK (length(txn) = 16),
    serial BLOB NOT NULL CHECK (length(serial) = 8),
    model INTEGER NOT NULL CHECK (model BETWEEN 0 AND 4294967295),
    device_id BLOB NOT NULL UNIQUE CHECK (length(device_id) = 16),
    chip_id BLOB NOT NULL CHECK (length(chip_id) = 8),
    state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'revoked', 'decommissioned', 'void')),
    receipt BLOB CHECK (length(receipt) BETWEEN 1 AND 4096),
    CHECK ((receipt IS NULL) = (state IN ('pending', 'void')))
) STRICT;
CREATE UNIQUE INDEX unit_serial ON unit (serial) WHERE state <> 'void';
CREATE UNIQUE INDEX unit_chip ON unit (chip_id) WHERE state <> 'void';
CREATE TABLE public_key (
    bytes BLOB NOT NULL PRIMARY KEY CHECK (length(bytes) = 32),
    unit INTEGER NOT NULL REFERENCES unit (id),
    kind TEXT NOT NULL CHECK (kind IN ('ed25519', 'x25519')),
    UNIQUE (unit, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE certificate (
    unit INTEGER PRIMARY KEY REFERENCES unit (id),
    issuer BLOB NOT NULL CHECK (length(issuer) = 8),
    number INTEGER NOT NULL CHECK (number BETWEEN 1 AND 4294967295),
    bytes BLOB CHECK (length(bytes) = 184),
    UNIQUE (issuer, number)
) STRICT;
CREATE TABLE claim (
    tag BLOB NOT NULL PRIMARY KEY CHECK (length(tag) = 32),
    unit INTEGER NOT NULL REFERENCES unit (id),
    state TEXT NOT NULL CHECK (state IN ('printed', 'sealed', 'void'))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX claim_of_unit ON claim (unit) WHERE state <> 'void';
CREATE TABLE event (
    number INTEGER PRIMARY KEY CHECK (number >= 1),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 8),
    subject BLOB NOT NULL CHECK (length(subject) = 16),
    at INTEGER NOT NULL CHECK (at >= 0),
    payload BLOB NOT NULL CHECK (length(payload) <= 256),
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX event_subject ON event (subject, number);
CREATE TRIGGER meta_stays BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'meta never changes'); END;
CREATE TRIGGER meta_remains BEFORE DELETE ON meta BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
CREATE TRIGGER unit_begins BEFORE INSERT ON unit WHEN NEW.state <> 'pending'
    BEGIN SELECT RAISE(ABORT, 'a unit begins as pending'); END;
CREATE TRIGGER unit_stays BEFORE UPDATE OF id, txn, serial, model, device_id, chip_id ON unit
    BEGIN SELECT RAISE(ABORT, 'what a unit is never changes'); END;
CREATE TRIGGER unit_goes_on BEFORE UPDATE OF state ON unit
    WHEN (OLD.state || '-' || NEW.state) NOT IN ('pending-active', 'pending-void', 'active-revoked', 'revoked-decommissioned')
    BEGIN SELECT RAISE(ABORT, 'no such change of state'); END;
CREATE TRIGGER unit_receipt BEFORE UPDATE OF receipt ON unit WHEN OLD.receipt IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a receipt never changes'); END;
CREATE TRIGGER unit_remains BEFORE DELETE ON unit BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
CREATE TRIGGER public_key_stays BEFORE UPDATE ON public_key BEGIN SELECT RAISE(ABORT, 'a key never changes'); END;
CREATE TRIGGER public_key_remains BEFORE DELETE ON public_key BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
CREATE TRIGGER certificate_stays BEFORE UPDATE ON certificate
    WHEN OLD.bytes IS NOT NULL OR NEW.unit <> OLD.unit OR NEW.issuer <> OLD.issuer OR NEW.number <> OLD.number
    BEGIN SELECT RAISE(ABORT, 'a certificate never changes'); END;
CREATE TRIGGER certificate_remains BEFORE DELETE ON certificate BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
CREATE TRIGGER claim_begins BEFORE INSERT ON claim WHEN NEW.state <> 'printed'
    BEGIN SELECT RAISE(ABORT, 'a claim begins as printed'); END;
CREATE TRIGGER claim_stays BEFORE UPDATE ON claim
    WHEN OLD.state <> 'printed' OR NEW.state = 'printed' OR NEW.tag <> OLD.tag OR NEW.unit <> OLD.unit
    BEGIN SELECT RAISE(ABORT, 'no such change of a claim'); END;
CREATE TRIGGER claim_remains BEFORE DELETE ON claim BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
CREATE TRIGGER event_follows BEFORE INSERT ON event
    WHEN NEW.number <> (SELECT coalesce(max(number), 0) + 1 FROM event)
        OR NEW.previous <> coalesce((SELECT hash FROM event WHERE number = NEW.number - 1), zeroblob(32))
    BEGIN SELECT RAISE(ABORT, 'an event follows the last'); END;
CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'an event never changes'); END;
CREATE TRIGGER event_remains BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'nothing is deleted'); END;
PRAGMA application_id = 0x4d535247;
PRAGMA user_version = 1;
";

const OBJECTS: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
const APPLICATION: &str = "SELECT application_id FROM pragma_application_id";
const USER_VERSION: &str = "SELECT user_version FROM pragma_user_version";
/// Not the quick one, which takes no notice of an index that lacks what its table holds.
const INTEGRITY_CHECK: &str = "SELECT integrity_check FROM pragma_integrity_check";
const FOREIGN_KEYS: &str = "SELECT count(*) FROM pragma_foreign_key_check";

/// Type, name, table and text of each object.
type Objects = Vec<(String, String, String, Option<String>)>;

fn objects(tx: &Tx<'_>) -> Result<Objects, RegistryError> {
    tx.all(OBJECTS, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
}

/// That the file is a registry of this version, and has the tables, indexes and triggers of one, and no others.
pub(super) fn check(tx: &Tx<'_>) -> Result<(), RegistryError> {
    let application: i32 = tx.one(APPLICATION, [], |row| row.get(0))?;
    let version: i32 = tx.one(USER_VERSION, [], |row| row.get(0))?;
    if (application, version) != (APPLICATION_ID, VERSION) {
        return Err(RegistryError::NotARegistry { what: "its mark or its version" });
    }
    let mut fresh = Connection::open_in_memory()?;
    fresh.execute_batch(SCHEMA)?;
    let made = objects(&Tx::read(&mut fresh)?)?;
    if made != objects(tx)? {
        return Err(RegistryError::Changed(Fault::Schema));
    }
    Ok(())
}

/// That pages, indexes and references of the file are sound.
pub(super) fn check_storage(tx: &Tx<'_>) -> Result<(), RegistryError> {
    let says: Vec<String> = tx.all(INTEGRITY_CHECK, [], |row| row.get(0))?;
    let orphans: i64 = tx.one(FOREIGN_KEYS, [], |row| row.get(0))?;
    if says != ["ok"] || orphans != 0 {
        return Err(RegistryError::Changed(Fault::Storage));
    }
    Ok(())
}
