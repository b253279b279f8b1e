//@ compiles
//! A personal value does not implement `AsRef<[u8]>`.
pub fn needs<T: AsRef<[u8]>>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
