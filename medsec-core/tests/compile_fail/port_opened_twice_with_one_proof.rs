//@ error: E0382
//! One permission for two leases.
use medsec_core::event::Recorder;
use medsec_core::lifecycle::Lifecycle;
use medsec_core::local_port::{LocalPort, OpenError, OpensPort, Port, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort>(
    port: &mut Port<P>,
    (proof, other): (impl OpensPort<P>, impl OpensPort<P>),
    (life, sessions, now): (Lifecycle, &dyn Sessions, Ticks),
    log: &mut impl Recorder,
) -> Result<(), OpenError> {
    let _ = &other;
    port.open(proof, life, sessions, now, log)?;
    port.open(proof, life, sessions, now, log)
}
