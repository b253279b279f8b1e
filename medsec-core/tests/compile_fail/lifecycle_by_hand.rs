//@ error: E0423
//! A state that was never read.
use medsec_core::lifecycle::{Lifecycle, State};

pub fn program(word: u32) -> Lifecycle {
    let _ = (State::InService, word);
    Lifecycle(Some(State::InService))
}
