//@ error: E0277
//! A personal value does not implement `std::string::ToString`.
pub fn needs<T: std::string::ToString>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
