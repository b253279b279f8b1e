//@ error: E0277
//! A personal value does not implement `core::fmt::Debug`.
pub fn needs<T: core::fmt::Debug>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
