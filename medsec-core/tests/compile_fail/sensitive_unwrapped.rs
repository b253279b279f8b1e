//@ error: E0277
//! `unwrap` prints the error.
use medsec_core::{Purpose, Sensitive};

pub fn program(found: Result<u8, Sensitive<[u8; 16]>>) {
    let _ = &Purpose::TREATMENT;
    let _ = found.unwrap();
}
