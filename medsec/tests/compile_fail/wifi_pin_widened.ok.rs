//@ compiles
//! A network judged well, and then opened to WEP.
use medsec::transport::wifi::{Pin, Suites};

pub fn program(judged: Pin) -> (Pin, Suites) {
    let wep = Suites::of(&[1, 5]);
    let pin = judged; let _ = pin.pairwise(); (pin, wep)
}
