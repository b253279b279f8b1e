//@ compiles
//! A maker cannot bring an encryption of his own.
use medsec_core::event::Personal;

pub struct PatientNumber(pub u32);

pub fn needs<T: Personal>() {}
pub fn program() { needs::<medsec_core::Sensitive<[u8; 15]>>(); }
