//@ compiles
//! A struct that holds a personal value derives `Clone`.
use medsec_core::Sensitive;

#[derive(Clone)]
pub struct Bed {
    pub number: u8,
    pub patient: [u8; 16],
}
