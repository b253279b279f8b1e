//! What the device finds in what it records: told, recorded, and never in the way.

use core::cell::RefCell;

use medsec::audit::detect::{Detection, RULES, RULES_MAX};
use medsec::audit::hal::Watcher;
use medsec::core::event::{Pattern, Severity};
use medsec::core::time::{TimeSource, WallTime};
use medsec::{Device, RecordError, ResetCause, events};
use medsec_sim::clock::SimClock;
use medsec_sim::rng::{Behaviour, Noise};

use crate::bench::{
    Board, CALLS_MAX, Part, authority, event, identity, maintain, manufactured, mark, records,
    spent, step, times,
};

const DETECTED: u16 = 0x0107;

events! {
    /// What happens at the door of this device.
    enum Door {
        /// Somebody came in.
        Opened = 0x4001 [AccessControl, Security, Success],
        /// Somebody was turned away.
        Refused = 0x4002 [AccessControl, Security, MinorFailure],
        /// A dose was delivered.
        Dose = 0x4003 [ControlSystem, Operational, Success],
    }
}

/// Hears everything, and lets the test read it while the device lives.
#[derive(Default)]
struct Ear(RefCell<Vec<Detection>>);

impl Watcher for &Ear {
    fn on_detection(&mut self, detection: &Detection) {
        self.0.borrow_mut().push(*detection);
    }
}

impl Ear {
    fn heard(&self) -> Vec<Pattern> {
        self.0.borrow().iter().map(|detection| detection.pattern).collect()
    }
}

type Watched<'a, const BLOCKS: bool> = Device<Board<'a, BLOCKS>, &'a Ear>;

fn watched<'a, const BLOCKS: bool>(
    flash: &'a mut Part,
    noise: Noise,
    clock: &SimClock,
    ear: &'a Ear,
) -> Watched<'a, BLOCKS> {
    let board = Board { flash, noise, clock: clock.clone() };
    Device::boot_watched(board, &identity(1), ResetCause::PowerOn, ear).unwrap()
}

fn ready<'a>(flash: &'a mut Part, clock: &SimClock, ear: &'a Ear) -> Watched<'a, false> {
    let mut device = watched(flash, Noise::good(1), clock, ear);
    maintain(&mut device).unwrap();
    device
}

#[test]
fn a_burst_of_failed_logins_is_told_at_once_and_recorded_in_the_next_maintenance() {
    let (mut flash, clock, ear) = (manufactured(), SimClock::new(), Ear::default());
    let mut device = ready(&mut flash, &clock, &ear);
    for _ in 0..4 {
        device.log(&Door::Refused).unwrap();
        clock.advance(1_000);
    }
    assert_eq!(ear.heard(), []);
    let before = mark(device.log_mut().1);
    device.log(&Door::Refused).unwrap();
    let (programs, erases) = spent(device.log_mut().1, before);
    assert!(programs <= 2 && erases == 0, "an append costs what it costs: {programs}");
    let heard = *ear.0.borrow().first().unwrap();
    assert_eq!(
        (heard.pattern, heard.severity, heard.events, heard.unrecorded),
        (Pattern::AccessFailures, Severity::Warning, 5, 0)
    );
    maintain(&mut device).unwrap();
    drop(device);
    let (records, _) = records(&flash, &authority());
    let record = records.last().unwrap();
    assert_eq!(record.event, DETECTED);
    let code = Pattern::AccessFailures.code();
    assert_eq!(record.fields, [1, code, 1, 2, 3, 5, 0, 0, 0, 3, 0, 0, 0, 0]);
}

#[test]
fn what_the_device_records_by_itself_is_watched_too() {
    let (mut flash, clock, ear) = (manufactured(), SimClock::new(), Ear::default());
    let mut device = ready(&mut flash, &clock, &ear);
    let at = |unix_seconds| WallTime {
        unix_seconds,
        source: TimeSource::Person,
        uncertainty_seconds: 1,
    };
    device.set_wall_time(at(5_000)).unwrap();
    assert_eq!(ear.heard(), []);
    device.set_wall_time(at(4_000)).unwrap();
    assert_eq!(ear.heard(), [Pattern::ClockWentBack]);
    drop(device);

    let ear = Ear::default();
    let mut device: Watched<'_, false> =
        watched(&mut flash, Noise::new(Behaviour::Stuck(true), 1), &clock, &ear);
    maintain(&mut device).unwrap();
    assert_eq!(ear.heard(), [Pattern::NoiseFault]);
    drop(device);

    let mut storms = 0;
    for number in 0..6 {
        let ear = Ear::default();
        let mut device: Watched<'_, false> = watched(&mut flash, Noise::good(number), &clock, &ear);
        maintain(&mut device).unwrap();
        let is_storm = device.health().log.live_pages >= 4;
        assert_eq!(ear.heard().contains(&Pattern::BootStorm), is_storm, "boot {number}");
        storms += u32::from(is_storm);
    }
    assert!(storms > 0);
    assert!(times(&flash, DETECTED) >= 4);
}

/// A log that refuses is told of, and so is what it refused. Nothing else follows: the calls end, therapy goes on.
#[test]
fn a_full_log_is_told_of_and_detection_goes_on_without_it() {
    let (mut flash, clock, ear) = (manufactured(), SimClock::new(), Ear::default());
    let mut device: Watched<'_, true> = watched(&mut flash, Noise::good(1), &clock, &ear);
    maintain(&mut device).unwrap();
    while device.log(&event(1)) != Err(RecordError::Full) {
        maintain(&mut device).unwrap();
    }
    assert_eq!(ear.heard(), [Pattern::LogNearlyFull, Pattern::RecordsRefused]);
    let before = mark(device.log_mut().1);
    for _ in 0..100 {
        assert_eq!(device.log(&Door::Refused), Err(RecordError::Full));
        maintain(&mut device).unwrap();
    }
    assert_eq!(ear.heard().last(), Some(&Pattern::AccessFailures));
    assert_eq!(ear.heard().len(), 3);
    assert_eq!(spent(device.log_mut().1, before), (0, 0), "the reserve is not touched");
    let place = device.log_reserved(&event(2)).unwrap();
    assert!(place.seq > 0);
}

/// Three hours of failures, ten a second: a bounded number of detections, and maintenance always comes to its end.
#[test]
fn a_flood_does_not_wear_the_flash() {
    let (mut flash, clock, ear) = (manufactured(), SimClock::new(), Ear::default());
    let mut device = ready(&mut flash, &clock, &ear);
    let mut calls_most = 0;
    let mut detections = 0;
    for _ in 0..3 * 3_600 {
        clock.advance(1_000);
        for _ in 0..2 {
            device.log(&Door::Refused).map(drop).unwrap_or_default();
        }
        let before = device.log_mut().0.health().refused;
        let mut calls = 0;
        while step(&mut device).unwrap() != medsec::audit::Progress::Idle {
            calls += 1;
            assert!(calls < CALLS_MAX);
        }
        calls_most = calls_most.max(calls);
        assert_eq!(device.log_mut().0.health().refused, before);
        detections = ear.heard().len();
    }
    drop(device);
    assert!((2..=4).contains(&detections), "{detections}");
    assert!(times(&flash, DETECTED) <= RULES.len(), "{}", times(&flash, DETECTED));
    assert!(RULES.len() <= RULES_MAX && calls_most < 20, "{calls_most}");
}

/// A day of a device in use, with the mistakes that people make: nothing is found.
#[test]
fn a_benign_day_is_quiet() {
    let (mut flash, clock, ear) = (manufactured(), SimClock::new(), Ear::default());
    let mut device = ready(&mut flash, &clock, &ear);
    for minute in 0..24 * 60 {
        clock.advance(60_000);
        device.log(&Door::Dose).unwrap();
        if minute % 120 == 0 {
            // Two mistyped passwords, then the right one.
            for event in [Door::Refused, Door::Refused, Door::Opened] {
                clock.advance(10_000);
                device.log(&event).unwrap();
            }
        }
        maintain(&mut device).unwrap();
    }
    drop(device);
    assert_eq!(ear.heard(), []);
    assert_eq!(times(&flash, DETECTED), 0);
}

/// The device is the same with and without a listener, byte for byte.
#[test]
fn a_listener_changes_nothing() {
    let images: Vec<_> = [true, false]
        .into_iter()
        .map(|listens| {
            let (mut flash, clock, ear) = (manufactured(), SimClock::new(), Ear::default());
            let play = |device: &mut dyn FnMut(&Door)| {
                for _ in 0..20 {
                    device(&Door::Refused);
                }
            };
            if listens {
                let mut device = ready(&mut flash, &clock, &ear);
                play(&mut |event| {
                    device.log(event).unwrap();
                    maintain(&mut device).unwrap();
                });
            } else {
                let board = Board::<false> {
                    flash: &mut flash,
                    noise: Noise::good(1),
                    clock: clock.clone(),
                };
                let mut device = Device::boot(board, &identity(1), ResetCause::PowerOn).unwrap();
                maintain(&mut device).unwrap();
                play(&mut |event| {
                    device.log(event).unwrap();
                    maintain(&mut device).unwrap();
                });
            }
            assert_eq!(ear.heard().is_empty(), !listens);
            flash.image()
        })
        .collect();
    assert!(images[0] == images[1]);
}
