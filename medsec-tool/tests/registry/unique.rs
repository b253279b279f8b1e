//! Each thing that is one unit's alone, taken by a second.

use std::time::Instant;

use medsec_tool::registry::{RegistryError, State, Unit};

use crate::support::{Bench, certificate, code, rebuilt, remodelled, unit};

/// Every way to take what is another's is refused by its own error, and leaves nothing behind.
#[test]
fn each_collision_is_refused_by_its_own_error() {
    let mut bench = Bench::with(8);
    let before = bench.registry.verify().unwrap();
    // Keys that sign which are also the one encoding of a key for links.
    let is_both = |unit: &Unit| unit.ed25519[31] < 0x7f;
    let first = (1..=8).map(unit).find(is_both).unwrap();
    let fresh = (20..).map(unit).find(is_both).unwrap();
    let twin = Unit { ed25519: first.ed25519, device_id: first.device_id, ..fresh };
    let cases = vec![
        ("transaction", Unit { txn: first.txn, ..fresh }, RegistryError::Transaction),
        ("serial number", Unit { serial: first.serial, ..fresh }, RegistryError::Serial),
        ("chip", Unit { chip_id: first.chip_id, ..fresh }, RegistryError::Chip),
        ("key for links", Unit { x25519: first.x25519, ..fresh }, RegistryError::Key),
        ("a key that signs for links", Unit { x25519: first.ed25519, ..fresh }, RegistryError::Key),
        ("key that signs", twin, RegistryError::Key),
        (
            "key that signs, model",
            Unit {
                chip_id: fresh.chip_id,
                serial: fresh.serial,
                txn: fresh.txn,
                x25519: fresh.x25519,
                ..remodelled(&first, 5)
            },
            RegistryError::Key,
        ),
        ("one key for both", Unit { x25519: fresh.ed25519, ..fresh }, RegistryError::Key),
    ];
    let mut refused = 0;
    for (what, unit, why) in cases {
        assert_eq!(bench.registry.reserve(&unit), Err(why), "{what}");
        refused += 1;
    }
    let mut used = fresh;
    let number = bench.registry.reserve(&used).unwrap().certificate_serial;
    bench.registry.certify(used.txn, &certificate(&used, number)).unwrap();
    assert_eq!(bench.registry.label(used.txn, &code(1)), Err(RegistryError::ClaimCode));
    bench.registry.void(used.txn, "test").unwrap();
    used = rebuilt(fresh.serial, 100);
    assert_eq!(bench.registry.reserve(&used).unwrap().certificate_serial, number + 1);
    println!("collisions: {} refused, each by its own error", refused + 1);
    let after = bench.registry.verify().unwrap();
    assert_eq!(after.counts.units(), before.counts.units() + 2);
    assert_eq!(after.counts.by_state[4], 1);
    assert_eq!(after.counts.claim_tags, before.counts.claim_tags);
}

/// A unit that is refused takes the others of its batch with it.
#[test]
fn a_batch_is_taken_whole_or_not_at_all() {
    let mut bench = Bench::with(1);
    let head = bench.registry.verify().unwrap().head;
    let batch = [unit(2), unit(3), Unit { chip_id: unit(2).chip_id, ..unit(4) }];
    assert_eq!(bench.registry.reserve_all(&batch), Err(RegistryError::Chip));
    assert_eq!(bench.registry.verify().unwrap().head, head);
    assert_eq!(bench.registry.reserve_all(&batch[..2]).unwrap().len(), 2);
    let numbers: Vec<_> =
        bench.registry.units().unwrap().iter().map(|row| row.certificate_number).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

/// Many units, in large batches: no two share anything, and all of it verifies.
#[test]
fn no_two_of_many_units_share_anything() {
    const UNITS: u64 = 20_000;
    const BATCH: usize = 5_000;
    let started = Instant::now();
    let mut bench = Bench::new();
    let units: Vec<Unit> = (1..=UNITS).map(unit).collect();
    let made = started.elapsed();
    for batch in units.chunks(BATCH) {
        let reserved = bench.registry.reserve_all(batch).unwrap();
        assert!(reserved.iter().all(|reserved| reserved.state == State::Pending));
    }
    let stored = started.elapsed();
    let counts = bench.registry.verify().unwrap().counts;
    println!(
        "{UNITS} units: made in {} ms, stored in {} ms, verified in {} ms: 0 duplicates",
        made.as_millis(),
        (stored - made).as_millis(),
        (started.elapsed() - stored).as_millis()
    );
    assert_eq!((counts.units(), counts.keys), (UNITS, 2 * UNITS));
    assert_eq!((counts.serials, counts.chips), (UNITS, UNITS));
    assert_eq!((counts.device_ids, counts.certificates), (UNITS, UNITS));
}
