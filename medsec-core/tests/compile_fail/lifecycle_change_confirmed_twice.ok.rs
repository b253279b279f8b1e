//@ compiles
//! One change for two.
use medsec_core::lifecycle::{Lifecycle, NotStored, Recorded};

pub fn program(first: Recorded, second: Recorded, word: u32) -> [Result<Lifecycle, NotStored>; 2] {
    let _ = &second;
    [first.confirm(Some(word)), second.confirm(Some(word))]
}
