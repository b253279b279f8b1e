//@ error: E0451
//! A challenge whose answer may be known.
use medsec_auth::factor::token::{Challenge, Request};
use medsec_core::time::Ticks;

pub fn chosen(challenge: Challenge, request: Request) -> Challenge {
    Challenge { request, nonce: [0; 32], from: Ticks::from_millis(0) }
}
