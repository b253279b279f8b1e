//@ compiles
//! A personal value does not implement `IntoIterator`.
pub fn needs<T: IntoIterator>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
