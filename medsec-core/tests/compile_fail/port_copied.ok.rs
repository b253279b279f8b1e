//@ compiles
//! A port twice.
use medsec_core::local_port::{LocalPort, Port};

pub fn program<P: LocalPort>(port: Port<P>) -> Port<P> {
    port
}
