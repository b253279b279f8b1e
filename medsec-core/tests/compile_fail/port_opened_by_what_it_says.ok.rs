//@ compiles
//! What a permission says, without the permission.
use medsec_core::event::Recorder;
use medsec_core::lifecycle::Lifecycle;
use medsec_core::local_port::{LocalPort, OpenError, Opening, OpensPort, Port, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort>(
    port: &mut Port<P>,
    (proof, opening): (impl OpensPort<P>, Opening),
    (life, sessions, now): (Lifecycle, &dyn Sessions, Ticks),
    log: &mut impl Recorder,
) -> Result<(), OpenError> {
    let _ = (&opening, &proof);
    port.open(proof, life, sessions, now, log)
}
