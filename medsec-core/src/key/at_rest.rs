//! Secrets on flash.

use super::{Label, derive, hmac};
use crate::secret::Secret;
use crate::suite::{NotAuthentic, SealError, Suite, TAG_BYTES};

/// The one way to keep a secret on flash.
///
/// The nonce is the first 12 bytes of HMAC(nonce key, aad length as u32 || aad || plaintext): equal content gives equal
/// bytes, different content a different nonce, whatever the random source or a restored flash image do (invariant 8).
pub struct AtRest<S: Suite> {
    encrypt: Secret<32>,
    nonce: Secret<32>,
    suite: core::marker::PhantomData<S>,
}

/// Nonce and tag of something sealed by [`AtRest`]; stored beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Derived nonce.
    pub nonce: [u8; 12],
    /// Authentication tag.
    pub tag: [u8; TAG_BYTES],
}

impl<S: Suite> AtRest<S> {
    /// The at-rest keys under the device's storage root.
    #[must_use]
    pub fn derive(root: &Secret<32>) -> Self {
        Self {
            encrypt: derive(root, Label::StoreEncrypt, &[]),
            nonce: derive(root, Label::StoreNonce, &[]),
            suite: core::marker::PhantomData,
        }
    }

    /// Encrypts `body` in place; the envelope also covers `aad`, which names what and where it is.
    ///
    /// # Errors
    /// [`SealError::TooLong`]: `body` is then unchanged.
    pub fn seal(&self, aad: &[u8], body: &mut [u8]) -> Result<Envelope, SealError> {
        let length = u32::try_from(aad.len()).map_err(|_| SealError::TooLong)?.to_le_bytes();
        let derived = hmac(&self.nonce, &[&length, aad, body]);
        let nonce = *derived.expose().first_chunk().ok_or(SealError::TooLong)?;
        let tag = S::encrypt(&S::schedule(&self.encrypt), nonce, aad, body)?;
        Ok(Envelope { nonce, tag })
    }

    /// Decrypts `body` in place.
    ///
    /// # Errors
    /// [`NotAuthentic`]: body, aad or envelope were changed, or belong to another device.
    pub fn open(
        &self,
        aad: &[u8],
        body: &mut [u8],
        envelope: &Envelope,
    ) -> Result<(), NotAuthentic> {
        S::decrypt(&S::schedule(&self.encrypt), envelope.nonce, aad, body, &envelope.tag)
    }
}
