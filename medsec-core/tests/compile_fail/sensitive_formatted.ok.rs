//@ compiles
//! Formatting a personal value.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = format!("{:?}", patient.expose(&Purpose::TREATMENT));
}
