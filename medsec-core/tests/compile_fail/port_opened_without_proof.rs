//@ error: E0277 "is no proof that somebody may open"
//! A port opened by somebody who may not.
use medsec_core::event::Recorder;
use medsec_core::lifecycle::Lifecycle;
use medsec_core::local_port::{LocalPort, OpenError, OpensPort, Port, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort>(
    port: &mut Port<P>,
    proof: impl OpensPort<P>,
    (life, sessions, now): (Lifecycle, &dyn Sessions, Ticks),
    log: &mut impl Recorder,
) -> Result<(), OpenError> {
    let _ = proof;
    port.open((), life, sessions, now, log)
}
