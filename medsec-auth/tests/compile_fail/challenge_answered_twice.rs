//@ error: E0382
//! A challenge with two tries.
use medsec_auth::factor::token::{Challenge, Request, Token};
use medsec_auth::verdict::Verdict;
use medsec_core::time::Ticks;

pub fn verify(challenge: Challenge, token: &Token, answer: &[u8; 64], request: &Request) -> Verdict {
    let now = Ticks::from_millis(0);
    let _first = challenge.verify(Some(token), answer, request, now, &[0; 32]);
    challenge.verify(Some(token), answer, request, now, &[0; 32])
}
