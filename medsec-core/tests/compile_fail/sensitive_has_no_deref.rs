//@ error: E0277
//! A personal value does not implement `core::ops::Deref`.
pub fn needs<T: core::ops::Deref>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
