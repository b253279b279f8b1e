//@ compiles
//! A personal value does not implement `serde::Serialize`.
pub fn needs<T: serde::Serialize>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
