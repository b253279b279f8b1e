//@ error: E0308
//! A personal value on a link, without saying what for.
use medsec::core::Purpose;
use medsec::core::suite::Suite;
use medsec::transport::frame::Channel;
use medsec::transport::link::Link;
use medsec::Sensitive;

pub fn program<S: Suite>(link: &mut Link<S, 0>, patient: &Sensitive<[u8; 16]>) -> bool {
    let _ = &Purpose::TREATMENT;
    let mut out = [0; 64];
    link.seal(Channel::App, true, patient, &mut out).is_ok()
}
