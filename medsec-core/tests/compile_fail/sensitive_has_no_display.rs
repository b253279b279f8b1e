//@ error: E0277
//! A personal value does not implement `core::fmt::Display`.
pub fn needs<T: core::fmt::Display>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
