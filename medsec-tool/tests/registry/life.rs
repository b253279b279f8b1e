//! What a station asks, in order and out of it, once and again.

use medsec_tool::registry::{REASON_BYTES_MAX, Registry, RegistryError, State, Unit};

use crate::support::{
    Bench, certificate, code, issuer, provision, rebuilt, receipt, remodelled, unit,
};

/// Each step gives the same answer when it is asked for again, also by a program that was started anew.
#[test]
fn a_unit_goes_its_way_and_each_step_can_be_repeated() {
    let mut bench = Bench::new();
    let unit = unit(7);
    let reserved = bench.registry.reserve(&unit).unwrap();
    assert_eq!((reserved.certificate_serial, reserved.state), (1, State::Pending));
    let made = certificate(&unit, 1);
    let mut heads = Vec::new();
    for round in 0..2 {
        let again = bench.registry.reserve(&unit).unwrap();
        assert_eq!((again.certificate_serial, again.issuer), (1, issuer().kid));
        assert_eq!(again.certificate, (round == 1).then_some(made));
        if round == 0 {
            assert_eq!(bench.registry.label(unit.txn, &code(7)), Err(RegistryError::NotCertified));
            assert_eq!(bench.registry.seal(unit.txn, b"early"), Err(RegistryError::NotLabelled));
        }
        assert_eq!(bench.registry.certify(unit.txn, &made), Ok(made));
        if round == 0 {
            bench.registry.label(unit.txn, &code(7)).unwrap();
            bench.registry.label(unit.txn, &code(7)).unwrap();
        }
        bench.registry.seal(unit.txn, &receipt(&unit)).unwrap();
        heads.push(bench.registry.verify().unwrap().head);
        bench.registry = Registry::open(&bench.path("registry")).unwrap();
        bench.registry.certified_by(issuer());
    }
    assert_eq!(heads[0], heads[1], "what was repeated has left no event");
    assert_eq!(heads[0].number, 5);
    let row = bench.registry.unit(7).unwrap().unwrap();
    assert_eq!((row.state, row.is_labelled), (State::Active, true));
    assert_eq!(row.receipt, Some(receipt(&unit)));
    assert_eq!(bench.registry.seal(unit.txn, b"another"), Err(RegistryError::OtherReceipt));
    assert_eq!(bench.registry.revoke(7, "stolen").unwrap().state, State::Revoked);
    assert_eq!(bench.registry.revoke(7, "stolen").unwrap().state, State::Revoked);
    assert_eq!(bench.registry.decommission(7, "shredded").unwrap().state, State::Decommissioned);
    let row = bench.registry.unit(7).unwrap().unwrap();
    assert_eq!(row.reason.unwrap().to_string(), "shredded");
    assert_eq!(bench.registry.verify().unwrap().counts.by_state, [0, 0, 0, 1, 0]);
}

#[test]
fn the_same_transaction_with_other_values_is_refused() {
    let mut bench = Bench::with(1);
    let first = unit(1);
    let others = [
        Unit { serial: 2, ..first },
        Unit { model: 9, ..first },
        Unit { device_id: [1; 16], ..first },
        Unit { chip_id: [1; 8], ..first },
        Unit { ed25519: unit(2).ed25519, ..first },
        Unit { x25519: unit(2).x25519, ..first },
        Unit { txn: first.txn, ..unit(2) },
    ];
    for other in others {
        assert_eq!(bench.registry.reserve(&other), Err(RegistryError::Transaction));
    }
    bench.registry.certified_by(medsec_tool::registry::Issuer { kid: [1; 8], next_number: 1 });
    assert_eq!(bench.registry.reserve(&first), Err(RegistryError::Transaction));
}

#[test]
fn a_certificate_is_the_units_own_and_stays() {
    let mut bench = Bench::new();
    let (first, second) = (unit(1), unit(2));
    let number = bench.registry.reserve(&first).unwrap().certificate_serial;
    let other = bench.registry.reserve(&second).unwrap().certificate_serial;
    assert_ne!(number, other);
    let good = certificate(&first, number);
    let foreign = Err(RegistryError::ForeignCertificate);
    for (holder, number) in [
        (second, other),
        (second, number),
        (first, other),
        (Unit { x25519: second.x25519, ..first }, number),
        (remodelled(&first, 3), number),
    ] {
        assert_eq!(bench.registry.certify(first.txn, &certificate(&holder, number)), foreign);
    }
    assert_eq!(bench.registry.certify(first.txn, &[0; 184]), foreign);
    assert_eq!(bench.registry.certify(first.txn, &good), Ok(good));
    let mut changed = good;
    changed[183] ^= 1;
    assert_eq!(bench.registry.certify(first.txn, &changed), Err(RegistryError::OtherCertificate));
    assert_eq!(bench.registry.certify([0; 16], &good), Err(RegistryError::UnknownUnit));
}

/// A unit whose keys are no keys, or whose id is not theirs, gets no row.
#[test]
fn a_unit_with_odd_keys_is_refused() {
    let mut bench = Bench::new();
    let good = unit(1);
    for odd in [
        Unit { ed25519: [0xff; 32], ..good },
        Unit { ed25519: [0; 32], ..good },
        Unit { x25519: [0; 32], ..good },
        Unit { x25519: [0xff; 32], ..good },
        Unit { device_id: [0; 16], ..good },
        Unit { model: good.model + 1, ..good },
    ] {
        assert_eq!(bench.registry.reserve(&odd), Err(RegistryError::OddUnit));
    }
    assert_eq!(bench.registry.verify().unwrap().counts.units(), 0);
    let mut nobody = Registry::open(&bench.path("registry")).unwrap();
    assert_eq!(nobody.reserve(&good), Err(RegistryError::NoIssuer));
}

#[test]
fn a_void_unit_is_built_again_with_new_keys_only() {
    let mut bench = Bench::new();
    let first = unit(1);
    let number = bench.registry.reserve(&first).unwrap().certificate_serial;
    bench.registry.certify(first.txn, &certificate(&first, number)).unwrap();
    bench.registry.label(first.txn, &code(1)).unwrap();
    bench.registry.void(first.txn, "solder bridge").unwrap();
    bench.registry.void(first.txn, "solder bridge").unwrap();
    let gone = RegistryError::State { is: State::Void };
    assert_eq!(bench.registry.label(first.txn, &code(2)), Err(gone.clone()));
    assert_eq!(bench.registry.seal(first.txn, b"receipt"), Err(gone));
    let repeated = Unit { txn: [9; 16], ..first };
    assert_eq!(bench.registry.reserve(&repeated), Err(RegistryError::Key));
    let second = rebuilt(1, 100);
    assert_eq!((second.serial, second.chip_id), (first.serial, first.chip_id));
    let made = provision(&mut bench.registry, &second);
    assert_eq!(made, Err(RegistryError::ClaimCode), "the label of the void unit was printed once");
    bench.registry.label(second.txn, &code(2)).unwrap();
    bench.registry.seal(second.txn, &receipt(&second)).unwrap();
    assert_eq!(bench.registry.unit(1).unwrap().unwrap().unit, second);
    let void = bench.registry.void(second.txn, "too late");
    assert_eq!(void, Err(RegistryError::State { is: State::Active }));
    let rows = bench.registry.units().unwrap();
    assert_eq!(rows.iter().map(|row| row.state).collect::<Vec<_>>(), [State::Void, State::Active]);
    assert_eq!(bench.registry.verify().unwrap().counts.by_state, [0, 1, 0, 0, 1]);
}

#[test]
fn a_label_that_was_not_sealed_is_replaced_and_its_code_never_comes_again() {
    let mut bench = Bench::new();
    let first = unit(1);
    let number = bench.registry.reserve(&first).unwrap().certificate_serial;
    bench.registry.certify(first.txn, &certificate(&first, number)).unwrap();
    bench.registry.label(first.txn, &code(1)).unwrap();
    bench.registry.label(first.txn, &code(2)).unwrap();
    assert_eq!(bench.registry.label(first.txn, &code(1)), Err(RegistryError::ClaimCode));
    bench.registry.label(first.txn, &code(2)).unwrap();
    bench.registry.seal(first.txn, &receipt(&first)).unwrap();
    let sealed = RegistryError::State { is: State::Active };
    assert_eq!(bench.registry.label(first.txn, &code(3)), Err(sealed));
    let report = bench.registry.verify().unwrap();
    assert_eq!(report.counts.claim_tags, 2, "the row of the void code stays");
}

#[test]
fn states_are_left_in_their_order_only() {
    let mut bench = Bench::new();
    bench.registry.reserve(&unit(1)).unwrap();
    let pending = Err(RegistryError::State { is: State::Pending });
    assert_eq!(bench.registry.revoke(1, "x").map(drop), pending);
    assert_eq!(bench.registry.decommission(1, "x").map(drop), pending);
    provision(&mut bench.registry, &unit(2)).unwrap();
    let active = Err(RegistryError::State { is: State::Active });
    assert_eq!(bench.registry.decommission(2, "x").map(drop), active);
    bench.registry.revoke(2, "x").unwrap();
    bench.registry.decommission(2, "x").unwrap();
    let ended = Err(RegistryError::State { is: State::Decommissioned });
    assert_eq!(bench.registry.revoke(2, "x").map(drop), ended);
    assert_eq!(bench.registry.revoke(3, "x").map(drop), Err(RegistryError::UnknownUnit));
    for reason in [String::new(), "x".repeat(REASON_BYTES_MAX + 1)] {
        assert_eq!(bench.registry.void(unit(1).txn, &reason), Err(RegistryError::Length));
    }
    bench.registry.verify().unwrap();
}

/// What people type is data to the database, whatever it looks like.
#[test]
fn hostile_reasons_stay_data() {
    let hostile = [
        "'; DROP TABLE unit; --",
        "\"); DELETE FROM event; --",
        "x' OR '1'='1",
        "?1 :a @b $c",
        "\u{1b}[2J\u{202e}\u{0}",
        "=HYPERLINK(\"http://example.invalid\")",
        "</text><script>alert(1)</script>",
        "%s%n{}",
    ];
    let mut bench = Bench::with(8);
    for (serial, reason) in (1..).zip(hostile) {
        bench.registry.revoke(serial, reason).unwrap();
        let row = bench.registry.unit(serial).unwrap().unwrap();
        assert_eq!(row.reason, Some(reason.into()));
    }
    let report = bench.registry.verify().unwrap();
    assert_eq!(report.counts.by_state, [0, 0, 8, 0, 0]);
    assert_eq!(report.head.number, 1 + 4 * 8 + 8);
}

/// Neither a code nor its text is in any file, also when it was void, and every file is its owner's alone.
#[test]
fn no_code_is_kept_and_files_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bench = Bench::new();
    let first = unit(1);
    let number = bench.registry.reserve(&first).unwrap().certificate_serial;
    bench.registry.certify(first.txn, &certificate(&first, number)).unwrap();
    bench.registry.label(first.txn, &code(1)).unwrap();
    bench.registry.label(first.txn, &code(2)).unwrap();
    bench.registry.seal(first.txn, &receipt(&first)).unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(bench.path("registry")).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        for number in [1, 2] {
            let code = code(number);
            assert!(!has(code.expose()) && !has(code.to_text().as_bytes()), "{path:?}");
            assert!(!has(code.to_text().replace('-', "").as_bytes()), "{path:?}");
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{path:?}");
        files += 1;
    }
    assert_eq!(files, 4, "database, its two logs, the key of the tags");
    let folder = std::fs::metadata(bench.path("registry")).unwrap().permissions().mode();
    assert_eq!(folder & 0o777, 0o700);
    assert!(!Registry::is_wide(&bench.path("registry")));
    let again = Registry::create(&bench.path("registry"));
    assert_eq!(again.err(), Some(RegistryError::Exists));
}
