//@ compiles
//! A suite of the maker's own.
use medsec::core::suite::Suite;

pub trait Own {
    const ID: u8;
    const HPKE_AEAD_ID: u16;
    const NOISE_NAME: &'static str;
}

pub struct None;

impl Own for None {
    const ID: u8 = 9;
    const HPKE_AEAD_ID: u16 = 9;
    const NOISE_NAME: &'static str = "None";
}

pub fn program<S: Suite>() -> u8 {
    S::ID
}
