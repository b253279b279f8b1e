//@ compiles
//! A challenge whose answer may be known.
use medsec_auth::factor::token::{Challenge, Request};
use medsec_core::time::Ticks;

pub fn chosen(challenge: Challenge, request: Request) -> Challenge {
    let _ = (request, Ticks::from_millis(0)); challenge
}
