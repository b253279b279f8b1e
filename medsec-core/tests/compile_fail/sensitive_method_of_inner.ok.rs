//@ compiles
//! A method of the value, found through the wrapper.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = patient.expose(&Purpose::TREATMENT).len();
}
