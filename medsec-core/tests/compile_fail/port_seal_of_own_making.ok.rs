//@ compiles
//! The seal of proofs, from outside.
use medsec_core::local_port::{LocalPort, OpensPort};

pub fn program<P: LocalPort>(proof: impl OpensPort<P> + Sized) {
    let _ = proof;
}
