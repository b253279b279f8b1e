//@ error: E0277
//! A personal value does not implement `PartialOrd`.
pub fn needs<T: PartialOrd>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
