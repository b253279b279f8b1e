//@ compiles
//! A personal value does not implement `core::fmt::Display`.
pub fn needs<T: core::fmt::Display>() {}

pub fn program() {
    needs::<u8>();
}
