//@ compiles
//! A personal value does not implement `PartialOrd`.
pub fn needs<T: PartialOrd>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
