//! The two ways to the end, and what is refused on them.

use embedded_storage::nor_flash::NorFlash;
use medsec_core::event::{DeviceEvent, PrincipalId};
use medsec_core::flash::{ErrorKind, Operation};
use medsec_core::lifecycle::{BLANK_WORD, Change, ChangeError, Lifecycle, State};
use medsec_core::sanitize::{
    Approved, BeginError, Burial, Evidence, KeyName, Kind, MountFault, Order, Outcome, Progress,
    SanitizeError, Tombstone,
};
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;

use crate::bench::{
    Bench, IN_SERVICE, Log, MODEL, NONCE, PAGE, PLAN, RECORDS, SEED, STRANGER_PAGE, approved,
    certificate_of, device, found, grant, identity, module, receipt, word,
};

fn state(bench: &mut Bench) -> Option<State> {
    bench.mount().unwrap().lifecycle().map(|life| life.state().unwrap())
}

/// Goal: nothing of the owner is left, and that is certified. Method: words on every page, key bytes among them, searched in whole images of
/// the device and of its module.
#[test]
fn a_change_of_owner_leaves_nothing_and_is_certified() {
    let mut bench = Bench::begun(Outcome::ChangeOfOwner, Some(&receipt(RECORDS)), Model::None);
    let before = bench.hits();
    assert!(before >= 42 * 5, "{before}");
    assert_eq!(state(&mut bench), Some(State::Sanitizing));
    let mut sanitizer = bench.mount().unwrap();
    bench.certify(&mut sanitizer);
    assert_eq!(bench.hits(), 0);
    println!("sanitize: {before} words before, 0 after");
    let tombstone = bench.tombstone();
    assert!(!tombstone.is_the_end());
    let certificate = *tombstone.certificate();
    assert!(certificate.verify(&certificate_of(&identity(), MODEL)).is_ok());
    let claims = certificate.claims();
    assert_eq!((claims.evidence(), claims.number, claims.nonce), (Evidence::Exported, 1, NONCE));
    assert_eq!(certificate.lines().count(), 5);
    assert!(certificate.lines().all(|line| line.verified == line.region.bytes()));
    let destroyed = KeyName::ALL.into_iter().filter(|key| certificate.destroyed(*key));
    use KeyName::{AuditSecret, Data, Pepper, StorageRoot, Verifiers};
    assert!(destroyed.eq([StorageRoot, Pepper, AuditSecret, Verifiers, Data]));
    // The identity stays, and the device waits for an owner once that is recorded.
    assert!(found(&[bench.own.image()], &SEED) > 0);
    let life = sanitizer.lifecycle().unwrap();
    let mut log = Log::default();
    let change = life.change(Change::ReturnToClaim, PrincipalId::DEVICE).unwrap();
    sanitizer.close(change.record(&mut log).unwrap()).unwrap();
    assert_eq!(bench.run(&mut sanitizer), Ok(Progress::Done));
    assert_eq!(log.ids, [0x0201]);
    assert!(sanitizer.is_idle() && bench.mount().unwrap().is_idle());
    assert_eq!(bench.mount().unwrap().modules().count(), 0);
}

/// A journal of which a cut has left two good copies may be another one at the next mount: nothing is opened upon it.
#[test]
fn a_journal_that_is_not_settled_is_not_idle() {
    let mut bench = Bench::new(Model::None);
    assert!(bench.mount().unwrap().is_idle());
    let mut image = bench.own.image();
    // The last bytes that are programmed in the journal's first page lie in its third copy.
    let at = usize::try_from(PLAN.journal().offset()).unwrap();
    let copy = image.iter().skip(at).take(512).rposition(|byte| *byte != 0xff).unwrap();
    image[at + copy] ^= 1;
    bench.own = FaultFlash::from_image(image, Model::None, 1);
    let mut sanitizer = bench.mount().unwrap();
    assert!(!sanitizer.is_idle() && sanitizer.certified().is_none());
    assert_eq!(sanitizer.lifecycle(), Some(Lifecycle::UNREADABLE));
    assert_eq!(bench.run(&mut sanitizer), Ok(Progress::Done));
    assert!(sanitizer.is_idle() && sanitizer.lifecycle().is_none());
    assert!(bench.mount().unwrap().is_idle());
}

#[test]
fn a_decommissioned_device_keeps_its_certificate_and_no_identity() {
    let mut bench = Bench::begun(Outcome::Decommission, None, Model::None);
    let mut sanitizer = bench.mount().unwrap();
    bench.certify(&mut sanitizer);
    assert_eq!(bench.hits(), 0);
    assert!(found(&[bench.own.image()], &SEED) > 0);
    assert_eq!(sanitizer.lifecycle().unwrap().state(), Ok(State::Decommissioned));
    let burial = sanitizer.bury().map_err(|_| ()).unwrap();
    assert!(bench.bury(burial));
    assert_eq!(found(&[bench.own.image()], &SEED), 0);
    bench.restart();
    let Err(MountFault::Lost(lost)) = bench.mount() else {
        panic!("a journal without an identity");
    };
    let burial = Burial::resume(&mut bench.own, &PLAN, lost).unwrap();
    assert_eq!(burial.lifecycle().state(), Ok(State::Decommissioned));
    assert!(bench.bury(burial));
    let certificate = *bench.tombstone().certificate();
    let verified = certificate.verify(&certificate_of(&identity(), MODEL)).unwrap();
    assert!(verified.answers(&NONCE) && !verified.answers(&[0; 16]));
    assert_eq!(certificate.claims().evidence(), Evidence::Lost);
}

#[test]
fn nothing_is_erased_in_the_boot_that_stored_the_intent() {
    let mut bench = Bench::new(Model::None);
    let mut sanitizer = bench.mount().unwrap();
    let before = bench.hits();
    bench.begin(&mut sanitizer, Outcome::Decommission, None, &mut Log::default()).unwrap();
    for _ in 0..500 {
        bench.step(&mut sanitizer).unwrap();
    }
    assert_eq!(bench.step(&mut sanitizer), Ok(Progress::Restart));
    assert_eq!(bench.hits(), before);
    assert!(sanitizer.blank().is_none() && sanitizer.bury().is_err());
}

#[test]
fn who_is_alone_or_late_begins_nothing() {
    let order = Order { outcome: Outcome::Decommission, nonce: NONCE };
    assert!(grant(order, false).is_none());
    let late = grant(order, true).unwrap();
    assert!(Approved::by_two(late, Ticks::from_millis(1_000)).is_err());
}

#[test]
fn what_cannot_begin_changes_nothing() {
    let mut bench = Bench::new(Model::None);
    let mut sanitizer = bench.mount().unwrap();
    let (image, mut log) = (bench.own.image(), Log { refuses: true, ..Log::default() });
    let begun = bench.begin(&mut sanitizer, Outcome::ChangeOfOwner, None, &mut log);
    assert!(matches!(begun, Err(BeginError::NotRecorded(_))));
    log.refuses = false;
    let mut begin = |life, device, receipt| {
        let order = approved(Outcome::ChangeOfOwner);
        sanitizer.begin(order, (life, device), (RECORDS, receipt), &mut log)
    };
    let blank = begin(Lifecycle::of(BLANK_WORD), device(), None);
    assert_eq!(blank, Err(BeginError::Life(ChangeError::State)));
    let receipt = receipt(RECORDS);
    let other = begin(Lifecycle::of(IN_SERVICE), [0; 16], Some(&receipt));
    assert_eq!(other, Err(BeginError::Receipt));
    assert_eq!(bench.step(&mut sanitizer), Ok(Progress::Done));
    assert_eq!(bench.own.image(), image);
    assert!(log.ids.is_empty());
}

/// Goal: evidence, or a loss that is recorded and certified. Method: receipts for none, some, all and more records.
#[test]
fn a_log_that_nobody_has_is_lost_on_record() {
    let cases = [
        (None, Evidence::Lost, 0),
        (Some(999), Evidence::Lost, 999),
        (Some(1_000), Evidence::Exported, 1_000),
        (Some(u64::MAX), Evidence::Exported, 1_000),
    ];
    for (records, evidence, exported) in cases {
        let mut bench = Bench::new(Model::None);
        let mut sanitizer = bench.mount().unwrap();
        let mut log = Log::default();
        let receipt = records.map(receipt);
        bench.begin(&mut sanitizer, Outcome::ChangeOfOwner, receipt.as_ref(), &mut log).unwrap();
        let is_lost = evidence == Evidence::Lost;
        let expected: &[u16] = if is_lost { &[0x0208, 0x0207, 0x0201] } else { &[0x0207, 0x0201] };
        assert_eq!(log.ids, expected);
        assert_eq!(bench.run(&mut sanitizer), Ok(Progress::Restart));
        let mut sanitizer = bench.mount().unwrap();
        bench.certify(&mut sanitizer);
        let claims = *bench.tombstone().certificate().claims();
        assert_eq!((claims.evidence(), claims.exported), (evidence, exported));
    }
}

#[test]
fn a_module_that_is_away_blocks_the_certificate_and_a_stranger_is_not_touched() {
    let mut bench = Bench::begun(Outcome::Decommission, None, Model::None);
    let mut sanitizer = bench.mount().unwrap();
    for bay in [0, 2, 0, 2] {
        bench.bay = bay;
        assert_eq!(bench.run(&mut sanitizer), Ok(Progress::Missing(module(1))));
        assert!(sanitizer.blank().is_none());
        bench.restart();
        sanitizer = bench.mount().unwrap();
    }
    assert_eq!(sanitizer.modules().collect::<Vec<_>>(), [(module(1), true)]);
    bench.bay = 1;
    bench.certify(&mut sanitizer);
    assert_eq!(bench.hits(), 0);
    assert_eq!(found(&[bench.stranger.image()], &word(STRANGER_PAGE)), 42);
    let line = *bench.tombstone().certificate().lines().last().unwrap();
    assert_eq!((line.kind, line.module), (Kind::Module, Some(module(1))));
}

/// Goal: what cannot be read or erased is said, and never certified. Method: a word that cannot be read and a page that cannot be erased, on
/// each page; 20 tries.
#[test]
fn what_does_not_erase_is_never_certified() {
    let mut refused = 0;
    for page in 7..12 {
        for is_worn in [false, true] {
            let mut bench = Bench::begun(Outcome::ChangeOfOwner, None, Model::None);
            let offset = page * PAGE + 64;
            if is_worn {
                bench.own.wear_out(page);
            } else {
                bench.own.break_word(offset);
            }
            let operation = if is_worn { Operation::Erase } else { Operation::Read };
            for _ in 0..20 {
                let mut sanitizer = bench.mount().unwrap();
                let error = bench.run(&mut sanitizer).unwrap_err();
                let SanitizeError::Flash(error) = error else { panic!("{error:?}") };
                assert_eq!((error.kind, error.operation), (ErrorKind::Other, operation));
                assert!(sanitizer.blank().is_none());
                assert!(Tombstone::read(&mut bench.own, &PLAN).is_none());
                bench.restart();
                refused += 1;
            }
        }
    }
    println!("sanitize: {refused} tries on pages that fail, 0 certified");
    assert_eq!(refused, 5 * 2 * 20);
}

/// Goal: what is written after it was erased is found before the certificate. Method: each page gets a word back, on the device and the module.
#[test]
fn what_comes_back_before_the_last_reading_is_erased_again() {
    for page in 7..=12 {
        let mut bench = Bench::begun(Outcome::ChangeOfOwner, None, Model::None);
        let mut sanitizer = bench.mount().unwrap();
        // The last region of all is told before the reading begins.
        let mut is_last = false;
        while !is_last {
            let progress = bench.step(&mut sanitizer).unwrap();
            is_last = matches!(progress, Progress::Erased(DeviceEvent::RegionErased { kind, .. })
                if kind == Kind::Module || kind == Kind::Settings && sanitizer.modules().count() == 0);
        }
        if page == 12 {
            bench.module.write(PAGE, &word(13)).unwrap();
        } else {
            bench.own.write(page * PAGE, &word(page)).unwrap();
        }
        let error = bench.run(&mut sanitizer);
        assert!(matches!(error, Err(SanitizeError::NotBlank(_))), "{page}: {error:?}");
        bench.certify(&mut sanitizer);
        assert_eq!(bench.hits(), 0);
    }
}

#[test]
fn a_step_erases_one_page_at_most_and_a_mount_writes_nothing() {
    let mut bench = Bench::begun(Outcome::Decommission, None, Model::None);
    let operations = bench.own.operations();
    let mut sanitizer = bench.mount().unwrap();
    assert_eq!(bench.own.operations(), operations);
    loop {
        let before = bench.own.operations() + bench.module.operations();
        let progress = sanitizer.step(&mut bench, &Pause::lend(&mut (), 1)).unwrap();
        assert!(bench.own.operations() + bench.module.operations() <= before + 1);
        if progress == Progress::Blank {
            break;
        }
    }
}

#[test]
fn modules_are_known_up_to_four_and_never_one_that_is_none() {
    let mut bench = Bench::new(Model::None);
    let mut sanitizer = bench.mount().unwrap();
    for byte in [1, 2, 2, 3, 4] {
        sanitizer.enrol(module(byte)).unwrap();
        bench.run(&mut sanitizer).unwrap();
    }
    assert_eq!(sanitizer.enrol(module(5)), Err(BeginError::Full));
    assert_eq!(bench.mount().unwrap().modules().count(), 4);
    assert!(medsec_core::sanitize::ModuleId::new([0; 8]).is_none());
}

#[test]
fn only_the_way_back_to_the_claim_closes_it() {
    let mut bench = Bench::begun(Outcome::ChangeOfOwner, None, Model::None);
    let mut sanitizer = bench.mount().unwrap();
    let back = |life: Lifecycle, change| {
        life.change(change, PrincipalId::DEVICE).unwrap().record(&mut Log::default()).unwrap()
    };
    let sanitizing = sanitizer.lifecycle().unwrap();
    // Too early.
    assert!(sanitizer.close(back(sanitizing, Change::ReturnToClaim)).is_err());
    bench.certify(&mut sanitizer);
    let other = back(Lifecycle::of(IN_SERVICE), Change::BeginMaintenance);
    assert!(sanitizer.close(other).is_err());
    assert_eq!(bench.mount().unwrap().certified(), Some(Outcome::ChangeOfOwner));
    assert!(bench.mount().unwrap().bury().is_err());
}
