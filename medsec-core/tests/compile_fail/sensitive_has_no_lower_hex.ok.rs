//@ compiles
//! A personal value does not implement `core::fmt::LowerHex`.
pub fn needs<T: core::fmt::LowerHex>() {}

pub fn program() {
    needs::<u8>();
}
