//@ compiles
//! Comparing two personal values, in variable time.
use medsec_core::{Purpose, Sensitive};

pub fn program(patient: Sensitive<[u8; 16]>, other: Sensitive<[u8; 16]>) -> bool {
    let _ = &Purpose::TREATMENT;
    patient.expose(&Purpose::TREATMENT) == other.expose(&Purpose::TREATMENT)
}
