//@ compiles
//! A second handle to an open port.
use medsec_core::local_port::{Enabled, LocalPort};

pub fn program<P: LocalPort>(enabled: Enabled<'_, P>) -> Enabled<'_, P> {
    enabled
}
