//! Bytes that mean nothing, and a part that fails.

use medsec::audit::log::RESTARTS_MAX;
use medsec::audit::{MaintainError, MountError};
use medsec::core::agreement::AgreementSecret;
use medsec::core::event::{Count, FieldValue, Fields};
use medsec::core::flash::{Operation, cell};
use medsec::{BootError, Device, RecordError, ResetCause, Secret};
use medsec_sim::clock::SimClock;
use medsec_sim::fault::Model;
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;

use crate::bench::{
    Board, Overwriting, PAGE, Part, RING_PAGES, authority, boot, event, format, identity, maintain,
    manufactured, mark, records, spent, started, step, times,
};

const DAMAGED_PAGE: u16 = 0x0104;
const FLASH_FAULT: u16 = 0x0004;
const LOST: BootError = BootError::Log(MountError::Cell(cell::MountError::Lost));

#[test]
fn a_part_of_any_bytes_gives_an_error_and_is_not_touched() {
    let mut prng = Prng::new(3);
    let length = usize::try_from((4 + RING_PAGES) * PAGE).unwrap();
    for kind in 0..200 {
        let mut image = vec![[0x00, 0xFF][kind % 2]; length];
        if kind > 1 {
            prng.fill(&mut image);
        }
        let mut flash = Part::from_image(image.clone(), Model::None, 1);
        let refused = boot::<false>(&mut flash, Noise::good(1), &SimClock::new()).err();
        assert_eq!(refused, Some(LOST));
        assert_eq!((mark(&flash).1, flash.image() == image), (0, true));
    }
}

#[test]
fn a_device_with_another_storage_root_finds_no_log_and_formats_none() {
    let mut flash = manufactured();
    started::<false>(&mut flash).log(&event(1)).unwrap();
    let image = flash.image();
    let board = Board::<false> { flash: &mut flash, noise: Noise::good(1), clock: SimClock::new() };
    assert_eq!(Device::boot(board, &identity(8), ResetCause::PowerOn).err(), Some(LOST));
    assert_eq!(flash.image(), image);
    assert_eq!(records(&flash, &authority()).0.len(), 2);
    let stranger = AgreementSecret::from_bytes(Secret::new([44; 32]));
    assert_eq!(records(&flash, &stranger).0.len(), 0);
}

#[test]
fn a_device_formatted_twice_starts_with_an_empty_log() {
    let mut flash = manufactured();
    started::<false>(&mut flash).log(&event(1)).unwrap();
    format(&mut flash);
    assert_eq!(records(&flash, &authority()).0.len(), 0);
    started::<false>(&mut flash).log(&event(2)).unwrap();
    let (records, summary) = records(&flash, &authority());
    assert_eq!((records.len(), summary.first_bad), (2, None));
}

#[test]
fn a_refused_record_is_counted_and_flagged_until_the_next_boot() {
    let mut flash = manufactured();
    let mut device: Overwriting<'_> = boot(&mut flash, Noise::good(1), &SimClock::new()).unwrap();
    assert_eq!(device.log(&event(1)), Err(RecordError::NotReady));
    assert_eq!(device.log_reserved(&event(1)), Err(RecordError::NotReady));
    assert!(!device.health().records_lost, "asking to try again loses nothing");
    maintain(&mut device).unwrap();
    device.log_mut().1.fail_after(1);
    assert_eq!(device.log(&event(2)), Err(RecordError::Fault));
    maintain(&mut device).unwrap();
    device.log(&event(3)).unwrap();
    let health = device.health();
    assert_eq!((health.log.refused, health.records_lost), (1, true), "the flag stays");
    drop(device);
    assert!(!started::<false>(&mut flash).health().records_lost);
}

#[test]
fn a_part_that_fails_once_costs_one_record_and_starts_a_new_session() {
    for failing in 1..30 {
        let mut flash = manufactured();
        let mut device = started::<false>(&mut flash);
        device.log(&event(0)).unwrap();
        device.log_mut().1.fail_after(failing);
        let mut acknowledged = vec![0];
        for number in 1..40 {
            if maintain(&mut device).is_err() {
                maintain(&mut device).unwrap();
            }
            match device.log(&event(number)) {
                Ok(_) => acknowledged.push(number),
                Err(error) => assert_eq!(error, RecordError::Fault),
            }
        }
        let health = device.health();
        assert_eq!((health.log.faults, health.log.sessions), (1, 2), "{failing}");
        assert!(acknowledged.len() >= 39);
        let fault = health.log.fault.unwrap();
        let (records, summary) = records(&flash, &authority());
        let found: Vec<u32> = records.iter().filter_map(|record| record.count()).collect();
        assert_eq!((found, summary.first_bad), (acknowledged, None), "{failing}");
        // The device says once what failed, and where.
        let told: Vec<_> = records.iter().filter(|record| record.event == FLASH_FAULT).collect();
        let [told] = told.as_slice() else { panic!("{} records of one fault", told.len()) };
        let fields: Vec<_> = Fields::new(&told.fields).map(Result::unwrap).collect();
        let operation = match fault.operation {
            Operation::Read => 1,
            Operation::Program => 2,
            Operation::Erase | _ => 3,
        };
        let expected = [FieldValue::Code(operation), FieldValue::Count(Count::new(fault.offset))];
        assert_eq!(fields, expected, "{failing}");
    }
}

#[test]
fn a_part_that_is_worn_out_ends_the_log_for_the_boot_and_nothing_else() {
    let mut flash = manufactured();
    let mut device = started::<false>(&mut flash);
    for number in 0..20 {
        device.log(&event(number)).unwrap();
    }
    drop(device);
    for page in 0..4 + RING_PAGES {
        flash.wear_out(page);
    }
    for _ in 0..5 {
        let before = mark(&flash);
        let mut device: Overwriting<'_> =
            boot(&mut flash, Noise::good(1), &SimClock::new()).unwrap();
        let mut errors = 0;
        let mut therapy = 0;
        for number in 0..200 {
            device.log(&event(number)).unwrap_err();
            match step(&mut device) {
                Ok(_) => {}
                Err(MaintainError::Exhausted) => therapy += 1,
                Err(error) => {
                    assert!(matches!(error, MaintainError::Flash(_)), "{error}");
                    errors += 1;
                }
            }
        }
        assert_eq!((errors, device.health().log.faults), (RESTARTS_MAX + 1, RESTARTS_MAX + 1));
        assert!(therapy > 100, "every call returns");
        drop(device);
        assert_eq!(spent(&flash, before), (0, 0));
    }
    assert_eq!(records(&flash, &authority()).0.len(), 21);
}

#[test]
fn a_power_cut_at_any_operation_of_a_boot_loses_nothing_that_was_acknowledged() {
    for cut in 1..40 {
        for model in Model::SHARPEST {
            let mut flash = manufactured();
            let mut acknowledged = Vec::new();
            for number in 0..6 {
                flash.set_model(model);
                if number == 3 {
                    flash.cut_after(cut);
                }
                let mut device: Overwriting<'_> =
                    boot(&mut flash, Noise::good(number), &SimClock::new()).unwrap();
                for extra in 0..3 {
                    let number = u32::try_from(number).unwrap() * 10 + extra;
                    if maintain(&mut device).is_ok() && device.log(&event(number)).is_ok() {
                        acknowledged.push(number);
                    }
                }
                drop(device);
                flash.power_off();
                flash.power_on();
            }
            let (records, summary) = records(&flash, &authority());
            let found: Vec<u32> = records.iter().filter_map(|record| record.count()).collect();
            let kept = |number: &u32| found.contains(number);
            assert!(acknowledged.iter().all(kept), "{cut} {model}: {acknowledged:?} {found:?}");
            assert_eq!(summary.first_bad, None, "{cut} {model}");
        }
    }
}

/// The records that were acknowledged in two boots, and the part.
fn two_boots() -> Part {
    let mut flash = manufactured();
    for boot in 0..2 {
        let mut device = started::<false>(&mut flash);
        for number in 0..60 {
            device.log(&event(boot * 100 + number)).unwrap();
            maintain(&mut device).unwrap();
        }
    }
    flash
}

#[test]
fn a_damaged_page_is_told_of_before_it_is_used_again() {
    // In the header of the newest page, and in that of an entry with others behind it.
    for damage in 0..4 {
        let mut flash = two_boots();
        let (_, head) = records(&flash, &authority()).1.head.unwrap();
        // So many that they are not all within the gap that a session leaves in any case.
        let back = 15 * 40;
        let offset = [0, 40, 108, head.offset - back][damage];
        let broken = (4 + head.page % RING_PAGES) * PAGE + offset;
        flash.break_word(broken);
        let before = records(&flash, &authority()).0.len();
        let mut device = started::<false>(&mut flash);
        assert!(device.log_mut().0.damaged_page().is_some(), "{damage}");
        device.log(&event(1_000)).unwrap();
        maintain(&mut device).unwrap();
        drop(device);
        assert_eq!(times(&flash, DAMAGED_PAGE), 1, "{damage}");
        assert_eq!(flash.double_programs(), 0);
        assert!(records(&flash, &authority()).0.len() <= before + 3);
    }
}

#[test]
fn a_part_without_damage_is_told_of_none() {
    let mut flash = two_boots();
    for _ in 0..20 {
        let mut device = started::<false>(&mut flash);
        for number in 0..30 {
            device.log(&event(number)).unwrap();
            maintain(&mut device).unwrap();
        }
        assert_eq!(device.log_mut().0.damaged_page(), None);
    }
    // Nor is it after boots that were cut before they recorded anything, in the newest page.
    for _ in 0..5 {
        let mut device: Overwriting<'_> =
            boot(&mut flash, Noise::good(1), &SimClock::new()).unwrap();
        assert_eq!(device.log_mut().0.damaged_page(), None);
        for _ in 0..6 {
            step(&mut device).unwrap();
        }
        drop(device);
        flash.power_off();
        flash.power_on();
    }
}
