//@ compiles
//! A personal value does not implement `Eq`.
pub fn needs<T: Eq>() {}

pub fn program() {
    needs::<[u8; 16]>();
}
