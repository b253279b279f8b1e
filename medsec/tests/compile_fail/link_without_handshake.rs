//@ error: E0599
//! A link that nobody has proved anything for.
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::suite::Aes256Gcm;
use medsec::transport::link::{Handshake, Link};

pub fn program(done: Handshake<'_, Aes256Gcm, 0>, by: &LinkAuthority) -> Option<Link<Aes256Gcm, 0>> {
    let _ = done; Link::new(by)
}
