//@ error: E0277
//! A personal value does not implement `AsRef<[u8]>`.
pub fn needs<T: AsRef<[u8]>>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
