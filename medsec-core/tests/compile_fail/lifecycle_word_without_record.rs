//@ error: E0599
//! The word of a change that was not recorded.
use medsec_core::event::{RecordError, Recorder};
use medsec_core::lifecycle::Transition;

pub fn program(transition: Transition, log: &mut impl Recorder) -> Result<u32, RecordError> {
    let _ = &log;
    Ok(transition.word())
}
