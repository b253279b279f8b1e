//! A record as a maker would seal it who uses a store without encryption: nonce, ciphertext, tag.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Key, Nonce};

/// Bytes that sealing adds.
pub(crate) const SEAL_BYTES: usize = NONCE_BYTES + 16;
const NONCE_BYTES: usize = 12;

/// Seals records with AES-256-GCM under numbered nonces.
pub(crate) struct Sealer(Aes256Gcm);

impl Sealer {
    pub(crate) fn new() -> Self {
        Self(Aes256Gcm::new(&Key::<Aes256Gcm>::from([7; 32])))
    }

    /// Record `number` of `bytes` bytes, sealed.
    pub(crate) fn seal(&self, number: u64, bytes: usize) -> Result<Vec<u8>, String> {
        let nonce = nonce(number);
        let mut body = vec![0xA5; bytes];
        let tag = self
            .0
            .encrypt_inout_detached(&Nonce::from(nonce), &[], body.as_mut_slice().into())
            .map_err(|_| "a record could not be sealed")?;
        Ok([&nonce[..], &body, &tag].concat())
    }

    /// Whether `stored` is record `number` of `bytes` bytes.
    pub(crate) fn is(&self, stored: &[u8], number: u64, bytes: usize) -> bool {
        self.seal(number, bytes).is_ok_and(|sealed| sealed == stored)
    }
}

fn nonce(number: u64) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce
}
