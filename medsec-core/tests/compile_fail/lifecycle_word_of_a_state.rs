//@ error: E0624
//! The word of a state, to store it without a change.
use medsec_core::lifecycle::{Recorded, State};

pub fn program(recorded: &Recorded) -> u32 {
    let _ = (recorded, State::InService);
    State::InService.word()
}
