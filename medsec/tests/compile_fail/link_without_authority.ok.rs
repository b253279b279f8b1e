//@ compiles
//! A link without the device's word that it has randomness.
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::suite::Aes256Gcm;
use medsec::transport::link::{Handshake, Link};

pub fn program(done: Handshake<'_, Aes256Gcm, 0>, by: &LinkAuthority) -> Option<Link<Aes256Gcm, 0>> {
    let _ = by;
    done.establish(by).ok()
}
