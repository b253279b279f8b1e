//@ compiles
//! A personal value does not implement `medsec_core::event::Coded`.
pub fn needs<T: medsec_core::event::Coded>() {}

pub fn program() {
    needs::<medsec_core::event::Outcome>();
}
