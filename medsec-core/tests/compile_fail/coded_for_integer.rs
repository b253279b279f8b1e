//@ error: E0117
//! An integer cannot be declared a closed list.
use medsec_core::event::{CodeInfo, Coded};

#[derive(Clone, Copy)]
pub struct Choice;

impl Coded for u8 {
    const VALUES: &'static [CodeInfo] = &[CodeInfo::new(0, "None")];

    fn to_code(self) -> u8 {
        0
    }
}
