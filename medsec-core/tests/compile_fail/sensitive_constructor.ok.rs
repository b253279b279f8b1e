//@ compiles
//! The wrapper by its bare constructor.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _ = Sensitive::new([0; 16]);
}
