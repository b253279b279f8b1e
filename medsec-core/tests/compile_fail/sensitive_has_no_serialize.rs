//@ error: E0277
//! A personal value does not implement `serde::Serialize`.
pub fn needs<T: serde::Serialize>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
