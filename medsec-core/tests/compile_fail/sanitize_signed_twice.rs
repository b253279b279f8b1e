//@ error: E0382
//! One reading, two certificates.
use medsec_core::key::DeviceKey;
use medsec_core::sanitize::Blank;

pub fn program(blank: Blank<'_, 2>, key: &DeviceKey) -> bool {
    blank.sign(key, 1).is_ok() && blank.sign(key, 2).is_ok()
}
