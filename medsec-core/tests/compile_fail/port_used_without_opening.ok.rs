//@ compiles
//! A driver on a port that nobody opened.
use medsec_core::local_port::{Enabled, LocalPort, Port, PortClosed, Sessions};
use medsec_core::time::Ticks;

struct Driver;

impl Driver {
    fn new<P: LocalPort>(enabled: &Enabled<'_, P>) -> Self {
        let _ = enabled;
        Self
    }
}

pub fn program<P: LocalPort>(port: &mut Port<P>, sessions: &dyn Sessions, now: Ticks) -> Result<(), PortClosed> {
    let enabled = &port.enabled(sessions, now)?;
    let _ = (Driver::new(enabled), sessions, now);
    Ok(())
}
