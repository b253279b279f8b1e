//@ error: E0277
//! A personal value does not implement `core::error::Error`.
pub fn needs<T: core::error::Error>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
