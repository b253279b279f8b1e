//@ compiles
//! A personal value does not implement `From<[u8; 16]>`.
pub fn needs<T: From<[u8; 16]>>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
