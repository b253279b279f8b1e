//@ compiles
//! A personal value does not implement `core::ops::Index<usize>`.
pub fn needs<T: core::ops::Index<usize>>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
