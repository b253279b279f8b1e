//@ compiles
//! A personal value does not implement `std::string::ToString`.
pub fn needs<T: std::string::ToString>() {}

pub fn program() {
    needs::<u8>();
}
