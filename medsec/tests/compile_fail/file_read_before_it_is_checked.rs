//@ error: E0599
//! Content of a file of which not all was checked.
use medsec::core::suite::Aes256Gcm;
use medsec::transport::sealed_file::{Checking, Opening};

pub fn program(file: Checking<'_, Aes256Gcm>) -> Option<Opening<Aes256Gcm>> {
    Some(file.open())
}
