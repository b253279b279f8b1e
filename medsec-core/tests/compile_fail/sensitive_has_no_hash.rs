//@ error: E0277
//! A personal value does not implement `core::hash::Hash`.
pub fn needs<T: core::hash::Hash>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
