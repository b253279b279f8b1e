//@ error: E0277
//! A personal value does not implement `medsec_core::event::Field`.
pub fn needs<T: medsec_core::event::Field>() {}

pub fn program() {
    needs::<medsec_core::Sensitive<[u8; 16]>>();
}
