//! Numbered messages, data at rest, and the separation of labels and contexts.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use std::collections::HashSet;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use medsec_core::Secret;
use medsec_core::key::{
    AtRest, Context, DeviceKey, Envelope, Label, PublicKey, SIGNED_BYTES_MAX, SignError, derive,
};
use medsec_core::suite::{
    Aes256Gcm, ChaCha20Poly1305, NotAuthentic, Opener, SealError, Sealer, Suite,
};

fn key(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

/// Runs a check once for each suite.
macro_rules! for_each_suite {
    ($check:ident) => {
        $check::<Aes256Gcm>();
        $check::<ChaCha20Poly1305>();
    };
}

#[test]
fn ids_are_those_of_the_formats() {
    assert_eq!((Aes256Gcm::ID, ChaCha20Poly1305::ID), (1, 2));
    assert_eq!((Aes256Gcm::HPKE_AEAD_ID, ChaCha20Poly1305::HPKE_AEAD_ID), (2, 3));
}

fn numbers_only_rise<S: Suite>() {
    let mut sealer = Sealer::<S>::new(&key(1));
    let mut body = *b"body";
    sealer.seal(5, b"", &mut body).unwrap();
    let after = body;
    for used in [0, 4, 5] {
        assert_eq!(sealer.seal(used, b"", &mut body), Err(SealError::NumberUsed));
    }
    assert_eq!(body, after);
    sealer.seal(6, b"", &mut body).unwrap();
    // The last number is never given out, as there is none after it.
    assert_eq!(sealer.seal(u64::MAX, b"", &mut body), Err(SealError::NumberUsed));
    sealer.seal(u64::MAX - 1, b"", &mut body).unwrap();
    assert_eq!(sealer.seal(u64::MAX - 1, b"", &mut body), Err(SealError::NumberUsed));
}

#[test]
fn a_number_is_used_once_and_numbers_rise() {
    for_each_suite!(numbers_only_rise);
}

/// A sealed message in parts: number or nonce, aad, tag, body.
type Parts = [Vec<u8>; 4];

/// Flips each bit of each part in turn; `open` opens in place. Returns how many flips of each part were refused.
///
/// A buffer that was refused still holds what was given: nothing of a plaintext was released.
fn flips_refused(
    parts: &Parts,
    plain: &[u8],
    open: impl Fn(&Parts, &mut [u8]) -> Result<(), NotAuthentic>,
) -> [usize; 4] {
    let mut whole = parts[3].clone();
    assert_eq!((open(parts, &mut whole), &whole[..]), (Ok(()), plain));
    core::array::from_fn(|part| {
        let mut flips = parts.clone();
        let bits = 0..flips[part].len() * 8;
        bits.map(|bit| {
            flips[part][bit / 8] ^= 1 << (bit % 8);
            let mut body = flips[3].clone();
            assert_eq!(open(&flips, &mut body), Err(NotAuthentic), "part {part}, bit {bit}");
            assert_eq!(body, flips[3], "part {part}, bit {bit}: released");
            flips[part][bit / 8] ^= 1 << (bit % 8);
        })
        .count()
    })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap()
}

/// None, part of a block, one block, and more than one.
const BODIES: [usize; 6] = [0, 1, 15, 16, 17, 64];

fn only_the_same_message_opens<S: Suite>() {
    for length in BODIES {
        let (plain, aad) = (vec![0x5a; length], *b"header");
        let mut body = plain.clone();
        let tag = Sealer::<S>::new(&key(1)).seal(3, &aad, &mut body).unwrap();
        let opener = Opener::<S>::new(&key(1));
        let parts = [3_u64.to_le_bytes().to_vec(), aad.to_vec(), tag.to_vec(), body.clone()];
        let refused = flips_refused(&parts, &plain, |[number, aad, tag, _], body| {
            opener.open(u64::from_le_bytes(array(number)), aad, body, &array(tag))
        });
        assert_eq!(refused, [64, 48, 128, 8 * length]);
        let given = body.clone();
        let opened = Opener::<S>::new(&key(2)).open(3, &aad, &mut body, &tag);
        assert_eq!((opened, body), (Err(NotAuthentic), given), "another key");
    }
}

#[test]
fn a_flipped_bit_another_key_or_another_number_is_refused() {
    for_each_suite!(only_the_same_message_opens);
}

fn only_the_same_content_opens<S: Suite>() {
    for length in BODIES {
        let plain = vec![0x5a; length];
        let store = AtRest::<S>::derive(&key(1));
        let mut body = plain.clone();
        let Envelope { nonce, tag } = store.seal(b"cell 1", &mut body).unwrap();
        let parts = [nonce.to_vec(), b"cell 1".to_vec(), tag.to_vec(), body.clone()];
        let refused = flips_refused(&parts, &plain, |[nonce, aad, tag, _], body| {
            store.open(aad, body, &Envelope { nonce: array(nonce), tag: array(tag) })
        });
        assert_eq!(refused, [96, 48, 128, 8 * length]);
        let given = body.clone();
        let other = AtRest::<S>::derive(&key(2));
        let opened = other.open(b"cell 1", &mut body, &Envelope { nonce, tag });
        assert_eq!((opened, body), (Err(NotAuthentic), given), "another device");
    }
}

#[test]
fn a_flipped_bit_of_data_at_rest_or_another_device_is_refused() {
    for_each_suite!(only_the_same_content_opens);
}

fn at_rest_is_deterministic_and_bound<S: Suite>() {
    let store = AtRest::<S>::derive(&key(1));
    let seal = |store: &AtRest<S>, aad: &[u8], plain: &[u8; 24]| {
        let mut body = *plain;
        let envelope = store.seal(aad, &mut body).unwrap();
        (body, envelope)
    };
    let (body, envelope) = seal(&store, b"cell 1", &[7; 24]);
    assert_eq!(seal(&store, b"cell 1", &[7; 24]), (body, envelope), "equal content, equal bytes");

    // Any other content, place or device has another nonce. The aad does not run over into the plaintext.
    let mut other = [7; 24];
    other[23] ^= 1;
    let nonces = [
        envelope.nonce,
        seal(&store, b"cell 1", &other).1.nonce,
        seal(&store, b"cell 2", &[7; 24]).1.nonce,
        seal(&store, b"cell 1\x07", &[7; 24]).1.nonce,
        seal(&AtRest::derive(&key(2)), b"cell 1", &[7; 24]).1.nonce,
    ];
    assert_eq!(HashSet::from(nonces).len(), nonces.len());

    // Moved to another place it does not open.
    let mut moved = body;
    assert_eq!(store.open(b"cell 2", &mut moved, &envelope), Err(NotAuthentic));
    assert_eq!(moved, body);
    assert_eq!(store.open(b"cell 1", &mut moved, &envelope), Ok(()));
    assert_eq!(moved, [7; 24]);
}

#[test]
fn data_at_rest_needs_no_randomness_and_stays_where_it_was_put() {
    for_each_suite!(at_rest_is_deterministic_and_bound);
}

#[test]
fn label_and_context_texts_are_unique_short_and_versioned() {
    let labels = Label::ALL.map(Label::text);
    let contexts = Context::ALL.map(Context::text);
    let texts: HashSet<_> = labels.iter().chain(&contexts).collect();
    assert_eq!(texts.len(), labels.len() + contexts.len());
    for text in texts {
        assert!(text.starts_with("medsec/v1/"), "{text}");
        assert!(text.len() <= 32, "{text}");
        assert!(!text.contains('\0'), "{text}");
    }
}

#[test]
fn each_label_each_parent_and_each_field_gives_another_key() {
    let mut keys = HashSet::new();
    for parent in [1, 2] {
        for label in Label::ALL {
            for fields in [[&b""[..]; 2], [b"a", b""], [b"b", b""], [b"a", b"b"]] {
                assert!(keys.insert(*derive(&key(parent), label, &fields).expose()));
            }
        }
    }
}

/// Every context against every other, and against no context at all.
#[test]
fn a_signature_verifies_in_its_own_context_only() {
    let device = DeviceKey::from_seed(&key(3));
    let public = device.public();
    let outside = VerifyingKey::from_bytes(&public.to_bytes()).unwrap();
    for signed in Context::ALL {
        let signature = device.sign(signed, &[b"bo", b"dy"]).unwrap();
        for verified in Context::ALL {
            let result = public.verify(verified, &[b"body"], &signature);
            assert_eq!(result.is_ok(), signed == verified);
        }
        assert_eq!(public.verify(signed, &[b"bodz"], &signature), Err(NotAuthentic));
        assert_eq!(public.verify(signed, &[b"body", b"\0"], &signature), Err(NotAuthentic));

        let raw = Signature::from_bytes(&signature);
        outside.verify_strict(b"body", &raw).unwrap_err();
        let text_and_body = [signed.text().as_bytes(), b"body"].concat();
        outside.verify_strict(&text_and_body, &raw).unwrap_err();
        let padded = [&[signed.text().as_bytes(), &[0; 32]].concat()[..32], b"body"].concat();
        outside.verify_strict(&padded, &raw).unwrap();

        let without_context = SigningKey::from_bytes(&[3; 32]).sign(b"body").to_bytes();
        assert_eq!(public.verify(signed, &[b"body"], &without_context), Err(NotAuthentic));
    }
}

#[test]
fn a_flipped_bit_of_a_signature_or_key_is_refused() {
    let device = DeviceKey::from_seed(&key(3));
    let [context, ..] = Context::ALL;
    let mut signature = device.sign(context, &[b"body"]).unwrap();
    for bit in 0..signature.len() * 8 {
        signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(device.public().verify(context, &[b"body"], &signature), Err(NotAuthentic));
        signature[bit / 8] ^= 1 << (bit % 8);
    }
    let mut public = device.public().to_bytes();
    for bit in 0..public.len() * 8 {
        public[bit / 8] ^= 1 << (bit % 8);
        let other = PublicKey::parse(&public);
        let verified = other.and_then(|key| key.verify(context, &[b"body"], &signature));
        assert_eq!(verified, Err(NotAuthentic));
        public[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn the_longest_body_is_signed_and_a_longer_one_refused() {
    let device = DeviceKey::from_seed(&key(3));
    let [context, ..] = Context::ALL;
    let body = [1; SIGNED_BYTES_MAX + 1];
    let longest = &body[1..];
    let signature = device.sign(context, &[longest]).unwrap();
    device.public().verify(context, &[longest], &signature).unwrap();
    assert_eq!(device.sign(context, &[&body]), Err(SignError::TooLong));
    assert_eq!(device.public().verify(context, &[&body], &signature), Err(NotAuthentic));
}

/// RFC 8032, §7.1, tests 1 and 2: the public keys of two seeds.
#[test]
fn public_keys_are_those_of_the_rfc() {
    for (seed, public) in [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        ),
    ] {
        let hex = |text: &str| {
            core::array::from_fn(|at| {
                let byte = text.get(2 * at..2 * at + 2).unwrap();
                u8::from_str_radix(byte, 16).unwrap()
            })
        };
        let device = DeviceKey::from_seed(&Secret::new(hex(seed)));
        assert_eq!(device.public().to_bytes(), hex(public));
    }
}
