//@ compiles
//! A look byte by byte.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    for _ in patient.expose(&Purpose::TREATMENT) {}
}
