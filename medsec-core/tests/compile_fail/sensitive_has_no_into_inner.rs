//@ error: E0277
//! A personal value does not implement `Into<[u8; 16]>`.
pub fn needs<T: Into<[u8; 16]>>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
