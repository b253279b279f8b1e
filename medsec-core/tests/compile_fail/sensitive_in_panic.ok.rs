//@ compiles
//! A personal value in the text of a panic.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    panic!("no bed");
}
