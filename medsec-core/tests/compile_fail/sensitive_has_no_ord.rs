//@ error: E0277
//! A personal value does not implement `Ord`.
pub fn needs<T: Ord>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
