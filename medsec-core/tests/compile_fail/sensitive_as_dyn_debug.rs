//@ error: E0277
//! A personal value as anything that prints.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>) {
    let _ = &Purpose::TREATMENT;
    let _: &dyn core::fmt::Debug = &patient;
}
