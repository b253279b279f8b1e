//@ compiles
//! A certificate without a reading.
use medsec_core::sanitize::{Blank, Sanitizer};

pub fn program(sanitizer: &mut Sanitizer<2>) -> Option<Blank<'_, 2>> {
    sanitizer.blank()
}
