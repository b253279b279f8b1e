//@ error: E0277
//! The quick look while debugging.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    dbg!(&patient);
}
