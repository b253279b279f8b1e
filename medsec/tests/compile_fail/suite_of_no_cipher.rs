//@ error: E0277
//! A suite that encrypts nothing.
use medsec::core::suite::{Aes256Gcm, Suite};

pub struct None;

pub fn program() -> u8 {
    id::<None>()
}

pub fn id<S: Suite>() -> u8 {
    S::ID
}
