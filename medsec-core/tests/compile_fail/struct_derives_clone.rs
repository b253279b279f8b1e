//@ error: E0277
//! A struct that holds a personal value derives `Clone`.
use medsec_core::Sensitive;

#[derive(Clone)]
pub struct Bed {
    pub number: u8,
    pub patient: Sensitive<[u8; 16]>,
}
