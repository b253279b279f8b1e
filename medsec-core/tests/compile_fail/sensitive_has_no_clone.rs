//@ error: E0277
//! A personal value does not implement `Clone`.
pub fn needs<T: Clone>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
