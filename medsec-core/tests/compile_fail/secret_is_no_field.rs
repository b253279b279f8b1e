//@ error: E0277 "cannot stand in a record"
//! A key in a record.
pub fn needs<T: medsec_core::event::Field>() {}

pub fn program() {
    needs::<medsec_core::Secret<32>>();
}
