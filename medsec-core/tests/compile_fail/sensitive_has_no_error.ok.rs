//@ compiles
//! A personal value does not implement `core::error::Error`.
pub fn needs<T: core::error::Error>() {}

pub fn program() {
    needs::<core::fmt::Error>();
}
