//@ compiles
//! A personal value does not implement `core::fmt::Debug`.
pub fn needs<T: core::fmt::Debug>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
