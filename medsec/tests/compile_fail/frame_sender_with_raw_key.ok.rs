//@ compiles
//! A sender of frames with a key in clear.
use medsec::Secret;
use medsec::core::suite::{Aes256Gcm, CipherState};
use medsec::transport::frame::Sender;

pub fn program(key: [u8; 32]) -> Sender<Aes256Gcm, 0> {
    let state = CipherState::new(&Secret::new(key));
    Sender::new(state)
}
