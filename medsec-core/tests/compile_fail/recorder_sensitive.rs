//@ error: E0277
//! A personal value on its own.
use medsec_core::event::{RecordError, Recorder, ResetCause, SystemEvent};

pub fn program(log: &mut impl Recorder) -> Result<(), RecordError> {
    let _ = ResetCause::PowerOn;
    log.record(&medsec_core::Sensitive::new([0_u8; 8]))
}
