//! Bytes that mean nothing, and a part that fails or wears out.

use medsec_audit::export::ExportHeader;
use medsec_audit::log::Birth;
use medsec_audit::log::Config;
use medsec_audit::log::Log;
use medsec_audit::log::MaintainError;
use medsec_audit::log::MountError;
use medsec_audit::log::RESTARTS_MAX;
use medsec_audit::verify::Range;
use medsec_audit::verify::Verdict;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::RecordError;
use medsec_core::flash::Region;
use medsec_core::flash::cell;
use medsec_core::flash::ring::Retention;
use medsec_core::suite::Aes256Gcm;
use medsec_sim::fault::Model;
use medsec_sim::flash::Counts;
use medsec_sim::prng::Prng;

use crate::bench::{
    Bench, CALLS_MAX, CELL_PAGES, PAGE, Part, RING, RING_PAGES, authority, config, damage, export,
    lived, mark, secret, spent, verify_image,
};

#[test]
fn whatever_the_flash_holds_a_mount_reads_only_and_the_caller_goes_on() {
    let lived = lived();
    let mut prng = Prng::new(11);
    let (mut mounted, mut refused) = (0, 0);
    for _ in 0..1_500 {
        let mut image = lived.flash.image();
        let part = prng.below(3);
        let range = [0..image.len(), 0..RING, RING..image.len()][part].clone();
        for _ in 0..=prng.below(3) {
            damage(&mut prng, &mut image[range.clone()]);
        }
        let _judged = verify_image(&image, &authority());
        let mut flash = Part::from_image(image.clone(), Model::None, 1);
        let log = Log::<Aes256Gcm>::mount(&mut flash, config(Retention::Overwrite), &secret(1));
        assert_eq!((spent(&flash, (Counts::default(), 0)), flash.image() == image), ((0, 0), true));
        match log {
            Err(error) => {
                assert!(part < 2, "the ring alone never keeps a log from mounting: {error}");
                refused += 1;
            }
            Ok(log) => {
                mounted += 1;
                let mut bench = Bench { flash, log: Some(log), ..Bench::new(Retention::Overwrite) };
                bench.log.as_mut().unwrap().request_session();
                let before = bench.flash.counts().erases;
                let started = bench.maintain();
                let recorded = bench.append();
                assert_eq!(started.is_ok(), recorded.is_ok(), "{started:?} {recorded:?}");
                assert!(bench.flash.counts().erases - before <= 6);
            }
        }
    }
    assert!(mounted > 250 && refused > 250, "{mounted} {refused}");
}

#[test]
fn a_damaged_ring_is_judged_with_its_place_and_takes_new_records() {
    let lived = lived();
    let mut prng = Prng::new(12);
    let mut bad = 0;
    for _ in 0..500 {
        let mut image = lived.flash.image();
        damage(&mut prng, &mut image[RING..]);
        let report = verify_image(&image, &authority());
        let changed = image != lived.flash.image();
        let whole = report.numbers == lived.verify().numbers;
        let summary = report.summary.unwrap();
        if changed && !whole {
            let named = |range: &&Range| range.verdict != Verdict::Verified;
            assert!(report.ranges.iter().any(|range| named(&range)));
            bad += u32::from(summary.first_bad.is_some());
        }
        let flash = Part::from_image(image, Model::None, 1);
        let mut bench = Bench { flash, ..Bench::new(Retention::Overwrite) };
        bench.next = 1_000;
        bench.boot();
        bench.maintain().unwrap();
        bench.append().unwrap();
        assert!(bench.verify().numbers.contains(&1_000), "{:?}", bench.verify().ranges);
        assert_eq!(bench.flash.double_programs(), 0, "what a mount did not see is written over");
    }
    assert!(bad > 100, "{bad}");
}

#[test]
fn an_export_of_any_bytes_parses_or_says_why_not() {
    let mut bench = lived();
    let log = bench.log.as_ref().unwrap();
    let export = export(log, &mut bench.flash);
    ExportHeader::parse(&export).unwrap();
    let mut prng = Prng::new(13);
    let mut refused = 0;
    for _ in 0..5_000 {
        let mut changed = export.clone();
        let head = 200 + prng.below(4) * 3_000;
        damage(&mut prng, &mut changed[..head.min(export.len())]);
        changed.truncate(export.len() - prng.below(3) * prng.below(400));
        match ExportHeader::parse(&changed) {
            Ok((header, pages)) => {
                header.plan().map(|_| ()).unwrap_or_default();
                assert!(pages.len() < changed.len());
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn a_log_of_another_device_root_or_authority_stays_shut() {
    let mut bench = lived();
    let image = bench.flash.image();
    let mut mount = |root: u8, config: Config| {
        Log::<Aes256Gcm>::mount(&mut bench.flash, config, &secret(root)).map(|_| ())
    };
    let own = config(Retention::Overwrite);
    assert_eq!(mount(9, own), Err(MountError::Cell(cell::MountError::Lost)));
    assert_eq!(mount(1, own), Ok(()));
    let halved = Config { ring: Region::new(CELL_PAGES * PAGE, PAGE / 2), ..own };
    assert!(matches!(mount(1, halved), Err(MountError::Geometry(_))));
    let two_pages = Config { ring: Region::new(CELL_PAGES * PAGE, 2 * PAGE), ..own };
    assert!(matches!(mount(1, two_pages), Err(MountError::Geometry(_))));
    assert_eq!(bench.flash.image(), image);

    let stranger = verify_image(&image, &AgreementSecret::from_bytes(secret(99)));
    assert_eq!((stranger.numbers.len(), stranger.summary.unwrap().records), (0, 0));
    assert!(verify_image(&image, &authority()).numbers.len() > 50);
}

#[test]
fn a_log_formatted_twice_is_empty_and_works() {
    let mut bench = lived();
    let birth = Birth { audit: secret(14), ephemeral: secret(15), seed: secret(16) };
    let own = config(Retention::Overwrite);
    Log::<Aes256Gcm>::format(&mut bench.flash, &own, &secret(1), birth).unwrap();
    bench.acknowledged.clear();
    bench.boot();
    assert_eq!(bench.log.as_ref().unwrap().health().sessions, 0);
    bench.maintain().unwrap();
    bench.append().unwrap();
    let report = bench.check();
    assert_eq!((report.numbers.len(), report.summary.unwrap().first_bad), (1, None));
}

#[test]
fn a_failed_operation_costs_its_record_and_nothing_that_was_acknowledged() {
    let mut faults = 0;
    for failing in 1..=50 {
        let mut bench = Bench::new(Retention::Overwrite);
        bench.boot();
        bench.maintain().unwrap();
        bench.append().unwrap();
        bench.flash.fail_after(failing);
        for _ in 0..40 {
            // An error is followed by another call, which starts over.
            if bench.maintain().is_err() {
                bench.maintain().unwrap();
            }
            match bench.append() {
                Ok(()) => {}
                Err(error) => {
                    assert!(matches!(error, RecordError::Fault), "{error:?} at {failing}");
                    assert_eq!(bench.append(), Err(RecordError::NotReady));
                }
            }
        }
        let health = bench.log.as_ref().unwrap().health();
        assert!(health.faults <= 1);
        faults += u32::from(health.faults);
        let report = bench.check();
        assert_eq!(report.summary.unwrap().first_bad, None, "{failing}: {:?}", report.ranges);
    }
    assert!(faults > 40, "{faults}");
}

#[test]
fn a_start_that_fails_at_any_operation_is_tried_again() {
    let mut tried = 0;
    for failing in 1..=24 {
        let mut bench = lived();
        bench.boot();
        bench.flash.fail_after(failing);
        if bench.maintain().is_err() {
            tried += 1;
            bench.maintain().unwrap();
        }
        if bench.append() == Err(RecordError::Fault) {
            bench.maintain().unwrap();
            bench.append().unwrap();
        }
        let report = bench.check();
        assert_eq!(report.summary.unwrap().first_bad, None, "{failing}: {:?}", report.ranges);
    }
    assert!(tried >= 3, "{tried}");
}

#[test]
fn a_worn_page_ends_in_a_stated_error_after_few_operations() {
    for worn in 0..CELL_PAGES + RING_PAGES {
        let mut bench = lived();
        bench.flash.wear_out(worn);
        let mut exhausted = 0;
        for _ in 0..8 {
            bench.boot();
            let before = mark(&bench.flash);
            let mut errors = 0;
            for _ in 0..CALLS_MAX {
                let recorded = bench.append();
                match bench.step() {
                    Ok(_) => {}
                    Err(MaintainError::Exhausted) => {
                        assert_eq!(recorded, Err(RecordError::Fault));
                    }
                    Err(error) => {
                        assert!(matches!(error, MaintainError::Flash(_)), "{error}");
                        errors += 1;
                    }
                }
            }
            let faults = bench.log.as_ref().unwrap().health().faults;
            assert!(faults <= RESTARTS_MAX + 1 && errors <= u32::from(RESTARTS_MAX) + 1);
            exhausted += u32::from(faults > RESTARTS_MAX);
            let (programs, erases) = spent(&bench.flash, before);
            // Each record programs once; what wears is the erases: those of a lap, and of each start.
            assert!(programs <= 2 * u64::from(CALLS_MAX), "{programs}");
            assert!(erases <= u64::from(CALLS_MAX) / 10, "page {worn}: {erases} erases");
        }
        assert!(exhausted > 0, "page {worn} is met again and again");
        bench.check();
    }
}

#[test]
fn a_part_that_takes_nothing_any_more_costs_no_erase_and_no_panic() {
    let mut bench = lived();
    bench.boot();
    for page in 0..CELL_PAGES + RING_PAGES {
        bench.flash.wear_out(page);
    }
    let before = mark(&bench.flash);
    for _ in 0..CALLS_MAX {
        bench.append().unwrap_err();
        bench.step().map(|_| ()).unwrap_or_default();
    }
    assert_eq!(bench.step(), Err(MaintainError::Exhausted));
    assert_eq!(spent(&bench.flash, before), (0, 0));
    bench.check();
}

#[test]
fn a_word_that_cannot_be_read_in_the_cell_is_outvoted() {
    // One word of each copy in turn; a cell of four pages has three copies in each.
    for copy in 0..3 {
        for page in 0..CELL_PAGES {
            let mut bench = lived();
            bench.flash.break_word(page * PAGE + copy * 244 + 100);
            for _ in 0..9 {
                bench.boot();
                bench.maintain().unwrap();
                bench.append().unwrap();
            }
            let report = bench.check();
            assert_eq!(report.summary.unwrap().first_bad, None);
        }
    }
}

#[test]
fn a_word_that_cannot_be_read_in_the_ring_costs_no_more_than_its_page() {
    let mut prng = Prng::new(17);
    // A page holds no more of these records; what is programmed is not read back.
    let page_records = (PAGE / 40) as usize;
    for _ in 0..100 {
        let mut bench = lived();
        let words = (RING_PAGES * PAGE / 4) as usize;
        bench.flash.break_word(RING as u32 + 4 * prng.below(words) as u32);
        for _ in 0..3 {
            bench.boot();
            bench.maintain().unwrap();
            for _ in 0..10 {
                bench.append().unwrap();
                bench.maintain().unwrap();
            }
        }
        assert_eq!(bench.log.as_ref().unwrap().health().faults, 0);
        assert_eq!(bench.flash.double_programs(), 0);
        let found = bench.verify().numbers;
        let lost = bench.acknowledged[150..].iter().filter(|number| !found.contains(number));
        assert!(lost.count() <= page_records, "{found:?}");
    }
}
