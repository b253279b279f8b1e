//@ error: E0451
//! A network that no policy has judged.
use medsec::transport::wifi::{Pin, Suites};

pub fn program(judged: Pin) -> (Pin, Suites) {
    let wep = Suites::of(&[1, 5]);
    (Pin { pairwise: wep, ..judged }, wep)
}
