//@ error: E0451
//! Somebody at the device whom no panel saw.
use medsec_auth::hal::{Panel, Presence};
use medsec_core::time::Ticks;

pub fn presence(panel: &mut impl Panel) -> Option<Presence> {
    let _ = panel; Some(Presence { at: Ticks::from_millis(0) })
}
