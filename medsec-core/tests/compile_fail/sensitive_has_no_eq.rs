//@ error: E0277
//! A personal value does not implement `Eq`.
pub fn needs<T: Eq>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
