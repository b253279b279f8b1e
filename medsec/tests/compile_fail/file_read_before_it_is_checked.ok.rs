//@ compiles
//! Content of a file of which not all was checked.
use medsec::core::suite::Aes256Gcm;
use medsec::transport::sealed_file::{Checking, Opening};

pub fn program(file: Checking<'_, Aes256Gcm>) -> Option<Opening<Aes256Gcm>> {
    file.finish().ok().map(|checked| checked.open())
}
