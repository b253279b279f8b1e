//@ compiles
//! A key that is serialised.
pub fn needs<T: serde::Serialize>() {}

pub fn program() {
    needs::<[u8; 32]>();
}
