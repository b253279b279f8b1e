//! What only the inside of a registry can be asked.

use medsec_core::Secret;
use medsec_core::key::DeviceKey;

use super::*;

const KID: [u8; 8] = [7; 8];

fn unit(seed: u8) -> Unit {
    let key = DeviceKey::from_seed(&Secret::new([seed; 32])).public();
    Unit {
        txn: [seed; 16],
        serial: seed.into(),
        model: 1,
        device_id: device_id(1, &key),
        chip_id: [seed; 8],
        ed25519: key.to_bytes(),
        x25519: [seed; 32],
    }
}

fn registry() -> (tempfile::TempDir, Registry) {
    let dir = tempfile::tempdir().unwrap();
    let mut registry = Registry::create(&dir.path().join("registry")).unwrap();
    registry.certified_by(Issuer { kid: KID, next_number: 1 });
    (dir, registry)
}

/// The number of a certificate and the id of a device are never chosen by who reserves; the tables refuse a second one all the same.
#[test]
fn a_number_or_an_id_that_comes_twice_is_refused_by_the_tables() {
    let (_dir, mut registry) = registry();
    registry.reserve(&unit(1)).unwrap();
    let tx = registry.store.write().unwrap();
    let same_id = Unit { device_id: unit(1).device_id, ..unit(2) };
    assert_eq!(insert(&tx, &same_id, &KID, 2), Err(RegistryError::DeviceId));
    drop(tx);
    let tx = registry.store.write().unwrap();
    assert_eq!(insert(&tx, &unit(2), &KID, 1), Err(RegistryError::CertificateNumber));
    drop(tx);
    let tx = registry.store.write().unwrap();
    assert_eq!(insert(&tx, &unit(2), &[8; 8], 1), Ok(()));
    tx.commit().unwrap();
}

#[test]
fn a_connection_is_set_to_be_careful() {
    let (_dir, mut registry) = registry();
    let tx = registry.store.write().unwrap();
    let number = |sql| tx.one(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT synchronous FROM pragma_synchronous"), 2);
    assert_eq!(number("SELECT foreign_keys FROM pragma_foreign_keys"), 1);
    assert_eq!(number("SELECT secure_delete FROM pragma_secure_delete"), 1);
    assert_eq!(number("SELECT trusted_schema FROM pragma_trusted_schema"), 0);
    assert_eq!(number("SELECT cell_size_check FROM pragma_cell_size_check"), 1);
    let journal: String =
        tx.one("SELECT journal_mode FROM pragma_journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(journal, "wal");
    drop(tx);
    // Defensive: the schema is not written to, even by who asks for it.
    let tx = registry.store.read().unwrap();
    drop(tx.run("PRAGMA writable_schema = ON", []));
    let planted = tx.run("UPDATE sqlite_schema SET sql = 'x' WHERE name = 'event_stays'", []);
    assert_ne!(planted.err(), None);
}

/// An authority may number certificates from elsewhere too, and its last number is the last.
#[test]
fn numbers_of_certificates_begin_behind_the_book_and_end() {
    let (_dir, mut registry) = registry();
    assert_eq!(registry.reserve(&unit(1)).unwrap().certificate_serial, 1);
    registry.certified_by(Issuer { kid: KID, next_number: 10 });
    assert_eq!(registry.reserve(&unit(2)).unwrap().certificate_serial, 10);
    assert_eq!(registry.reserve(&unit(3)).unwrap().certificate_serial, 11);
    registry.certified_by(Issuer { kid: [9; 8], next_number: 0 });
    assert_eq!(registry.reserve(&unit(4)).unwrap().certificate_serial, 1);
    registry.certified_by(Issuer { kid: KID, next_number: u32::MAX });
    assert_eq!(registry.reserve(&unit(5)).unwrap().certificate_serial, u32::MAX);
    assert_eq!(registry.reserve(&unit(6)), Err(RegistryError::NumbersUsedUp));
    registry.verify().unwrap();
}

/// The line of the golden file that begins with this word.
fn golden(word: &str) -> &'static str {
    let file = include_str!("../../tests/registry/golden/registry_v1.txt");
    let line = file.lines().find_map(|line| line.strip_prefix(word)?.strip_prefix(' '));
    line.unwrap()
}

#[test]
fn codes_tags_events_and_statements_are_those_of_version_1() {
    use crate::text::hex;
    let code: [u8; 16] = core::array::from_fn(|at| 0xf0 + u8::try_from(at).unwrap());
    let code = ClaimCode::new(Secret::new(code));
    assert_eq!(*code.to_text(), golden("code"));
    let tag_key = TagKey::new([0x11; 32]);
    assert_eq!(hex(&tag_key.tag(&code)), golden("tag"));
    assert_eq!(hex(&tag_key.id()), golden("tag-key-id"));
    let (mut registry, key) = (registry(), DeviceKey::from_seed(&Secret::new([7; 32])));
    let unit = Unit {
        txn: [0x66; 16],
        serial: 42,
        model: 7,
        device_id: device_id(7, &key.public()),
        chip_id: [0x33; 8],
        ed25519: key.public().to_bytes(),
        x25519: [0x44; 32],
    };
    let created = [&1_u32.to_le_bytes()[..], &tag_key.id()].concat();
    let reserved = rows::encode(&unit, &[0x55; 8], 9);
    let at = 1_764_504_000_000;
    // On a chain of its own, beside the one of the registry.
    let tx = registry.1.store.write().unwrap();
    tx.run("DROP TRIGGER event_remains", []).unwrap();
    tx.run("DELETE FROM event", []).unwrap();
    let mut head = chain::head(&tx).unwrap();
    let events: [(Kind, [u8; 16], &[u8], u64); 3] = [
        (Kind::Created, [0x22; 16], &created, at),
        (Kind::Reserved, unit.txn, &reserved, at + 1),
        // The clock went back; the time does not.
        (Kind::Voided, unit.txn, "void: l\u{f6}tbr\u{fc}cke".as_bytes(), at - 1),
    ];
    for (kind, subject, payload, now) in events {
        chain::append(&tx, &mut head, kind, &subject, payload, now).unwrap();
        assert_eq!(hex(&head.hash), golden(&format!("event-{}", head.number)));
    }
    let counts = Counts {
        by_state: [2, 0, 0, 0, 1],
        keys: 6,
        device_ids: 3,
        serials: 2,
        chips: 2,
        certificates: 3,
        claim_tags: 1,
    };
    let report = Report { registry: [0x22; 16], counts, head };
    let statement = Statement::sign(&report, &ProofKey::new(key)).unwrap();
    assert_eq!(statement.to_file(), format!("{}\n", golden("statement")));
}
