//@ error: E0277
//! Taking the value out from behind a reference.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: &mut Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = core::mem::take(patient);
}
