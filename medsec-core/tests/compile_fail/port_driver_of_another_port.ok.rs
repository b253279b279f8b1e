//@ compiles
//! A driver of one port on another.
use medsec_core::local_port::{Enabled, LocalPort};

fn driver<P: LocalPort>(enabled: &Enabled<'_, P>) {
    let _ = enabled;
}

pub fn program<P: LocalPort, Q: LocalPort>(one: &Enabled<'_, P>, other: &Enabled<'_, Q>) {
    let _ = (one, other);
    driver::<P>(one);
}
