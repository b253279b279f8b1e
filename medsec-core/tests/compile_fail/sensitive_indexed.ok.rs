//@ compiles
//! A look at one byte.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = patient.expose(&Purpose::TREATMENT)[0];
}
