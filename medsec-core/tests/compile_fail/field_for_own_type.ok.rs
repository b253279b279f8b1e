//@ compiles
//! A maker cannot declare a type of his own to be harmless.
use medsec_core::event::{CodeInfo, Coded};

pub struct PatientNumber(pub u32);

impl Coded for PatientChoice { const VALUES: &'static [CodeInfo] = &[]; fn to_code(self) -> u8 { 0 } } #[derive(Clone, Copy)] pub struct PatientChoice;
