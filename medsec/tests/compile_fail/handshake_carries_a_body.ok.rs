//@ compiles
//! Words of the application in a first message, before the peer has proved anything.
use medsec::core::hal::EntropySource;
use medsec::core::rng::Random;
use medsec::core::suite::Aes256Gcm;
use medsec::transport::link::{Handshake, Judging, Method, Own};

pub fn program<E: EntropySource>(own: Own<'_>, of: Judging<'_>, random: &mut Random<E>, plain: &[u8]) -> bool {
    let (mut out, _) = ([0; 256], plain);
    Handshake::<Aes256Gcm, 0>::begin(own, of, Method::Certified, &[0; 32], random, &mut out).is_ok()
}
