//@ error: E0499
//! Going on between the reading and its certificate.
use medsec_core::key::DeviceKey;
use medsec_core::sanitize::{Parts, Sanitizer};
use medsec_core::time::Pause;

pub fn program<P: Parts>(
    sanitizer: &mut Sanitizer<2>,
    parts: &mut P,
    pause: &Pause<'_>,
    key: &DeviceKey,
) {
    if let Some(blank) = sanitizer.blank() {
        let _ = sanitizer.step(parts, pause);
        let _ = blank.sign(key, 1);
    }
}
