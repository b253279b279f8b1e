//@ compiles
//! A journal that is used while the identity dies.
use medsec_core::sanitize::Sanitizer;

pub fn program(mut sanitizer: Sanitizer<2>) -> bool {
    let is_buried = sanitizer.is_idle();
    is_buried && sanitizer.blank().is_some()
}
