//@ compiles
//! A personal value does not implement `core::ops::Deref`.
pub fn needs<T: core::ops::Deref>() {}

pub fn program() {
    needs::<&[u8; 16]>();
}
