//@ error: E0277
//! A struct that holds a personal value derives `Default`.
use medsec_core::Sensitive;

#[derive(Default)]
pub struct Bed {
    pub number: u8,
    pub patient: Sensitive<[u8; 16]>,
}
