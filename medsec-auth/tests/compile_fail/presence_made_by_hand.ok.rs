//@ compiles
//! Somebody at the device whom no panel saw.
use medsec_auth::hal::{Panel, Presence};
use medsec_core::time::Ticks;

pub fn presence(panel: &mut impl Panel) -> Option<Presence> {
    Presence::ask(panel, Ticks::from_millis(0))
}
