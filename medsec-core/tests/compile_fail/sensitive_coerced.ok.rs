//@ compiles
//! A look by coercion.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _: &[u8] = patient.expose(&Purpose::TREATMENT);
}
