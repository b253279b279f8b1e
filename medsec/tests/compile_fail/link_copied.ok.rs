//@ compiles
//! A link copied, so that numbers come twice under its key.
use medsec::core::suite::Aes256Gcm;
use medsec::transport::link::Link;

pub fn program(link: Link<Aes256Gcm, 0>) -> [Link<Aes256Gcm, 0>; 1] {
    let other = link;
    [other]
}
