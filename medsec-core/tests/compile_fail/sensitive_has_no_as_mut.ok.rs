//@ compiles
//! A personal value does not implement `AsMut<[u8]>`.
pub fn needs<T: AsMut<[u8]>>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
