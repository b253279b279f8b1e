//@ compiles
//! A personal value does not implement `PartialEq`.
pub fn needs<T: PartialEq>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
