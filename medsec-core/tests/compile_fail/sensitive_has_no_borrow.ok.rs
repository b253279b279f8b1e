//@ compiles
//! A personal value does not implement `core::borrow::Borrow<[u8]>`.
pub fn needs<T: core::borrow::Borrow<[u8]>>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
