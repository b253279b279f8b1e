//@ error: E0277
//! An open port out of nothing.
use medsec_core::local_port::{Enabled, LocalPort};

fn need<T: Default>(value: T) -> T {
    value
}

pub fn program<'a, P: LocalPort>(enabled: Enabled<'a, P>) -> Enabled<'a, P> {
    need::<Enabled<'a, P>>(enabled)
}
