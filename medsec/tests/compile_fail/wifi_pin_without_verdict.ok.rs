//@ compiles
//! A refused network, joined all the same.
use medsec::transport::wifi::{Association, Pin, Policy, judge};

pub fn program(elements: &[u8], seen: &Association) -> bool {
    let verdict = judge(elements, true, Policy::Wpa3Personal);
    let joins = |pin: Pin| pin.admits(seen);
    verdict.is_ok_and(joins)
}
