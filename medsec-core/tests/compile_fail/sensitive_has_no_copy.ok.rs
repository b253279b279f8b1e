//@ compiles
//! A personal value does not implement `Copy`.
pub fn needs<T: Copy>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
