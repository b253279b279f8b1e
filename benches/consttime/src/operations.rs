//! What medsec does with secrets.
//!
//! Each operation poisons its secrets and declassifies nothing but what the device gives away in any case; the reason stands
//! beside each [`public`]. Lengths, message numbers, labels and associated data are public throughout.

use ed25519_dalek::{Signer, SigningKey};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::hal::{EntropySource, SourceFault};
use medsec_core::hpke::{open_base, seal_base};
use medsec_core::key::{AtRest, Context, DeviceKey, Label, MacKey, derive, sha256};
use medsec_core::rng::{Random, ratchet};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Sealer, Suite};
use subtle::ConstantTimeEq;

use crate::Act;
use crate::valgrind::{declassify, poison, secret_bytes};

/// Each of them.
pub(crate) const ALL: &[(&str, Act)] = &[
    ("seal/aes-256-gcm", seal::<Aes256Gcm>),
    ("open/aes-256-gcm", open::<Aes256Gcm>),
    ("open-forged/aes-256-gcm", open_forged::<Aes256Gcm>),
    ("at-rest-seal/aes-256-gcm", at_rest_seal::<Aes256Gcm>),
    ("at-rest-open/aes-256-gcm", at_rest_open::<Aes256Gcm>),
    ("hpke-seal/aes-256-gcm", hpke_seal::<Aes256Gcm>),
    ("hpke-open/aes-256-gcm", hpke_open::<Aes256Gcm>),
    ("seal/chacha20-poly1305", seal::<ChaCha20Poly1305>),
    ("open/chacha20-poly1305", open::<ChaCha20Poly1305>),
    ("open-forged/chacha20-poly1305", open_forged::<ChaCha20Poly1305>),
    ("at-rest-seal/chacha20-poly1305", at_rest_seal::<ChaCha20Poly1305>),
    ("at-rest-open/chacha20-poly1305", at_rest_open::<ChaCha20Poly1305>),
    ("hpke-seal/chacha20-poly1305", hpke_seal::<ChaCha20Poly1305>),
    ("hpke-open/chacha20-poly1305", hpke_open::<ChaCha20Poly1305>),
    ("sha-256", hash),
    ("derive", derivation),
    ("ratchet", seed_ratchet),
    ("mac-tag", mac_tag),
    ("mac-verify", mac_verify),
    ("mac-verify-forged", mac_verify_forged),
    ("secret-compare", secret_compare),
    ("x25519-public-key", x25519_public_key),
    ("ed25519-public-key", ed25519_public_key),
    ("ed25519-sign", ed25519_sign),
    ("random-start", random_start),
    ("random-fill", random_fill),
    ("random-fill-with", random_fill_with),
    ("random-reseed", random_reseed),
];

/// Bytes of a message: whole blocks, enough for the widest vector code, and a part of one.
const BODY_BYTES: usize = 1_045;

/// A secret.
pub(crate) fn secret<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    poison(&mut bytes);
    bytes
}

/// Says that a value is public, in spite of the secrets it was made from.
pub(crate) fn public<T>(value: &mut T) {
    declassify(value);
}

fn key() -> Secret<32> {
    Secret::new(secret(core::array::from_fn(|at| at as u8)))
}

/// The same key, not watched, for what a peer did elsewhere.
fn key_elsewhere() -> Secret<32> {
    Secret::new(core::array::from_fn(|at| at as u8))
}

fn seal<S: Suite>() -> usize {
    let mut body = secret([0x5a; BODY_BYTES]);
    let tag = Sealer::<S>::new(&key()).seal(3, b"header", &mut body).unwrap();
    secret_bytes(&body) + secret_bytes(&tag)
}

/// What a peer sealed.
fn sealed<S: Suite>() -> ([u8; BODY_BYTES], [u8; 16]) {
    let mut body = [0x5a; BODY_BYTES];
    let tag = Sealer::<S>::new(&key_elsewhere()).seal(3, b"header", &mut body).unwrap();
    (body, tag)
}

fn open<S: Suite>() -> usize {
    let (mut body, tag) = sealed::<S>();
    let mut opened = Opener::<S>::new(&key()).open(3, b"header", &mut body, &tag);
    // Whether a tag holds is told to the sender and to the log.
    public(&mut opened);
    opened.unwrap();
    secret_bytes(&body)
}

fn open_forged<S: Suite>() -> usize {
    let (mut body, mut tag) = sealed::<S>();
    tag[15] ^= 1;
    let opener = Opener::<S>::new(&key());
    let mut opened = opener.open(3, b"header", &mut body, &tag);
    // As above.
    public(&mut opened);
    opened.unwrap_err();
    // A body that was refused holds nothing secret, so the key is seen to be watched by opening another.
    assert_eq!(secret_bytes(&body), 0);
    open::<S>()
}

fn at_rest_seal<S: Suite>() -> usize {
    let mut body = secret([0x5a; BODY_BYTES]);
    let envelope = AtRest::<S>::derive(&key()).seal(b"cell 1", &mut body).unwrap();
    secret_bytes(&body) + secret_bytes(&envelope.nonce) + secret_bytes(&envelope.tag)
}

fn at_rest_open<S: Suite>() -> usize {
    let mut body = [0x5a; BODY_BYTES];
    let envelope = AtRest::<S>::derive(&key_elsewhere()).seal(b"cell 1", &mut body).unwrap();
    let mut opened = AtRest::<S>::derive(&key()).open(b"cell 1", &mut body, &envelope);
    // Whether what lies on flash is authentic is told to the log.
    public(&mut opened);
    opened.unwrap();
    secret_bytes(&body)
}

fn hpke_seal<S: Suite>() -> usize {
    let recipient = AgreementSecret::from_bytes(key_elsewhere()).public();
    let mut body = secret([0x5a; BODY_BYTES]);
    let ephemeral = Secret::new(secret([9; 32]));
    let mut result = seal_base::<S>(&recipient, b"info", b"header", &mut body, &ephemeral);
    let reached = secret_bytes(&body);
    // What is kept beside a sealed body is public, and so is whether there is any.
    public(&mut result);
    result.unwrap();
    reached
}

fn hpke_open<S: Suite>() -> usize {
    let recipient = AgreementSecret::from_bytes(key_elsewhere()).public();
    let mut body = [0x5a; BODY_BYTES];
    let ephemeral = Secret::new([9; 32]);
    let sealed = seal_base::<S>(&recipient, b"info", b"header", &mut body, &ephemeral).unwrap();
    let own = AgreementSecret::from_bytes(key());
    let mut opened = open_base::<S>(&own, &sealed.enc, b"info", b"header", &mut body, &sealed.tag);
    // Whether a body opens is told to whoever asked.
    public(&mut opened);
    opened.unwrap();
    secret_bytes(&body)
}

fn hash() -> usize {
    secret_bytes(&sha256(&[&secret([1; 7]), &secret([2; 200])]))
}

fn derivation() -> usize {
    let field = secret([3; 16]);
    secret_bytes(derive(&key(), Label::AuditSegment, &[&field, b"public"]).expose())
}

fn seed_ratchet() -> usize {
    secret_bytes(ratchet(&key()).expose())
}

fn mac_tag() -> usize {
    let key = MacKey::derive(&key(), Label::Lifecycle);
    secret_bytes(&key.tag(&[b"header", &secret([4; 100])]))
}

fn mac_verify() -> usize {
    let mut tag = MacKey::derive(&key_elsewhere(), Label::Lifecycle).tag(&[b"header"]);
    let watched = MacKey::derive(&key(), Label::Lifecycle);
    let mut verified = watched.verify(&[b"header"], &tag);
    // Whether a tag holds is told to the log.
    public(&mut verified);
    verified.unwrap();
    tag = watched.tag(&[b"header"]);
    secret_bytes(&tag)
}

fn mac_verify_forged() -> usize {
    let watched = MacKey::derive(&key(), Label::Lifecycle);
    let mut verified = watched.verify(&[b"header"], &[0; 16]);
    // As above.
    public(&mut verified);
    verified.unwrap_err();
    secret_bytes(&watched.tag(&[b"header"]))
}

fn secret_compare() -> usize {
    let own = key();
    let mut answers = [0; 2];
    for (answer, other) in answers.iter_mut().zip([key_elsewhere(), Secret::new([0; 32])]) {
        *answer = own.ct_eq(&other).unwrap_u8();
    }
    let reached = secret_bytes(&answers);
    // The answer is what was asked for.
    public(&mut answers);
    assert_eq!(answers, [1, 0]);
    reached
}

fn x25519_public_key() -> usize {
    secret_bytes(&AgreementSecret::from_bytes(key()).public().to_bytes())
}

fn ed25519_public_key() -> usize {
    secret_bytes(&DeviceKey::from_seed(&key()).public().to_bytes())
}

/// Signs as [`DeviceKey::sign`] does, up to where it verifies what it made: verification takes the signature, the public key
/// and the message, all of them public, and is not constant in time.
fn ed25519_sign() -> usize {
    let context = Context::AuditCheckpoint;
    let mut message = [0; 36];
    message[..context.text().len()].copy_from_slice(context.text().as_bytes());
    message[32..].copy_from_slice(b"body");
    let mut signature = SigningKey::from_bytes(key().expose()).sign(&message).to_bytes();
    let reached = secret_bytes(&signature);
    // A signature is made to be shown.
    public(&mut signature);
    let device = DeviceKey::from_seed(&key_elsewhere());
    assert_eq!(device.sign(context, &[b"body"]), Ok(signature), "not what the device does");
    reached
}

/// Noise that passes the health tests. It is not watched: the tests branch on it, which tells an observer when a part is
/// broken and, of a part that is not, nothing that the generator's output would betray.
struct Noise(u64);

impl EntropySource for Noise {
    const ENTROPY_PER_BIT_MILLI: u16 = 1_000;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        for byte in out {
            // splitmix64.
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (word >> 56) as u8;
        }
        Ok(())
    }
}

fn started() -> Random<Noise> {
    let mut random = Random::new(Noise(1));
    random.start(key(), b"device and session").unwrap();
    random
}

fn filled(random: &mut Random<Noise>, additional: &[u8]) -> usize {
    let mut out = [0; 100];
    random.fill_with(additional, &mut out).unwrap();
    secret_bytes(&out)
}

fn random_start() -> usize {
    filled(&mut started(), &[])
}

fn random_fill() -> usize {
    let mut random = started();
    let mut out = [0; 100];
    random.fill(&mut out).unwrap();
    random.fill_degraded(&mut out).unwrap();
    secret_bytes(&out)
}

fn random_fill_with() -> usize {
    filled(&mut started(), &secret([6; 40]))
}

fn random_reseed() -> usize {
    let mut random = started();
    random.reseed().unwrap();
    filled(&mut random, &[])
}
