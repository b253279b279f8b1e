//@ compiles
//! An approval that is used twice.
use medsec_core::sanitize::Approved;

pub fn program(approved: Approved) -> [Option<Approved>; 2] {
    [Some(approved), None]
}
