//@ compiles
//! A copy of a key that review does not see.
use medsec_core::Secret;

pub fn program(key: Secret<32>, other: Secret<32>) {
    let _ = (&key, &other);
    let _ = key.duplicate();
}
