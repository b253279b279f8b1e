//! The cipher as medsec sees it: any tag, any bytes, any error. It encrypts nothing.
#![no_std]

use core::hint::black_box;

pub use aead;
use aead::consts::{U12, U16, U32};
use aead::inout::InOutBuf;
use aead::{AeadCore, AeadInOut, Error, Key, KeyInit, KeySizeUser, Nonce, Tag, TagPosition};

/// Stands in for the cipher.
pub struct Aes256Gcm([u8; 32]);

impl KeySizeUser for Aes256Gcm {
    type KeySize = U32;
}

impl KeyInit for Aes256Gcm {
    #[inline(never)]
    fn new(key: &Key<Self>) -> Self {
        Self(black_box((*key).into()))
    }
}

impl AeadCore for Aes256Gcm {
    type NonceSize = U12;
    type TagSize = U16;
    const TAG_POSITION: TagPosition = TagPosition::Postfix;
}

impl AeadInOut for Aes256Gcm {
    #[inline(never)]
    fn encrypt_inout_detached(
        &self,
        nonce: &Nonce<Self>,
        aad: &[u8],
        mut buffer: InOutBuf<'_, '_, u8>,
    ) -> Result<Tag<Self>, Error> {
        black_box((&self.0, nonce, aad, buffer.get_out()));
        black_box(Ok(Tag::<Self>::default()))
    }

    #[inline(never)]
    fn decrypt_inout_detached(
        &self,
        nonce: &Nonce<Self>,
        aad: &[u8],
        mut buffer: InOutBuf<'_, '_, u8>,
        tag: &Tag<Self>,
    ) -> Result<(), Error> {
        black_box((&self.0, nonce, aad, buffer.get_out(), tag));
        black_box(Err(Error))
    }
}
