//@ error: E0277
//! Raw bytes.
use medsec_core::event::{RecordError, Recorder, ResetCause, SystemEvent};

pub fn program(log: &mut impl Recorder) -> Result<(), RecordError> {
    let _ = ResetCause::PowerOn;
    log.record(&[0_u8; 8])
}
