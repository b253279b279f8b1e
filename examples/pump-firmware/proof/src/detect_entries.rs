//! Entries of detection.

use core::hint::black_box;

use medsec::audit::Place;
use medsec::audit::detect::{Detection, Detector, RULES, Rule, Sight, checked};
use medsec::audit::hal::Watcher;
use medsec::core::event::SystemEvent;
use medsec::core::time::Ticks;
use medsec::{BootError, Device, Identity, RecordError, ResetCause};

use crate::device_entries::{MakerEvent, OpaquePort};

/// A listener of whom nothing is known.
pub struct OpaqueWatcher;

impl Watcher for OpaqueWatcher {
    #[inline(never)]
    fn on_detection(&mut self, detection: &Detection) {
        black_box(detection);
    }
}

const TABLE: &[Rule] = checked(RULES);

#[unsafe(no_mangle)]
fn entry_detector_new() -> Detector {
    Detector::new(TABLE)
}

#[unsafe(no_mangle)]
fn entry_detector_observe(detector: &mut Detector, sight: &Sight, now: Ticks) {
    detector.observe(sight, now, &mut OpaqueWatcher);
}

#[unsafe(no_mangle)]
fn entry_detector_observe_append(
    detector: &mut Detector,
    event: &MakerEvent,
    result: &Result<Place, RecordError>,
    now: Ticks,
) {
    detector.observe_append(event, result, now, &mut OpaqueWatcher);
}

#[unsafe(no_mangle)]
fn entry_detector_due(detector: &Detector) -> Option<Detection> {
    detector.due()
}

#[unsafe(no_mangle)]
fn entry_detector_recorded(detector: &mut Detector, detection: &Detection) {
    detector.recorded(detection);
}

#[unsafe(no_mangle)]
fn entry_detector_refused(detector: &mut Detector, detection: &Detection) {
    detector.refused(detection);
}

#[unsafe(no_mangle)]
fn entry_detection_event(detection: &Detection) -> SystemEvent {
    detection.event()
}

#[unsafe(no_mangle)]
fn entry_detect_sight(event: &MakerEvent) -> Sight {
    Sight::of(event)
}

#[unsafe(no_mangle)]
fn entry_device_boot_watched(
    identity: &Identity,
    cause: ResetCause,
) -> Result<Device<OpaquePort, OpaqueWatcher>, BootError> {
    Device::boot_watched(OpaquePort, identity, cause, OpaqueWatcher)
}

#[unsafe(no_mangle)]
fn entry_device_log_watched(
    device: &mut Device<OpaquePort, OpaqueWatcher>,
    event: &MakerEvent,
) -> Result<Place, RecordError> {
    device.log(event)
}
