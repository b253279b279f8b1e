//@ compiles
//! A permission for one port that opens another.
use medsec_core::event::Recorder;
use medsec_core::lifecycle::Lifecycle;
use medsec_core::local_port::{LocalPort, OpenError, OpensPort, Port, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort, Q: LocalPort>(
    ports: (&mut Port<P>, &mut Port<Q>),
    proof: impl OpensPort<P>,
    (life, sessions, now): (Lifecycle, &dyn Sessions, Ticks),
    log: &mut impl Recorder,
) -> Result<(), OpenError> {
    ports.0.open(proof, life, sessions, now, log)
}
