//@ error: E0277
//! A personal value does not implement `core::ops::Index<usize>`.
pub fn needs<T: core::ops::Index<usize>>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
