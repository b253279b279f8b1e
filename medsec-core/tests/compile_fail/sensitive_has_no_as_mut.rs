//@ error: E0277
//! A personal value does not implement `AsMut<[u8]>`.
pub fn needs<T: AsMut<[u8]>>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
