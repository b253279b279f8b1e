//@ error: E0382
//! Two links of one handshake, and so of one key.
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::suite::Aes256Gcm;
use medsec::transport::link::{Handshake, Link};

pub fn program(done: Handshake<'_, Aes256Gcm, 0>, by: &LinkAuthority) -> Option<Link<Aes256Gcm, 0>> {
    let first = done.establish(by).ok();
    first.or(done.establish(by).ok())
}
