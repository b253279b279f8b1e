//@ compiles
//! A personal value does not implement `Default`.
pub fn needs<T: Default>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
