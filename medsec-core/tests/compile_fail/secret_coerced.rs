//@ error: E0308
//! A key as plain bytes by coercion.
use medsec_core::Secret;

pub fn program(key: Secret<32>, other: Secret<32>) {
    let _ = (&key, &other);
    let _: &[u8] = &key;
}
