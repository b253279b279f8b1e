//@ error: E0532
//! The wrapped value by a pattern.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let Sensitive(value) = &patient;
}
