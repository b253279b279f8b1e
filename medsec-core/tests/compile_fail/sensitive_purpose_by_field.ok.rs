//@ compiles
//! A purpose made up field by field.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = patient.expose(&Purpose::TREATMENT);
}
