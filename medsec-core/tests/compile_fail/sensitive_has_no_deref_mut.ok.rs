//@ compiles
//! A personal value does not implement `core::ops::DerefMut`.
pub fn needs<T: core::ops::DerefMut>() {}

pub fn program() {
    needs::<&mut [u8; 16]>();
}
