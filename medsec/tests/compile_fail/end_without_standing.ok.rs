//@ compiles
//! A device's end of links without anybody whom it trusts.
use medsec::core::suite::Aes256Gcm;
use medsec::link::{Endpoint, Standing};
use medsec::Ticks;

pub fn program(standing: Standing<'_>, now: Ticks) -> Endpoint<'_, Aes256Gcm, 0> {
    Endpoint::new(standing, now)
}
