//@ error: E0382
//! A journal that is used while the identity dies.
use medsec_core::sanitize::Sanitizer;

pub fn program(mut sanitizer: Sanitizer<2>) -> bool {
    let is_buried = sanitizer.bury().is_ok();
    is_buried && sanitizer.blank().is_some()
}
