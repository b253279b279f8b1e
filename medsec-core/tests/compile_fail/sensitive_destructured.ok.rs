//@ compiles
//! The wrapped value by a pattern.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let value = patient.expose(&Purpose::TREATMENT);
}
