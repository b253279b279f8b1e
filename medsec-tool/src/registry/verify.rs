//! Whether a registry is what its events say, and everything in it is one unit's alone.
//!
//! The lives of all units are made twice: from the events alone, and from the tables alone. They have to be equal. What must be there once is
//! counted here, by sets, and not by asking the indexes that are to be checked.

use core::hash::Hash;
use std::collections::{HashMap, HashSet};

use medsec_core::key::sha256;

use super::chain::{self, Event, Head, Kind};
use super::error::{Fault, RegistryError};
use super::rows::{State, UNIT_BYTES, encode};
use super::store::Tx;
use super::{META, Registry, Unit, schema};

/// How many there are of each.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Counts {
    /// Units in each state, in the order of [`State::ALL`].
    pub by_state: [u64; 5],
    /// Different public keys; each unit has two.
    pub keys: u64,
    /// Different device ids.
    pub device_ids: u64,
    /// Different serial numbers of units that are not void.
    pub serials: u64,
    /// Different chips of units that are not void.
    pub chips: u64,
    /// Different numbers of certificates.
    pub certificates: u64,
    /// Different tags of claim codes.
    pub claim_tags: u64,
}

impl Counts {
    /// Units in all states.
    #[must_use]
    pub fn units(&self) -> u64 {
        self.by_state.iter().sum()
    }
}

/// What a check found to be right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The registry's id.
    pub registry: [u8; 16],
    /// What was counted.
    pub counts: Counts,
    /// Where the chain of events ends.
    pub head: Head,
}

/// The life of one unit, from the events or from the tables.
#[derive(Clone, PartialEq, Eq)]
struct Life {
    unit: [u8; UNIT_BYTES],
    certificate: Option<[u8; 32]>,
    state: State,
    receipt: Option<[u8; 32]>,
    /// Tags with what became of them, in the order of the tags.
    claims: Vec<([u8; 32], &'static str)>,
}

type Lives = HashMap<[u8; 16], Life>;

const UNITS: &str = "SELECT id, txn, serial, model, device_id, chip_id, state, receipt FROM unit NOT INDEXED ORDER BY id";
const KEYS: &str = "SELECT unit, kind, bytes FROM public_key";
const CERTIFICATES: &str = "SELECT unit, issuer, number, bytes FROM certificate NOT INDEXED";
const CLAIMS: &str = "SELECT unit, state, tag FROM claim";

impl Registry {
    /// Checks tables, storage, the chain of events, that the tables say what the events say, and that everything is one unit's alone.
    ///
    /// # Errors
    /// [`RegistryError::Changed`] with what was found first, or what the system says.
    pub fn verify(&mut self) -> Result<Report, RegistryError> {
        let tag_key = self.tag_key.id();
        let tx = self.store.read()?;
        schema::check(&tx)?;
        schema::check_storage(&tx)?;
        let (registry, key): ([u8; 16], [u8; 8]) =
            tx.one(META, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if key != tag_key {
            return Err(RegistryError::Changed(Fault::TagKey));
        }
        let (told, head) = from_events(&tx, &registry, &key)?;
        let (found, counts) = from_tables(&tx)?;
        if told != found {
            return Err(RegistryError::Changed(Fault::Row { table: "units" }));
        }
        Ok(Report { registry, counts, head })
    }

    /// Counts what there is, and that everything is one unit's alone. [`verify`](Self::verify) checks this too.
    ///
    /// # Errors
    /// [`Fault::Twice`], or what the system says.
    pub fn check_unique(&mut self) -> Result<Report, RegistryError> {
        let tx = self.store.read()?;
        let registry = tx.one(META, [], |row| row.get(0))?;
        let (_, counts) = from_tables(&tx)?;
        Ok(Report { registry, counts, head: chain::head(&tx)? })
    }
}

/// The lives that the events tell, and the end of their chain.
fn from_events(
    tx: &Tx<'_>,
    registry: &[u8; 16],
    tag_key: &[u8; 8],
) -> Result<(Lives, Head), RegistryError> {
    let created = [&schema::VERSION.to_le_bytes()[..], tag_key].concat();
    let mut lives = Lives::new();
    let head = chain::walk(tx, |event| {
        let is_first = event.number == 1;
        let fits = if is_first || event.kind == Kind::Created {
            is_first
                && event.kind == Kind::Created
                && (event.subject, &event.payload) == (*registry, &created)
        } else {
            tell(&mut lives, event).is_some()
        };
        fits.then_some(()).ok_or(RegistryError::Changed(Fault::Story { number: event.number }))
    })?;
    if head.number == 0 {
        return Err(RegistryError::Changed(Fault::Chain { number: 1 }));
    }
    Ok((lives, head))
}

/// What an event does to a life, if it can.
fn tell(lives: &mut Lives, event: &Event) -> Option<()> {
    let Event { kind, subject, payload, .. } = event;
    let digest = || <[u8; 32]>::try_from(&payload[..]).ok();
    if *kind == Kind::Reserved {
        let unit = payload[..].try_into().ok()?;
        let life = Life {
            unit,
            certificate: None,
            state: State::Pending,
            receipt: None,
            claims: Vec::new(),
        };
        return lives.insert(*subject, life).is_none().then_some(());
    }
    let life = lives.get_mut(subject)?;
    let mut change = |from, to| {
        let fits = life.state == from;
        life.state = to;
        fits.then_some(())
    };
    match kind {
        Kind::Certified => {
            change(State::Pending, State::Pending)?;
            life.certificate.is_none().then_some(())?;
            life.certificate = Some(digest()?);
        }
        Kind::Labelled => {
            change(State::Pending, State::Pending)?;
            life.certificate?;
            void_claims(life);
            life.claims.push((digest()?, "printed"));
            life.claims.sort_unstable();
        }
        Kind::Sealed => {
            change(State::Pending, State::Active)?;
            life.receipt = Some(digest()?);
            let printed = life.claims.iter_mut().find(|(_, state)| *state == "printed");
            printed?.1 = "sealed";
        }
        Kind::Voided => {
            change(State::Pending, State::Void)?;
            void_claims(life);
        }
        Kind::Revoked => change(State::Active, State::Revoked)?,
        Kind::Decommissioned => change(State::Revoked, State::Decommissioned)?,
        Kind::Created | Kind::Reserved => return None,
    }
    Some(())
}

fn void_claims(life: &mut Life) {
    for (_, state) in &mut life.claims {
        *state = "void";
    }
}

/// A unit of the tables while its parts are put together.
struct Found {
    unit: Unit,
    issuer: Option<([u8; 8], u32)>,
    keys: [Option<[u8; 32]>; 2],
    life: Life,
}

/// The lives that the tables hold, and how many there are of each thing; each is there once.
fn from_tables(tx: &Tx<'_>) -> Result<(Lives, Counts), RegistryError> {
    let row_fault = |table| RegistryError::Changed(Fault::Row { table });
    let mut found: HashMap<i64, Found> = HashMap::new();
    let mut counts = Counts::default();
    let (mut device_ids, mut serials, mut chips) = (Once::new(), Once::new(), Once::new());
    for (id, one) in tx.all(UNITS, [], unit_row)? {
        device_ids.add(one.unit.device_id, "device id")?;
        if one.life.state != State::Void {
            serials.add(one.unit.serial, "serial number")?;
            chips.add(one.unit.chip_id, "chip")?;
        }
        let index = State::ALL.iter().position(|state| *state == one.life.state);
        counts.by_state[index.unwrap_or(0)] += 1;
        found.insert(id, one);
    }
    let mut keys = Once::new();
    let rows: Vec<(i64, String, [u8; 32])> =
        tx.all(KEYS, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for (id, kind, key) in rows {
        keys.add(key, "public key")?;
        let one = found.get_mut(&id).ok_or_else(|| row_fault("keys"))?;
        let of_kind = &mut one.keys[usize::from(kind != "ed25519")];
        if of_kind.replace(key).is_some() {
            return Err(row_fault("keys"));
        }
    }
    let mut numbers = Once::new();
    type Certificate = (i64, [u8; 8], u32, Option<Vec<u8>>);
    let rows: Vec<Certificate> =
        tx.all(CERTIFICATES, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    for (id, issuer, number, bytes) in rows {
        numbers.add((issuer, number), "number of a certificate")?;
        let one = found.get_mut(&id).ok_or_else(|| row_fault("certificates"))?;
        one.issuer = Some((issuer, number));
        one.life.certificate = bytes.map(|bytes| sha256(&[&bytes]));
    }
    let mut tags = Once::new();
    let rows: Vec<(i64, String, [u8; 32])> =
        tx.all(CLAIMS, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for (id, state, tag) in rows {
        tags.add(tag, "claim code")?;
        let one = found.get_mut(&id).ok_or_else(|| row_fault("claims"))?;
        let states = ["printed", "sealed", "void"];
        let state = states.into_iter().find(|known| *known == state);
        one.life.claims.push((tag, state.ok_or_else(|| row_fault("claims"))?));
    }
    (counts.device_ids, counts.serials, counts.chips) =
        (device_ids.count(), serials.count(), chips.count());
    (counts.keys, counts.certificates, counts.claim_tags) =
        (keys.count(), numbers.count(), tags.count());
    let mut lives = Lives::new();
    for one in found.into_values() {
        let ([Some(ed25519), Some(x25519)], Some((issuer, number))) = (one.keys, one.issuer) else {
            return Err(row_fault("keys"));
        };
        let unit = Unit { ed25519, x25519, ..one.unit };
        let mut life = Life { unit: encode(&unit, &issuer, number), ..one.life };
        life.claims.sort_unstable();
        if lives.insert(unit.txn, life).is_some() {
            return Err(RegistryError::Changed(Fault::Twice { what: "transaction" }));
        }
    }
    Ok((lives, counts))
}

fn unit_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, Found)> {
    let unit = Unit {
        txn: row.get(1)?,
        serial: u64::from_be_bytes(row.get(2)?),
        model: row.get(3)?,
        device_id: row.get(4)?,
        chip_id: row.get(5)?,
        ed25519: [0; 32],
        x25519: [0; 32],
    };
    let receipt: Option<Vec<u8>> = row.get(7)?;
    let digest = receipt.as_ref().map(|receipt| sha256(&[receipt]));
    let life = Life {
        unit: [0; UNIT_BYTES],
        certificate: None,
        state: row.get(6)?,
        receipt: digest,
        claims: Vec::new(),
    };
    Ok((row.get(0)?, Found { unit, issuer: None, keys: [None, None], life }))
}

/// Values that may be there once.
struct Once<T>(HashSet<T>);

impl<T: Eq + Hash> Once<T> {
    fn new() -> Self {
        Self(HashSet::new())
    }

    fn add(&mut self, value: T, what: &'static str) -> Result<(), RegistryError> {
        let is_new = self.0.insert(value);
        is_new.then_some(()).ok_or(RegistryError::Changed(Fault::Twice { what }))
    }

    fn count(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }
}
