//! Units, their certificates, and a registry in a folder.

use std::path::PathBuf;

use medsec_core::Secret;
use medsec_core::agreement::AgreementKey;
use medsec_core::identity::certificate::{Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::key::{DeviceKey, PublicKey, device_id, sha256};
use medsec_tool::claim::ClaimCode;
use medsec_tool::registry::{Issuer, Registry, RegistryError, Reserved, Unit};

pub(crate) const MODEL: u32 = 0x5055_4d50;

pub(crate) fn authority() -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([0xa5; 32]))
}

pub(crate) fn issuer() -> Issuer {
    Issuer { kid: authority().public().kid(), next_number: 1 }
}

fn drawn(what: &str, number: u64) -> [u8; 32] {
    sha256(&[what.as_bytes(), &number.to_le_bytes()])
}

/// The unit with this serial number, as the same station meets it again and again.
pub(crate) fn unit(serial: u64) -> Unit {
    rebuilt(serial, serial)
}

/// A unit with this serial number and chip, in a transaction and with keys of its own.
pub(crate) fn rebuilt(serial: u64, keys: u64) -> Unit {
    let key = DeviceKey::from_seed(&Secret::new(drawn("signs", keys))).public();
    let mut x25519 = drawn("agrees", keys);
    x25519[31] &= 0x3f;
    let (txn, chip) = (drawn("txn", keys), drawn("chip", serial));
    Unit {
        txn: txn[..16].try_into().unwrap(),
        serial,
        model: MODEL,
        device_id: device_id(MODEL, &key),
        chip_id: chip[..8].try_into().unwrap(),
        ed25519: key.to_bytes(),
        x25519,
    }
}

/// The unit with the same keys as another model, which gives it another id.
pub(crate) fn remodelled(unit: &Unit, model: u32) -> Unit {
    let key = PublicKey::parse(&unit.ed25519).unwrap();
    Unit { model, device_id: device_id(model, &key), ..*unit }
}

pub(crate) fn certificate(unit: &Unit, number: u32) -> [u8; 184] {
    let claims = Claims {
        kind: Kind::Device,
        suites: 1,
        is_test: false,
        serial: number,
        issuer: issuer().kid,
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 0,
        may_issue: Kinds::NONE,
        model: unit.model,
        scope: NO_SCOPE,
        subject: unit.device_id,
    };
    let agreement = AgreementKey::parse(&unit.x25519).unwrap();
    let signing = PublicKey::parse(&unit.ed25519).unwrap();
    let unsigned = Unsigned::new(claims, Some(&agreement), Some(&signing)).unwrap();
    unsigned.sign(&authority()).unwrap().to_bytes()
}

pub(crate) fn code(number: u64) -> ClaimCode {
    let drawn = drawn("code", number);
    ClaimCode::new(Secret::new(drawn[..16].try_into().unwrap()))
}

pub(crate) fn receipt(unit: &Unit) -> Vec<u8> {
    [&b"sealed "[..], &unit.device_id].concat()
}

/// All that a station does for a unit.
pub(crate) fn provision(registry: &mut Registry, unit: &Unit) -> Result<Reserved, RegistryError> {
    let reserved = registry.reserve(unit)?;
    registry.certify(unit.txn, &certificate(unit, reserved.certificate_serial))?;
    registry.label(unit.txn, &code(unit.serial))?;
    registry.seal(unit.txn, &receipt(unit))?;
    Ok(reserved)
}

pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) registry: Registry,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut registry = Registry::create(&dir.path().join("registry")).unwrap();
        registry.certified_by(issuer());
        Self { dir, registry }
    }

    /// With units 1 to `count` that are active.
    pub(crate) fn with(count: u64) -> Self {
        let mut bench = Self::new();
        for serial in 1..=count {
            provision(&mut bench.registry, &unit(serial)).unwrap();
        }
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The database, as somebody opens it who has the file and no respect for it.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("registry/registry.db")).unwrap()
    }
}
