//@ error: E0277
//! A personal value does not implement `core::ops::DerefMut`.
pub fn needs<T: core::ops::DerefMut>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
