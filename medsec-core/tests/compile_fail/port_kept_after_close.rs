//@ error: E0499
//! A port that is used after it was closed.
use medsec_core::event::Recorder;
use medsec_core::local_port::{LocalPort, Port, PortClosed, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort>(port: &mut Port<P>, sessions: &dyn Sessions, now: Ticks, log: &mut impl Recorder) -> Result<(), PortClosed> {
    let mut enabled = port.enabled(sessions, now)?;
    port.close(log).map_err(|_| PortClosed)?;
    enabled.part(now)?;
    Ok(())
}
