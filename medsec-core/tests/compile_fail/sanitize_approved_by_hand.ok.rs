//@ compiles
//! An approval that nobody gave.
use medsec_core::event::PrincipalId;
use medsec_core::sanitize::{Approved, Order};

pub fn program(order: Order) -> Option<Approved> {
    None.filter(|_: &Approved| order == order && PrincipalId::DEVICE == PrincipalId::DEVICE)
}
