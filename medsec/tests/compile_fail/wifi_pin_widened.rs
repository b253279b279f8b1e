//@ error: E0616
//! A network judged well, and then opened to WEP.
use medsec::transport::wifi::{Pin, Suites};

pub fn program(judged: Pin) -> (Pin, Suites) {
    let wep = Suites::of(&[1, 5]);
    let mut pin = judged; pin.pairwise = wep; (pin, wep)
}
