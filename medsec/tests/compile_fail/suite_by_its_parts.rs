//@ error: E0603
//! The part of a suite that a cipher of the maker's own would have to be.
use medsec::core::suite::raw::Aead as Suite;

pub fn program<S: Suite>() -> u8 {
    S::ID
}
