//@ error: E0277
//! A key that is serialised.
pub fn needs<T: serde::Serialize>() {}

pub fn program() {
    needs::<medsec_core::Secret<32>>();
}
