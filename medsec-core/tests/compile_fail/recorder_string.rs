//@ error: E0277
//! A formatted log line.
use medsec_core::event::{RecordError, Recorder, ResetCause, SystemEvent};

pub fn program(log: &mut impl Recorder) -> Result<(), RecordError> {
    let _ = ResetCause::PowerOn;
    log.record(&format!("bed {}", 4))
}
