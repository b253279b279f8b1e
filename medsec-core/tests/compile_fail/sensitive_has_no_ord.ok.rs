//@ compiles
//! A personal value does not implement `Ord`.
pub fn needs<T: Ord>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
