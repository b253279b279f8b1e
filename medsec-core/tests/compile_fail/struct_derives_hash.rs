//@ error: E0277
//! A struct that holds a personal value derives `Hash`.
use medsec_core::Sensitive;

#[derive(Hash)]
pub struct Bed {
    pub number: u8,
    pub patient: Sensitive<[u8; 16]>,
}
