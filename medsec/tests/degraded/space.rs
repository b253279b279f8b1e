//! No room: a full log, a boot storm.

use medsec::RecordError;
use medsec::core::event::Count;
use medsec_sim::clock::SimClock;
use medsec_sim::rng::Noise;

use crate::bench::{
    Blocking, Overwriting, PAGE, RING_PAGES, authority, boot, event, maintain, manufactured,
    records, started, times,
};

const BOOT_STORM: u16 = 0x0002;
const NEARLY_FULL: u16 = 0x0101;
const LOG_CLEARED: u16 = 0x0102;

/// Records until the log refuses; gives the numbers that it took.
fn fill(device: &mut Blocking<'_>) -> Vec<u32> {
    for number in 0..10_000 {
        match device.log(&event(number)) {
            Ok(_) => maintain(device).unwrap(),
            Err(error) => {
                assert_eq!(error, RecordError::Full);
                return (0..number).collect();
            }
        }
    }
    panic!("a log that blocks takes records without end");
}

#[test]
fn a_full_log_warns_refuses_is_exported_from_its_reserve_and_recovers() {
    let mut flash = manufactured();
    let mut device: Blocking<'_> = started(&mut flash);
    let kept = fill(&mut device);
    assert!(device.health().records_lost && device.health().log.used_per_mille >= 800);

    // What leads to its being emptied still finds room.
    let by = medsec::core::event::PrincipalId::new([7; 8]);
    device.log_reserved(&medsec::SystemEvent::ExportStarted { by }).unwrap();
    let (log, part) = device.log_mut();
    let mut export = Vec::new();
    let mut cursor = log.export_start().unwrap();
    loop {
        let mut piece = [0; 500];
        let count = log.export(part, 7, &mut cursor, &mut piece).unwrap();
        export.extend_from_slice(&piece[..count]);
        if count == 0 {
            break;
        }
    }
    let ring = usize::try_from(RING_PAGES * PAGE).unwrap();
    let image = part.image();
    assert!(export.ends_with(&image[image.len() - ring..]));
    let done = medsec::SystemEvent::ExportCompleted { records: Count::new(1) };
    device.log_reserved(&done).unwrap();

    let numbers = |flash: &_| -> Vec<u32> {
        let (records, summary) = records(flash, &authority());
        assert_eq!(summary.first_bad, None);
        let suppressed = records.iter().filter(|record| record.event == 0x0103);
        suppressed.filter_map(|record| record.count()).collect()
    };
    assert_eq!(numbers(device.log_mut().1), kept);
    assert_eq!(times(device.log_mut().1, NEARLY_FULL), 1, "said once");

    device.log_mut().0.request_clear();
    maintain(&mut device).unwrap();
    for number in 20_000..20_010 {
        device.log(&event(number)).unwrap();
        maintain(&mut device).unwrap();
    }
    assert!(device.health().log.used_per_mille < 800);
    drop(device);
    assert!(numbers(&flash).ends_with(&(20_000..20_010).collect::<Vec<_>>()));
    assert!(times(&flash, LOG_CLEARED) >= 1);
}

#[test]
fn a_full_log_stays_as_it_is_over_boots_and_can_be_cleared_in_any_of_them() {
    let mut flash = manufactured();
    let kept = fill(&mut started(&mut flash));
    for _ in 0..30 {
        let noise = Noise::good(flash.counts().reads);
        let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
        // A session that finds no room does not start, and says so.
        let started = maintain(&mut device);
        assert_eq!(device.log(&event(1)), Err(RecordError::Full), "{started:?}");
    }
    let found = records(&flash, &authority()).0;
    let found: Vec<u32> = found.iter().filter_map(|record| record.count()).collect();
    assert!(kept.iter().all(|number| found.contains(number)));
    let noise = Noise::good(flash.counts().reads);
    let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
    device.log_mut().0.request_clear();
    maintain(&mut device).unwrap();
    device.log(&event(2)).unwrap();
}

#[test]
fn a_log_that_overwrites_wraps_and_keeps_the_newest() {
    let mut flash = manufactured();
    let mut device: Overwriting<'_> = started(&mut flash);
    for number in 0..1_000 {
        device.log(&event(number)).unwrap();
        maintain(&mut device).unwrap();
    }
    drop(device);
    let (records, summary) = records(&flash, &authority());
    let found: Vec<u32> = records.iter().filter_map(|record| record.count()).collect();
    assert_eq!((found.last(), summary.first_bad), (Some(&999), None));
    assert!(found.len() > 150 && found.windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn a_boot_storm_is_told_and_ends_when_a_boot_lasts() {
    let mut flash = manufactured();
    for _ in 0..8 {
        started::<false>(&mut flash).log(&event(1)).unwrap();
    }
    let told = times(&flash, BOOT_STORM);
    assert!(told > 0, "four pages with secrets of four boots");
    let clock = SimClock::new();
    let mut device: Overwriting<'_> = boot(&mut flash, Noise::good(5), &clock).unwrap();
    maintain(&mut device).unwrap();
    assert_eq!(device.health().log.live_pages, 4);
    clock.set(600_000);
    maintain(&mut device).unwrap();
    assert_eq!(device.health().log.live_pages, 1, "the secrets of earlier boots are destroyed");
    drop(device);
    let told = times(&flash, BOOT_STORM);
    started::<false>(&mut flash).log(&event(1)).unwrap();
    assert_eq!(times(&flash, BOOT_STORM), told);
}
