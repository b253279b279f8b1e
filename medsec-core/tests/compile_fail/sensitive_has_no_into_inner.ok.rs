//@ compiles
//! A personal value does not implement `Into<[u8; 16]>`.
pub fn needs<T: Into<[u8; 16]>>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
