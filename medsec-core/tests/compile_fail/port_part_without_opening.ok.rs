//@ compiles
//! The part behind a port, past its lease.
use medsec_core::local_port::{LocalPort, Port, PortClosed, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort>(port: &mut Port<P>, sessions: &dyn Sessions, now: Ticks) -> Result<(), PortClosed> {
    let _: &mut P = port.enabled(sessions, now)?.part(now)?;
    let _ = (sessions, now);
    Ok(())
}
