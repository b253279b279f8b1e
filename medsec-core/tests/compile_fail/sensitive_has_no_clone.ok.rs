//@ compiles
//! A personal value does not implement `Clone`.
pub fn needs<T: Clone>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
