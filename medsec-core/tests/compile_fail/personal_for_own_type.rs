//@ error: E0277
//! A maker cannot bring an encryption of his own.
use medsec_core::event::Personal;

pub struct PatientNumber(pub u32);

pub fn needs<T: Personal>() {}
impl Personal for PatientNumber { const RECORD_BYTES: usize = 34; }
