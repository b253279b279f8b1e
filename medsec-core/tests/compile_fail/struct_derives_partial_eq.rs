//@ error: E0369
//! A struct that holds a personal value derives `PartialEq`.
use medsec_core::Sensitive;

#[derive(PartialEq)]
pub struct Bed {
    pub number: u8,
    pub patient: Sensitive<[u8; 16]>,
}
