//@ compiles
//! Burying a device whose journal is there.
use medsec_core::hal::Flash;
use medsec_core::sanitize::{Burial, NoJournal, Plan};

pub fn program<F: Flash>(flash: &mut F, plan: &'static Plan<2>, lost: NoJournal) -> bool {
    let _ = &lost;
    let proof = lost;
    Burial::resume(flash, plan, proof).is_some()
}
