//@ error: E0038
//! A recorder behind a pointer, where any event type is lost.
use medsec_core::event::{RecordError, Recorder, ResetCause, SystemEvent};

pub fn program(log: &mut impl Recorder) -> Result<(), RecordError> {
    let _ = ResetCause::PowerOn;
    let log: &mut dyn Recorder = log; log.record(&SystemEvent::BootCompleted { cause: ResetCause::PowerOn })
}
