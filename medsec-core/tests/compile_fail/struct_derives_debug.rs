//@ error: E0277
//! A struct that holds a personal value derives `Debug`.
use medsec_core::Sensitive;

#[derive(Debug)]
pub struct Bed {
    pub number: u8,
    pub patient: Sensitive<[u8; 16]>,
}
