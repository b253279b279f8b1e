//@ compiles
//! A struct that holds a personal value derives `Debug`.
use medsec_core::Sensitive;

#[derive(Debug)]
pub struct Bed {
    pub number: u8,
    pub patient: [u8; 16],
}
