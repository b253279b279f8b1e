//@ error: E0451
//! An open port made of a closed one.
use medsec_core::local_port::{Enabled, LocalPort, Port, PortClosed, Sessions};
use medsec_core::time::Ticks;

pub fn program<'a, P: LocalPort>(
    port: &'a mut Port<P>,
    sessions: &'a dyn Sessions,
    now: Ticks,
) -> Result<Enabled<'a, P>, PortClosed> {
    let _ = now;
    Ok(Enabled { port, sessions })
}
