//@ error: E0277
//! A maker cannot declare a type of his own to be harmless.
use medsec_core::event::{Field, Kind};

pub struct PatientNumber(pub u32);

impl Field for PatientNumber { const KIND: Kind = Kind::Count; const RECORD_BYTES: usize = 5; }
