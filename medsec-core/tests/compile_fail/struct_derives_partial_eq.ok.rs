//@ compiles
//! A struct that holds a personal value derives `PartialEq`.
use medsec_core::Sensitive;

#[derive(PartialEq)]
pub struct Bed {
    pub number: u8,
    pub patient: [u8; 16],
}
