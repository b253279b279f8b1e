//! Clocks that stand still, go back or were never set.

use medsec::core::event::{FieldValue, Fields};
use medsec::core::time::{TimeSource, WallTime};
use medsec::{RecordError, Ticks};
use medsec_sim::clock::SimClock;
use medsec_sim::rng::Noise;

use crate::bench::{Overwriting, authority, boot, event, maintain, manufactured, records, started};

const CLOCK_SET: u16 = 0x0007;
const CLOCK_WENT_BACK: u16 = 0x0008;

const fn at(unix_seconds: u64) -> WallTime {
    WallTime { unix_seconds, source: TimeSource::Person, uncertainty_seconds: 60 }
}

#[test]
fn ticks_that_stand_still_or_go_back_change_no_order() {
    let mut flash = manufactured();
    let clock = SimClock::new();
    let mut device: Overwriting<'_> = boot(&mut flash, Noise::good(1), &clock).unwrap();
    maintain(&mut device).unwrap();
    let times = [900, 900, 900, 20, 0, 700];
    for (number, now) in (0..).zip(times) {
        clock.set(now);
        assert_eq!(device.now(), Ticks::from_millis(now));
        device.log(&event(number)).unwrap();
        maintain(&mut device).unwrap();
    }
    drop(device);
    let (records, summary) = records(&flash, &authority());
    assert_eq!(summary.first_bad, None);
    let own: Vec<_> = records.iter().filter(|record| record.event == 0x0103).collect();
    assert!(own.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let stored: Vec<_> = own.iter().map(|record| (record.count().unwrap(), record.at)).collect();
    assert_eq!(stored, (0..).zip(times).collect::<Vec<_>>());
}

#[test]
fn a_wall_clock_that_was_not_set_says_so() {
    let mut flash = manufactured();
    let clock = SimClock::new();
    let mut device: Overwriting<'_> = boot(&mut flash, Noise::good(1), &clock).unwrap();
    assert_eq!(device.wall_time().source, TimeSource::Unknown);
    assert_eq!(device.set_wall_time(at(1_000)), Err(RecordError::NotReady));
    assert_eq!(device.wall_time().source, TimeSource::Unknown, "what is not recorded is not done");
    maintain(&mut device).unwrap();
    device.set_wall_time(at(1_000)).unwrap();
    clock.advance(90_500);
    assert_eq!(device.wall_time(), at(1_090));
    drop(device);
    assert_eq!(started::<false>(&mut flash).wall_time().source, TimeSource::Unknown);
}

#[test]
fn a_clock_set_back_is_an_event_and_re_opens_nothing() {
    let mut flash = manufactured();
    let clock = SimClock::new();
    let mut device: Overwriting<'_> = boot(&mut flash, Noise::good(1), &clock).unwrap();
    maintain(&mut device).unwrap();
    device.set_wall_time(at(5_000)).unwrap();
    clock.advance(10_000);
    let before = device.health();
    device.set_wall_time(at(100)).unwrap();
    assert_eq!((device.wall_time(), device.latest_wall_time()), (at(100), at(5_010)));
    // Later than it is now, but not than it was: still a clock that went back.
    device.set_wall_time(at(3_000)).unwrap();
    assert_eq!(device.latest_wall_time(), at(5_010));
    device.set_wall_time(at(6_000)).unwrap();
    assert_eq!((device.wall_time(), device.latest_wall_time()), (at(6_000), at(6_000)));
    // The log is as before: no new session, ticks go on, and it takes records.
    assert_eq!(device.health().log.sessions, before.log.sessions);
    assert_eq!(device.now(), Ticks::from_millis(10_000));
    device.log(&event(1)).unwrap();
    drop(device);

    let (records, summary) = records(&flash, &authority());
    assert_eq!(summary.first_bad, None);
    let times = records.iter().filter(|record| matches!(record.event, CLOCK_SET | CLOCK_WENT_BACK));
    let said: Vec<_> = times
        .map(|record| {
            let fields: Vec<_> = Fields::new(&record.fields).map(Result::unwrap).collect();
            match fields[..] {
                [FieldValue::Time(from), FieldValue::Time(to)] => {
                    (record.event, from.unix_seconds, to.unix_seconds)
                }
                _ => panic!("two times"),
            }
        })
        .collect();
    let expected = [
        (CLOCK_SET, 0, 5_000),
        (CLOCK_WENT_BACK, 5_010, 100),
        (CLOCK_WENT_BACK, 5_010, 3_000),
        (CLOCK_SET, 3_000, 6_000),
    ];
    assert_eq!(said, expected);
}
