//@ error: E0277
//! A personal value does not implement `IntoIterator`.
pub fn needs<T: IntoIterator>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
