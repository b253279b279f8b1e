//@ error: E0277
//! Conversion into the value.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _: [u8; 16] = patient.into();
}
