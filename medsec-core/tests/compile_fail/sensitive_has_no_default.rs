//@ error: E0277
//! A personal value does not implement `Default`.
pub fn needs<T: Default>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
