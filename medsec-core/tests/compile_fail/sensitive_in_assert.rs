//@ error: E0369, E0277
//! `assert_eq!` compares and prints.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>, other: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    assert_eq!(patient, other);
}
