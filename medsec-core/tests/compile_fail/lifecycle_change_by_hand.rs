//@ error: E0451
//! A change that nobody recorded.
use medsec_core::lifecycle::{Lifecycle, Recorded, State, Transition};

pub fn program(transition: Transition, from: Lifecycle) -> Option<Recorded> {
    let _ = (&transition, from, State::InService);
    Some(Recorded { from, to: State::InService })
}
