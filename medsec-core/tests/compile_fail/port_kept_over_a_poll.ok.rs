//@ compiles
//! A port that is held while its time is looked at.
use medsec_core::event::Recorder;
use medsec_core::local_port::{LocalPort, Port, PortClosed, Sessions};
use medsec_core::time::Ticks;

pub fn program<P: LocalPort>(port: &mut Port<P>, sessions: &dyn Sessions, now: Ticks, log: &mut impl Recorder) -> Result<(), PortClosed> {
    let mut enabled = port.enabled(sessions, now)?;
    enabled.part(now)?;
    port.poll(sessions, now, log).map_err(|_| PortClosed)?;
    Ok(())
}
