//@ error: E0369
//! Comparing keys in variable time.
use medsec_core::Secret;

pub fn program(key: Secret<32>, other: Secret<32>) {
    let _ = (&key, &other);
    let _ = key == other;
}
