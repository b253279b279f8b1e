//! What a handshake computes with.

use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret, WeakKey};
use medsec_core::key::{noise_hkdf, sha256};
use medsec_core::suite::{CipherState, NotAuthentic, SealError, Suite, TAG_BYTES};

/// The functions of Noise (revision 34, §4): agreement, cipher and hash.
///
/// Every [`Suite`] has them, and nothing else in a product. The trait is the seam for the model of the protocol in `tests/model`, which
/// computes with terms in place of bytes, over the same code.
pub trait Primitives: Sized {
    /// How Noise names them (§8).
    const NAME: &'static str;
    /// A secret and its public half.
    type KeyPair;
    /// A key and the number of its next message (§5.1).
    type CipherState;

    /// The key pair of a secret.
    fn key_pair(secret: Secret<32>) -> Self::KeyPair;

    /// The public half.
    fn public(pair: &Self::KeyPair) -> [u8; 32];

    /// Whether bytes are a public key that secrets can be agreed with.
    fn is_key(public: &[u8; 32]) -> bool;

    /// `DH` (§4.1).
    ///
    /// # Errors
    /// [`WeakKey`]: the result depends on neither secret.
    fn dh(pair: &Self::KeyPair, public: &[u8; 32]) -> Result<Secret<32>, WeakKey>;

    /// `HASH` (§4.3) over the parts one after the other.
    fn hash(parts: &[&[u8]]) -> [u8; 32];

    /// `HKDF` (§4.3) of three outputs.
    fn hkdf(chaining_key: &Secret<32>, input: &[u8]) -> [Secret<32>; 3];

    /// `InitializeKey` (§5.1).
    fn cipher(key: &Secret<32>) -> Self::CipherState;

    /// `EncryptWithAd` (§5.1), in place.
    ///
    /// # Errors
    /// [`SealError`], as it says.
    fn encrypt(
        cipher: &mut Self::CipherState,
        ad: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError>;

    /// `DecryptWithAd` (§5.1), in place, of the next message.
    ///
    /// # Errors
    /// [`NotAuthentic`]: `body` then holds nothing of the plaintext, and nothing was counted.
    fn decrypt(
        cipher: &mut Self::CipherState,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic>;

    /// `DecryptWithAd` (§5.1), in place, of the next message, which stays the next one.
    ///
    /// # Errors
    /// [`NotAuthentic`]: `body` then holds nothing of the plaintext.
    fn decrypt_uncounted(
        cipher: &Self::CipherState,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic>;
}

impl<S: Suite> Primitives for S {
    const NAME: &'static str = S::NOISE_NAME;
    type KeyPair = AgreementSecret;
    type CipherState = CipherState<S>;

    fn key_pair(secret: Secret<32>) -> AgreementSecret {
        AgreementSecret::from_bytes(secret)
    }

    fn public(pair: &AgreementSecret) -> [u8; 32] {
        pair.public().to_bytes()
    }

    fn is_key(public: &[u8; 32]) -> bool {
        AgreementKey::parse(public).is_ok()
    }

    fn dh(pair: &AgreementSecret, public: &[u8; 32]) -> Result<Secret<32>, WeakKey> {
        pair.agree(public)
    }

    fn hash(parts: &[&[u8]]) -> [u8; 32] {
        sha256(parts)
    }

    fn hkdf(chaining_key: &Secret<32>, input: &[u8]) -> [Secret<32>; 3] {
        noise_hkdf(chaining_key, input)
    }

    fn cipher(key: &Secret<32>) -> CipherState<S> {
        CipherState::new(key)
    }

    fn encrypt(
        cipher: &mut CipherState<S>,
        ad: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; TAG_BYTES], SealError> {
        cipher.encrypt_with_ad(ad, body)
    }

    fn decrypt(
        cipher: &mut CipherState<S>,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        cipher.decrypt_with_ad(ad, body, tag)
    }

    fn decrypt_uncounted(
        cipher: &CipherState<S>,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), NotAuthentic> {
        cipher.decrypt_uncounted(ad, body, tag)
    }
}
