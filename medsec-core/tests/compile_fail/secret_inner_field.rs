//@ error: E0616
//! A key by its field.
use medsec_core::Secret;

pub fn program(key: Secret<32>, other: Secret<32>) {
    let _ = (&key, &other);
    let _ = key.0;
}
