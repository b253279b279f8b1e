//@ error: E0277
//! A personal value does not implement `core::borrow::Borrow<[u8]>`.
pub fn needs<T: core::borrow::Borrow<[u8]>>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
