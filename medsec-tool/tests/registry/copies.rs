//! Backups, what is made from them, and statements that tell an older copy.

use medsec_tool::keyfile::KeyFileError;
use medsec_tool::registry::{
    Fault, MANIFEST, ProofKey, Registry, RegistryError, Statement, restore,
};

use crate::support::{Bench, issuer, provision, unit};

const PASSPHRASE: &str = "correct horse battery staple";

#[test]
fn a_backup_comes_back_as_it_was_while_a_station_goes_on() {
    let mut bench = Bench::with(3);
    let folder = bench.path("registry");
    ProofKey::create(&folder, PASSPHRASE).unwrap();
    let stated = bench.registry.backup(&folder, &bench.path("copy")).unwrap();
    assert_eq!(stated, bench.registry.verify().unwrap());
    provision(&mut bench.registry, &unit(4)).unwrap();
    let restored = restore(&bench.path("copy"), &bench.path("again")).unwrap();
    assert_eq!(restored, stated);
    let mut again = Registry::open(&bench.path("again")).unwrap();
    assert_eq!(again.units().unwrap().len(), 3);
    again.certified_by(issuer());
    // Its key of the tags is the same one: a code that was used before is known.
    let fresh = unit(9);
    let number = again.reserve(&fresh).unwrap().certificate_serial;
    again.certify(fresh.txn, &crate::support::certificate(&fresh, number)).unwrap();
    assert_eq!(again.label(fresh.txn, &crate::support::code(1)), Err(RegistryError::ClaimCode));
    ProofKey::open(&bench.path("again"), PASSPHRASE).unwrap();
}

/// Each byte of a sample of each file, and the list itself.
#[test]
fn a_backup_that_was_changed_gives_nothing() {
    let mut bench = Bench::with(2);
    let folder = bench.path("registry");
    ProofKey::create(&folder, PASSPHRASE).unwrap();
    bench.registry.backup(&folder, &bench.path("copy")).unwrap();
    let (copy, target) = (bench.path("copy"), bench.path("target"));
    let mut refused = 0;
    for entry in std::fs::read_dir(&copy).unwrap() {
        let path = entry.unwrap().path();
        let good = std::fs::read(&path).unwrap();
        let is_list = path.ends_with(MANIFEST);
        let step = if is_list { 1 } else { good.len() / 20 + 1 };
        for place in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[place] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(restore(&copy, &target).is_err(), "{path:?} {place}");
            assert!(!target.exists() && !bench.path("target.part").exists());
            refused += 1;
        }
        std::fs::write(&path, &good[..good.len() - 2]).unwrap();
        assert_ne!(restore(&copy, &target).err(), None);
        std::fs::remove_file(&path).unwrap();
        assert_ne!(restore(&copy, &target).err(), None);
        std::fs::write(&path, &good).unwrap();
    }
    println!("backup: {refused} changed bytes refused");
    assert!(refused > 400, "{refused}");
    restore(&copy, &target).unwrap();
    assert_eq!(restore(&copy, &target), Err(RegistryError::Exists));
    assert_eq!(restore(&copy, &bench.path("registry")), Err(RegistryError::Exists));
    let again = bench.registry.backup(&folder, &copy);
    assert_eq!(again, Err(RegistryError::Exists));
}

#[test]
fn a_name_in_the_list_is_never_a_path() {
    let mut bench = Bench::with(1);
    bench.registry.backup(&bench.path("registry"), &bench.path("copy")).unwrap();
    let list = bench.path("copy").join(MANIFEST);
    let good = std::fs::read_to_string(&list).unwrap();
    for name in ["../tag.key", "/etc/passwd", "registry.db", "tag.key\u{0}"] {
        std::fs::write(&list, good.replace("file tag.key", &format!("file {name}"))).unwrap();
        let refused = restore(&bench.path("copy"), &bench.path("target"));
        assert!(matches!(refused, Err(RegistryError::File(_))), "{name}: {refused:?}");
    }
}

/// A statement is borne out by what follows it, and not by an older copy, another registry or a chain that was made again.
#[test]
fn an_older_copy_is_told_by_a_statement() {
    let mut bench = Bench::with(2);
    let folder = bench.path("registry");
    let signs = ProofKey::create(&folder, PASSPHRASE).unwrap();
    bench.registry.backup(&folder, &bench.path("old")).unwrap();
    provision(&mut bench.registry, &unit(3)).unwrap();
    let (report, statement) = bench.registry.state(&signs).unwrap();
    assert_eq!((statement.units(), statement.event()), (3, report.head.number));
    let file = statement.to_file();
    let public = ProofKey::parse_public(&std::fs::read(folder.join("proof.pub")).unwrap()).unwrap();
    let read = Statement::parse(file.as_bytes(), &public).unwrap();
    assert_eq!(read, statement);
    bench.registry.check_anchor(&read).unwrap();
    provision(&mut bench.registry, &unit(4)).unwrap();
    bench.registry.check_anchor(&read).unwrap();
    restore(&bench.path("old"), &bench.path("restored")).unwrap();
    let mut old = Registry::open(&bench.path("restored")).unwrap();
    let anchor = Err(RegistryError::Changed(Fault::Anchor));
    assert_eq!(old.check_anchor(&read), anchor);
    // The older copy grows as long with other units: it verifies, and the statement still tells it.
    old.certified_by(issuer());
    for serial in 5..8 {
        provision(&mut old, &unit(serial)).unwrap();
    }
    old.verify().unwrap();
    assert_eq!(old.check_anchor(&read), anchor);
    let mut other = Registry::create(&bench.path("other")).unwrap();
    assert_eq!(other.check_anchor(&read), anchor);
    let mut changed = 0;
    for place in 0..file.trim_end().len() {
        let mut bad = file.clone().into_bytes();
        bad[place] = if bad[place] == b'0' { b'1' } else { b'0' };
        assert!(Statement::parse(&bad, &public).is_err(), "{place}");
        changed += 1;
    }
    println!("statement: {changed} changed characters refused");
    let another = ProofKey::create(&bench.path("other"), PASSPHRASE).unwrap().public();
    assert_eq!(Statement::parse(file.as_bytes(), &another), Err(KeyFileError::NoKey));
    let wrong = ProofKey::open(&folder, "correct horse battery stapler").err();
    assert_eq!(wrong, Some(RegistryError::File(KeyFileError::Passphrase)));
}

/// A registry that was changed is not copied as if it were good.
#[test]
fn a_changed_registry_has_no_backup_and_states_nothing() {
    let mut bench = Bench::with(1);
    let folder = bench.path("registry");
    let signs = ProofKey::create(&folder, PASSPHRASE).unwrap();
    let raw = bench.raw();
    raw.execute_batch("DROP TRIGGER claim_stays").unwrap();
    let fault = RegistryError::Changed(Fault::Schema);
    assert_eq!(bench.registry.backup(&folder, &bench.path("copy")), Err(fault.clone()));
    assert!(!bench.path("copy").exists());
    assert_eq!(bench.registry.state(&signs), Err(fault));
}
