//! The registry of a maker's units: which exist, which keys and certificates they have, and that none of these is another's.
//!
//! A folder for its owner alone:
//!
//! | file | holds |
//! |---|---|
//! | `registry.db` | the tables and the chain of events, in SQLite; mode 0600 |
//! | `tag.key` | the key of the tags that stand for claim codes; mode 0600 |
//! | `proof.key` | the key that signs statements, under a passphrase; mode 0600 (`proof`) |
//! | `proof.pub` | its public half, for others |
//!
//! A unit is *pending* from [`reserve`](Registry::reserve) until [`seal`](Registry::seal), then *active*, *revoked*, *decommissioned*; a pending
//! unit that comes to nothing is *void*. Nothing is ever deleted. Each call is one transaction that is on the medium when it returns, and each may
//! be repeated after a power cut: with the same values it gives the same answer, with others it is refused.
//!
//! A claim code is not stored. What is kept of it is `HMAC-SHA-256(tag key, code)`, so that a code that comes twice is found and who copies the
//! database learns none. The key of the tags lies in a file of its own, beside the database and not under a passphrase: a station needs it with
//! nobody at hand. Codes have 128 bits, so that tags tell nothing even to who has both.
//!
//! An authority numbers its other certificates too: [`certified_by`](Registry::certified_by) says which numbers it has used, and a station writes
//! the number it got into the book of the authority before it signs.

mod backup;
mod chain;
mod error;
mod proof;
mod rows;
mod schema;
mod store;
mod tag;
#[cfg(test)]
mod tests;
mod verify;

use std::path::Path;

use medsec_core::agreement::AgreementKey;
use medsec_core::identity::certificate::{CERTIFICATE_BYTES, Certificate, Kind as CertificateKind};
use medsec_core::key::{PublicKey, device_id, sha256};

pub use self::backup::{MANIFEST, restore};
pub use self::chain::Head;
pub use self::error::{Fault, RegistryError};
pub use self::proof::{ProofKey, STATEMENT_BYTES, Statement};
pub use self::rows::{Row, State};
pub use self::verify::{Counts, Report};

use self::chain::Kind;
use self::store::{Store, Tx};
use self::tag::TagKey;
use crate::claim::ClaimCode;

const DATABASE: &str = "registry.db";
const TAG_KEY: &str = "tag.key";
const PROOF_KEY: &str = "proof.key";
const PROOF_PUBLIC: &str = "proof.pub";

/// Bytes of the longest reason.
pub const REASON_BYTES_MAX: usize = 200;
/// Bytes of the longest receipt.
pub const RECEIPT_BYTES_MAX: usize = 4_096;

/// A unit, as a station meets it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unit {
    /// The transaction: drawn by the station, and the same whenever it tries again.
    pub txn: [u8; 16],
    /// The serial number on its housing.
    pub serial: u64,
    /// The model.
    pub model: u32,
    /// The device id, which follows from model and signing key.
    pub device_id: [u8; 16],
    /// The number that the chip was made with.
    pub chip_id: [u8; 8],
    /// The public key it signs with.
    pub ed25519: [u8; 32],
    /// The public key for links.
    pub x25519: [u8; 32],
}

/// Who certifies the units that are reserved from now on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Issuer {
    /// The id of its key.
    pub kid: [u8; 8],
    /// The lowest number that it has not given to another certificate, as its book says.
    pub next_number: u32,
}

/// What a reservation gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserved {
    /// The number of the certificate, from 1 on.
    pub certificate_serial: u32,
    /// The id of the key that certifies.
    pub issuer: [u8; 8],
    /// The unit's state: pending, unless the transaction had gone on before.
    pub state: State,
    /// The certificate, if it was made before.
    pub certificate: Option<[u8; CERTIFICATE_BYTES]>,
}

/// A registry that is open. One program writes at a time, others wait.
pub struct Registry {
    store: Store,
    tag_key: TagKey,
    issuer: Option<Issuer>,
}

const ADD_META: &str = "INSERT INTO meta (one, registry, tag_key) VALUES (1, ?1, ?2)";
const META: &str = "SELECT registry, tag_key FROM meta";
const ADD_UNIT: &str = "INSERT INTO unit (txn, serial, model, device_id, chip_id, state) VALUES (?1, ?2, ?3, ?4, ?5, 'pending')";
const HAS_KEY: &str = "SELECT 1 FROM public_key WHERE bytes IN (?1, ?2)";
const ADD_KEY: &str = "INSERT INTO public_key (bytes, unit, kind) VALUES (?1, ?2, ?3)";
const ADD_CERTIFICATE: &str = "INSERT INTO certificate (unit, issuer, number) VALUES (?1, ?2, ?3)";
const LAST_NUMBER: &str = "SELECT coalesce(max(number), 0) FROM certificate WHERE issuer = ?1";
const CERTIFY: &str = "UPDATE certificate SET bytes = ?2 WHERE unit = ?1";
const PRINTED: &str = "SELECT tag FROM claim WHERE unit = ?1 AND state = 'printed'";
const VOID_CLAIM: &str = "UPDATE claim SET state = 'void' WHERE unit = ?1 AND state = 'printed'";
const ADD_CLAIM: &str = "INSERT INTO claim (tag, unit, state) VALUES (?1, ?2, 'printed')";
const SEAL_CLAIM: &str = "UPDATE claim SET state = 'sealed' WHERE unit = ?1 AND state = 'printed'";
const VOID_UNITS: &str = "SELECT count(*) FROM unit WHERE serial = ?1 AND state = 'void'";
const SEAL: &str = "UPDATE unit SET state = 'active', receipt = ?2 WHERE id = ?1";
const CHANGE: &str = "UPDATE unit SET state = ?2 WHERE id = ?1";

/// About a registry as a whole.
impl Registry {
    /// Makes a registry in a folder that does not exist or is empty.
    ///
    /// # Errors
    /// [`RegistryError::Exists`], or what the system says.
    pub fn create(path: &Path) -> Result<Self, RegistryError> {
        tag::private_folder(path)?;
        let tag_key = TagKey::draw()?;
        tag_key.write(&path.join(TAG_KEY))?;
        let mut store = Store::create(&tag::inside(path, DATABASE)?)?;
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|_| RegistryError::NoRandomness)?;
        let tx = store.write()?;
        tx.run(ADD_META, (id, tag_key.id()))?;
        let mut head = chain::head(&tx)?;
        let payload = [&schema::VERSION.to_le_bytes()[..], &tag_key.id()].concat();
        chain::append(&tx, &mut head, Kind::Created, &id, &payload, now())?;
        tx.commit()?;
        Ok(Self { store, tag_key, issuer: None })
    }

    /// Opens the registry in a folder, whose tables are as they were made and whose key is beside it.
    ///
    /// # Errors
    /// [`RegistryError::NotARegistry`], [`RegistryError::Changed`], or what the system says.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        if !path.join(DATABASE).is_file() || !path.join(TAG_KEY).is_file() {
            return Err(RegistryError::NotARegistry { what: "there are no files of one" });
        }
        let tag_key = TagKey::read(&path.join(TAG_KEY))?;
        let mut store = Store::open(&tag::inside(path, DATABASE)?)?;
        let tx = store.read()?;
        schema::check(&tx)?;
        let (_, key): ([u8; 16], [u8; 8]) =
            tx.one(META, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if key != tag_key.id() {
            return Err(RegistryError::Changed(Fault::TagKey));
        }
        drop(tx);
        Ok(Self { store, tag_key, issuer: None })
    }

    /// Whether others than the owner can read one of its secrets.
    #[must_use]
    pub fn is_wide(path: &Path) -> bool {
        [DATABASE, TAG_KEY, PROOF_KEY].iter().any(|name| crate::files::is_wide(&path.join(name)))
    }

    /// Names who certifies what is reserved from now on.
    pub const fn certified_by(&mut self, issuer: Issuer) {
        self.issuer = Some(issuer);
    }

    /// The registry's own id.
    ///
    /// # Errors
    /// What the database says.
    pub fn id(&mut self) -> Result<[u8; 16], RegistryError> {
        self.store.read()?.one(META, [], |row| row.get(0))
    }
}

/// What a station asks for, in this order.
impl Registry {
    /// The transaction in which the unit with this serial number is made: that of the row there is, or else a new one, which follows from the
    /// registry, the serial number and how often it was given up. So a station that was switched off before there was a row goes on with the same.
    ///
    /// # Errors
    /// What the database says.
    pub fn transaction(&mut self, serial: u64) -> Result<[u8; 16], RegistryError> {
        let tx = self.store.read()?;
        if let Some(row) = rows::by_serial(&tx, serial)?
            && row.state != State::Void
        {
            return Ok(row.unit.txn);
        }
        let id: [u8; 16] = tx.one(META, [], |row| row.get(0))?;
        let given_up: u32 = tx.one(VOID_UNITS, [serial.to_be_bytes()], |row| row.get(0))?;
        let text = b"medsec-registry-run-1";
        let hash = sha256(&[text, &id, &serial.to_le_bytes(), &given_up.to_le_bytes()]);
        let (front, _) = hash.split_first_chunk().ok_or(RegistryError::UnknownUnit)?;
        Ok(*front)
    }

    /// Gives a unit its row and the number of its certificate.
    ///
    /// # Errors
    /// For each value that another unit has, the error of its own; [`RegistryError::Transaction`] for the same transaction with other values.
    pub fn reserve(&mut self, unit: &Unit) -> Result<Reserved, RegistryError> {
        let mut all = self.reserve_all(core::slice::from_ref(unit))?;
        all.pop().ok_or(RegistryError::UnknownUnit)
    }

    /// As [`reserve`](Self::reserve), for many units: all of them or none.
    ///
    /// # Errors
    /// Those of [`reserve`](Self::reserve).
    pub fn reserve_all(&mut self, units: &[Unit]) -> Result<Vec<Reserved>, RegistryError> {
        let issuer = self.issuer.ok_or(RegistryError::NoIssuer)?;
        let tx = self.store.write()?;
        let mut head = chain::head(&tx)?;
        let all = units.iter().map(|unit| reserve(&tx, &mut head, unit, issuer));
        let all = all.collect::<Result<_, _>>()?;
        tx.commit()?;
        Ok(all)
    }

    /// Keeps the certificate of a unit; the first stays for ever, and comes back.
    ///
    /// # Errors
    /// [`RegistryError::ForeignCertificate`], [`RegistryError::OtherCertificate`], [`RegistryError::State`].
    pub fn certify(
        &mut self,
        txn: [u8; 16],
        certificate: &[u8; CERTIFICATE_BYTES],
    ) -> Result<[u8; CERTIFICATE_BYTES], RegistryError> {
        let tx = self.store.write()?;
        let row = rows::by_txn(&tx, &txn)?.ok_or(RegistryError::UnknownUnit)?;
        if let Some(kept) = row.certificate {
            let is_same = kept == *certificate;
            return is_same.then_some(kept).ok_or(RegistryError::OtherCertificate);
        }
        row.must_be(State::Pending)?;
        if !is_for(certificate, &row) {
            return Err(RegistryError::ForeignCertificate);
        }
        tx.run(CERTIFY, (row.id, &certificate[..]))?;
        record(&tx, Kind::Certified, &txn, &sha256(&[certificate]))?;
        tx.commit()?;
        Ok(*certificate)
    }

    /// Takes a claim code that is about to be printed. An earlier one of the unit is void from now on, and its row stays.
    ///
    /// # Errors
    /// [`RegistryError::ClaimCode`]: it is or was another's, or is void; [`RegistryError::NotCertified`], [`RegistryError::State`].
    pub fn label(&mut self, txn: [u8; 16], code: &ClaimCode) -> Result<(), RegistryError> {
        let tag = self.tag_key.tag(code);
        let tx = self.store.write()?;
        let row = rows::by_txn(&tx, &txn)?.ok_or(RegistryError::UnknownUnit)?;
        row.must_be(State::Pending)?;
        if row.certificate.is_none() {
            return Err(RegistryError::NotCertified);
        }
        if tx.first(PRINTED, [row.id], |row| row.get::<_, [u8; 32]>(0))? == Some(tag) {
            return Ok(());
        }
        tx.run(VOID_CLAIM, [row.id])?;
        tx.run(ADD_CLAIM, (tag, row.id))?;
        record(&tx, Kind::Labelled, &txn, &tag)?;
        tx.commit()
    }

    /// Closes a unit with the receipt that the device signed: it is active.
    ///
    /// # Errors
    /// [`RegistryError::NotLabelled`], [`RegistryError::OtherReceipt`], [`RegistryError::State`], [`RegistryError::Length`].
    pub fn seal(&mut self, txn: [u8; 16], receipt: &[u8]) -> Result<(), RegistryError> {
        if receipt.is_empty() || receipt.len() > RECEIPT_BYTES_MAX {
            return Err(RegistryError::Length);
        }
        let tx = self.store.write()?;
        let row = rows::by_txn(&tx, &txn)?.ok_or(RegistryError::UnknownUnit)?;
        if let Some(kept) = &row.receipt {
            return if kept == receipt { Ok(()) } else { Err(RegistryError::OtherReceipt) };
        }
        row.must_be(State::Pending)?;
        if tx.run(SEAL_CLAIM, [row.id])? != 1 {
            return Err(RegistryError::NotLabelled);
        }
        tx.run(SEAL, (row.id, receipt))?;
        record(&tx, Kind::Sealed, &txn, &sha256(&[receipt]))?;
        tx.commit()
    }

    /// Gives a pending unit up. Its serial number and its chip may be reserved again, with a new transaction and new keys.
    ///
    /// # Errors
    /// [`RegistryError::State`]: it is active, or was. [`RegistryError::Length`] of the reason.
    pub fn void(&mut self, txn: [u8; 16], reason: &str) -> Result<(), RegistryError> {
        check_reason(reason)?;
        let tx = self.store.write()?;
        let row = rows::by_txn(&tx, &txn)?.ok_or(RegistryError::UnknownUnit)?;
        if row.state == State::Void {
            return Ok(());
        }
        row.must_be(State::Pending)?;
        tx.run(VOID_CLAIM, [row.id])?;
        tx.run(CHANGE, (row.id, State::Void.word()))?;
        record(&tx, Kind::Voided, &txn, reason.as_bytes())?;
        tx.commit()
    }
}

/// What is asked about units, and what ends them.
impl Registry {
    /// All units, by serial number; of one serial number by age.
    ///
    /// # Errors
    /// What the database says.
    pub fn units(&mut self) -> Result<Vec<Row>, RegistryError> {
        rows::all(&self.store.read()?)
    }

    /// The unit with this serial number; of several, the one that is not void, or the last.
    ///
    /// # Errors
    /// What the database says.
    pub fn unit(&mut self, serial: u64) -> Result<Option<Row>, RegistryError> {
        rows::by_serial(&self.store.read()?, serial)
    }

    /// Marks an active unit as revoked.
    ///
    /// # Errors
    /// [`RegistryError::UnknownUnit`], [`RegistryError::State`], [`RegistryError::Length`] of the reason.
    pub fn revoke(&mut self, serial: u64, reason: &str) -> Result<Row, RegistryError> {
        self.end(serial, reason, State::Active, State::Revoked, Kind::Revoked)
    }

    /// Marks a revoked unit as decommissioned.
    ///
    /// # Errors
    /// As for [`revoke`](Self::revoke).
    pub fn decommission(&mut self, serial: u64, reason: &str) -> Result<Row, RegistryError> {
        self.end(serial, reason, State::Revoked, State::Decommissioned, Kind::Decommissioned)
    }

    fn end(
        &mut self,
        serial: u64,
        reason: &str,
        from: State,
        to: State,
        kind: Kind,
    ) -> Result<Row, RegistryError> {
        check_reason(reason)?;
        let tx = self.store.write()?;
        let row = rows::by_serial(&tx, serial)?.ok_or(RegistryError::UnknownUnit)?;
        if row.state == to {
            return Ok(row);
        }
        row.must_be(from)?;
        tx.run(CHANGE, (row.id, to.word()))?;
        record(&tx, kind, &row.unit.txn, reason.as_bytes())?;
        tx.commit()?;
        Ok(Row { state: to, reason: Some(reason.into()), ..row })
    }
}

/// One unit's part of a reservation.
fn reserve(
    tx: &Tx<'_>,
    head: &mut Head,
    unit: &Unit,
    issuer: Issuer,
) -> Result<Reserved, RegistryError> {
    if let Some(row) = rows::by_txn(tx, &unit.txn)? {
        if row.unit != *unit || row.issuer != issuer.kid {
            return Err(RegistryError::Transaction);
        }
        return Ok(Reserved {
            certificate_serial: row.certificate_number,
            issuer: row.issuer,
            state: row.state,
            certificate: row.certificate,
        });
    }
    let key = PublicKey::parse(&unit.ed25519).map_err(|_| RegistryError::OddUnit)?;
    AgreementKey::parse(&unit.x25519).map_err(|_| RegistryError::OddUnit)?;
    if unit.device_id != device_id(unit.model, &key) {
        return Err(RegistryError::OddUnit);
    }
    // Asked before the device id, which is the same whenever the key is: a key that comes twice is an alarm, and has to be told as one.
    if tx.first(HAS_KEY, (unit.ed25519, unit.x25519), |_| Ok(()))?.is_some() {
        return Err(RegistryError::Key);
    }
    let last: u32 = tx.one(LAST_NUMBER, [issuer.kid], |row| row.get(0))?;
    let number = last.checked_add(1).ok_or(RegistryError::NumbersUsedUp)?.max(issuer.next_number);
    insert(tx, unit, &issuer.kid, number)?;
    let payload = rows::encode(unit, &issuer.kid, number);
    chain::append(tx, head, Kind::Reserved, &unit.txn, &payload, now())?;
    Ok(Reserved {
        certificate_serial: number,
        issuer: issuer.kid,
        state: State::Pending,
        certificate: None,
    })
}

/// The rows of a unit. What the database refuses is what says that a value is another's.
fn insert(tx: &Tx<'_>, unit: &Unit, issuer: &[u8; 8], number: u32) -> Result<(), RegistryError> {
    let serial = unit.serial.to_be_bytes();
    tx.run(ADD_UNIT, (unit.txn, serial, unit.model, unit.device_id, unit.chip_id))?;
    let id = tx.last_id();
    tx.run(ADD_KEY, (unit.ed25519, id, "ed25519"))?;
    tx.run(ADD_KEY, (unit.x25519, id, "x25519"))?;
    tx.run(ADD_CERTIFICATE, (id, issuer, number))?;
    Ok(())
}

/// Whether a certificate is a device's, for the unit of this row.
fn is_for(certificate: &[u8; CERTIFICATE_BYTES], row: &Row) -> bool {
    let Ok(certificate) = Certificate::parse(certificate) else { return false };
    let claims = certificate.claims();
    let unit = &row.unit;
    claims.kind == CertificateKind::Device
        && (claims.serial, claims.issuer) == (row.certificate_number, row.issuer)
        && (claims.model, claims.subject) == (unit.model, unit.device_id)
        && certificate.signing_key().map(|key| key.to_bytes()) == Some(unit.ed25519)
        && certificate.agreement_key().map(|key| key.to_bytes()) == Some(unit.x25519)
}

fn record(tx: &Tx<'_>, kind: Kind, txn: &[u8; 16], payload: &[u8]) -> Result<(), RegistryError> {
    let mut head = chain::head(tx)?;
    chain::append(tx, &mut head, kind, txn, payload, now())
}

const fn check_reason(reason: &str) -> Result<(), RegistryError> {
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        return Err(RegistryError::Length);
    }
    Ok(())
}

/// Milliseconds since 1970, as this computer has them.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0)
}
