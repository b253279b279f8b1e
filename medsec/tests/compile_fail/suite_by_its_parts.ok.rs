//@ compiles
//! The part of a suite that a cipher of the maker's own would have to be.
use medsec::core::suite::Suite;

pub fn program<S: Suite>() -> u8 {
    S::ID
}
