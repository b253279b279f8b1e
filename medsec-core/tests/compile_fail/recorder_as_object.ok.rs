//@ compiles
//! A recorder behind a pointer, where any event type is lost.
use medsec_core::event::{RecordError, Recorder, ResetCause, SystemEvent};

pub fn program(log: &mut impl Recorder) -> Result<(), RecordError> {
    let _ = ResetCause::PowerOn;
    log.record(&SystemEvent::BootCompleted { cause: ResetCause::PowerOn })
}
