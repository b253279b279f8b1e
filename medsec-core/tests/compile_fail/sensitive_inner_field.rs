//@ error: E0616
//! The wrapped value by its field.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = patient.0;
}
