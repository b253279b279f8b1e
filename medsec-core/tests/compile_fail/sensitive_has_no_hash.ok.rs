//@ compiles
//! A personal value does not implement `core::hash::Hash`.
pub fn needs<T: core::hash::Hash>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
