//@ compiles
//! A personal value that leaves as an error.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) -> Result<(), Box<dyn core::error::Error>> {
    let _ = &Purpose::TREATMENT;
    return Err(core::fmt::Error)?;
}
