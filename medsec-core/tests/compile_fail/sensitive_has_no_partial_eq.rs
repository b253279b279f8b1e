//@ error: E0277
//! A personal value does not implement `PartialEq`.
pub fn needs<T: PartialEq>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
