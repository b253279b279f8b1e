//@ error: E0277
//! Printing a key.
use medsec_core::Secret;

pub fn program(key: Secret<32>, other: Secret<32>) {
    let _ = (&key, &other);
    println!("{key}");
}
