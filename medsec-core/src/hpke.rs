//! Sealing to a public key: RFC 9180 (HPKE) in base mode, one message per ephemeral key.
//!
//! | part | algorithm | identifier |
//! |---|---|---|
//! | KEM | DHKEM(X25519, HKDF-SHA256) | `0x0020` |
//! | KDF | HKDF-SHA256 | `0x0001` |
//! | AEAD | that of the [`Suite`] | [`Suite::HPKE_AEAD_ID`] |
//!
//! Base mode hides; it does not say who sealed. What a sealed body says is believed only if something else signs it.

use crate::agreement::{AgreementKey, AgreementSecret, KEY_BYTES, WeakKey};
use crate::key::hmac;
use crate::secret::Secret;
use crate::suite::{NotAuthentic, SealError, Suite, TAG_BYTES};

/// Why nothing was sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum HpkeError {
    /// The public key has small order or is not encoded canonically: what is sealed to it would be open to all.
    WeakKey,
    /// The cipher refused the length.
    TooLong,
}

impl core::fmt::Display for HpkeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WeakKey => "public key is weak or not canonical",
            Self::TooLong => "too long to seal",
        })
    }
}

impl core::error::Error for HpkeError {}

impl From<WeakKey> for HpkeError {
    fn from(_: WeakKey) -> Self {
        Self::WeakKey
    }
}

/// What is kept beside a sealed body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// Encapsulated key: the public half of the ephemeral key.
    pub enc: [u8; KEY_BYTES],
    /// Authentication tag.
    pub tag: [u8; TAG_BYTES],
}

/// Encrypts `body` in place to `recipient`; the tag also covers `aad`, and the key is bound to `info`.
///
/// # Security
/// `ephemeral` is fresh for each call: the same one with the same recipient and `info` gives the same key and nonce. Who
/// learns it opens this body. The body is not authenticated as coming from anyone.
///
/// # Errors
/// [`HpkeError`], as it says; `body` is then unchanged.
pub fn seal_base<S: Suite>(
    recipient: &AgreementKey,
    info: &[u8],
    aad: &[u8],
    body: &mut [u8],
    ephemeral: &Secret<32>,
) -> Result<Sealed, HpkeError> {
    let ephemeral = AgreementSecret::of(ephemeral);
    let enc = *ephemeral.public_bytes();
    let dh = ephemeral.agree(recipient.as_bytes())?;
    let keys = key_schedule::<S>(&dh, &enc, recipient.as_bytes(), info);
    let tag =
        S::encrypt(&S::schedule(&keys.key), keys.base_nonce, aad, body).map_err(
            |error| match error {
                SealError::TooLong | SealError::NumberUsed => HpkeError::TooLong,
            },
        )?;
    Ok(Sealed { enc, tag })
}

/// Decrypts `body` in place if it was sealed to `secret` with the same `info` and `aad`.
///
/// # Errors
/// [`NotAuthentic`]: one of the inputs was changed, or is for another recipient; `body` then holds nothing of the
/// plaintext.
pub fn open_base<S: Suite>(
    secret: &AgreementSecret,
    enc: &[u8; KEY_BYTES],
    info: &[u8],
    aad: &[u8],
    body: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), NotAuthentic> {
    let dh = secret.agree(enc).map_err(|WeakKey| NotAuthentic)?;
    let keys = key_schedule::<S>(&dh, enc, secret.public_bytes(), info);
    S::decrypt(&S::schedule(&keys.key), keys.base_nonce, aad, body, tag)
}

/// Key and nonce of the one message.
struct Keys {
    key: Secret<32>,
    base_nonce: [u8; 12],
}

/// `ExtractAndExpand` of RFC 9180 §4.1, then `KeySchedule` of §5.1 in base mode.
fn key_schedule<S: Suite>(
    dh: &Secret<32>,
    enc: &[u8; KEY_BYTES],
    recipient: &[u8; KEY_BYTES],
    info: &[u8],
) -> Keys {
    // The salt that RFC 5869 §2.2 puts in place of none.
    let no_salt = Secret::new([0; 32]);

    let kem = &b"KEM\x00\x20"[..];
    let eae_prk = labeled_extract(&no_salt, kem, b"eae_prk", dh.expose());
    let shared_secret =
        labeled_expand(&eae_prk, kem, b"shared_secret", [&[], enc, recipient], [0, 32]);

    let [aead_high, aead_low] = S::HPKE_AEAD_ID.to_be_bytes();
    let hpke = &[b'H', b'P', b'K', b'E', 0x00, 0x20, 0x00, 0x01, aead_high, aead_low][..];
    let psk_id_hash = labeled_extract(&no_salt, hpke, b"psk_id_hash", &[]);
    let info_hash = labeled_extract(&no_salt, hpke, b"info_hash", info);
    let context: [&[u8]; 3] = [&[MODE_BASE], psk_id_hash.expose(), info_hash.expose()];
    let secret = labeled_extract(&shared_secret, hpke, b"secret", &[]);
    let nonce = labeled_expand(&secret, hpke, b"base_nonce", context, [0, 12]);
    let mut base_nonce = [0; 12];
    for (to, from) in base_nonce.iter_mut().zip(nonce.expose()) {
        *to = *from;
    }
    Keys { key: labeled_expand(&secret, hpke, b"key", context, [0, 32]), base_nonce }
}

/// `mode_base` of RFC 9180 §5.
const MODE_BASE: u8 = 0x00;

/// `LabeledExtract` of RFC 9180 §4. HKDF-Extract is HMAC under the salt (RFC 5869 §2.2).
fn labeled_extract(salt: &Secret<32>, suite_id: &[u8], label: &[u8], ikm: &[u8]) -> Secret<32> {
    hmac(salt, &[b"HPKE-v1", suite_id, label, ikm])
}

/// `LabeledExpand` of RFC 9180 §4 for up to one hash of output, whose `length` is big-endian.
///
/// HKDF-Expand is then its first block, HMAC(prk, info || 0x01) (RFC 5869 §2.3); the caller takes the front of it.
fn labeled_expand(
    prk: &Secret<32>,
    suite_id: &[u8],
    label: &[u8],
    [first, second, third]: [&[u8]; 3],
    length: [u8; 2],
) -> Secret<32> {
    hmac(prk, &[&length, b"HPKE-v1", suite_id, label, first, second, third, &[0x01]])
}
