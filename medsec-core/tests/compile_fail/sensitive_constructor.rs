//@ error: E0423
//! The wrapper by its bare constructor.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = Sensitive([0; 16]);
}
