//@ compiles
//! A key in a record.
pub fn needs<T: medsec_core::event::Field>() {}

pub fn program() {
    needs::<medsec_core::event::Digest8>();
}
