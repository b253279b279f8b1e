//@ error: E0277
//! A personal value does not implement `Copy`.
pub fn needs<T: Copy>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
