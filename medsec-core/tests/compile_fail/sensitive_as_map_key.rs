//@ error: E0599
//! A personal value as the key of a map.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>, map: &mut std::collections::HashMap<Sensitive<[u8; 16]>, u8>, by_value: &mut std::collections::HashMap<[u8; 16], u8>) {
    let _ = &Purpose::TREATMENT;
    let _ = map.insert(patient, 1);
}
