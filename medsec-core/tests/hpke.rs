//! Sealing to a public key: the RFC's own vector, a second implementation both ways, and refused changes.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use hpke::aead::{AesGcm256, ChaCha20Poly1305 as OtherChaCha};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable};
use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret, WeakKey};
use medsec_core::hpke::{open_base, seal_base};
use medsec_core::key::sha256;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, NotAuthentic, Suite};

fn hex<const N: usize>(text: &str) -> [u8; N] {
    assert_eq!(text.len(), 2 * N);
    core::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

/// RFC 9180, appendix A.2.1, sequence number 0.
#[test]
fn the_vector_of_the_rfc_is_reproduced() {
    let secret = AgreementSecret::from_bytes(Secret::new(hex(
        "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
    )));
    let public = hex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    assert_eq!(secret.public(), AgreementKey::parse(&public).unwrap());
    let ephemeral =
        Secret::new(hex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600"));

    let mut body = *b"Beauty is truth, truth beauty";
    let sealed = seal_base::<ChaCha20Poly1305>(
        &secret.public(),
        b"Ode on a Grecian Urn",
        b"Count-0",
        &mut body,
        &ephemeral,
    )
    .unwrap();
    assert_eq!(sealed.enc, hex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"));
    assert_eq!(body, hex("1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b"));
    assert_eq!(sealed.tag, hex("60b4db21993c62ce81883d2dd1b51a28"));
}

/// Some bytes that differ from case to case.
fn bytes(case: u8, what: u8) -> [u8; 32] {
    sha256(&[&[case, what]])
}

fn agrees_with_the_other_implementation<S: Suite, A: hpke::aead::Aead>() {
    for case in 0..32_u8 {
        let secret = AgreementSecret::from_bytes(Secret::new(bytes(case, 0)));
        let info = &bytes(case, 2)[..usize::from(case)];
        let aad = &bytes(case, 3)[..usize::from(31 - case)];
        let plain = &bytes(case, 4)[..usize::from(case)];
        let other_secret =
            <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(&bytes(case, 0)).unwrap();
        let other_public =
            <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&secret.public().to_bytes())
                .unwrap();

        let mut body = plain.to_vec();
        let ephemeral = Secret::new(bytes(case, 1));
        let sealed = seal_base::<S>(&secret.public(), info, aad, &mut body, &ephemeral).unwrap();
        let opened = hpke::single_shot_open::<A, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &other_secret,
            &<X25519HkdfSha256 as hpke::Kem>::EncappedKey::from_bytes(&sealed.enc).unwrap(),
            info,
            &[&body[..], &sealed.tag].concat(),
            aad,
        );
        assert_eq!(opened.unwrap(), plain);

        let (enc, mut other) = hpke::single_shot_seal::<A, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &other_public,
            info,
            plain,
            aad,
        )
        .unwrap();
        let tag = other.split_off(plain.len()).try_into().unwrap();
        let enc = enc.to_bytes().into();
        open_base::<S>(&secret, &enc, info, aad, &mut other, &tag).unwrap();
        assert_eq!(other, plain);
    }
}

#[test]
fn a_second_implementation_opens_and_seals_the_same() {
    agrees_with_the_other_implementation::<Aes256Gcm, AesGcm256>();
    agrees_with_the_other_implementation::<ChaCha20Poly1305, OtherChaCha>();
}

/// Every single bit of the info, the encapsulated key, the tag, the body and the aad, flipped one at a time.
fn refuses_each_flipped_bit<S: Suite>() {
    let secret = AgreementSecret::from_bytes(Secret::new(bytes(1, 1)));
    let plain = [0x5a; 24];
    let (info, aad) = (bytes(1, 2), bytes(1, 3));
    let mut body = plain;
    let ephemeral = Secret::new(bytes(1, 4));
    let sealed = seal_base::<S>(&secret.public(), &info, &aad, &mut body, &ephemeral).unwrap();
    let mut all = [&info[..], &sealed.enc, &sealed.tag, &body, &aad].concat();

    let open = |all: &[u8]| {
        let mut body: [u8; 24] = all[80..104].try_into().unwrap();
        let enc = all[32..64].try_into().unwrap();
        let tag = all[64..80].try_into().unwrap();
        let opened = open_base::<S>(&secret, &enc, &all[..32], &all[104..], &mut body, &tag);
        assert_eq!(opened.is_ok(), body == plain, "plaintext and result go together");
        opened
    };
    assert_eq!(open(&all), Ok(()));
    for bit in 0..all.len() * 8 {
        all[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(open(&all), Err(NotAuthentic), "bit {bit}");
        all[bit / 8] ^= 1 << (bit % 8);
    }
    assert_eq!(open(&all), Ok(()));
}

#[test]
fn a_flipped_bit_is_refused() {
    refuses_each_flipped_bit::<Aes256Gcm>();
    refuses_each_flipped_bit::<ChaCha20Poly1305>();
}

#[test]
fn a_body_of_one_suite_does_not_open_in_the_other() {
    let secret = AgreementSecret::from_bytes(Secret::new([7; 32]));
    let mut body = [1; 8];
    let ephemeral = Secret::new([8; 32]);
    let sealed = seal_base::<Aes256Gcm>(&secret.public(), b"", b"", &mut body, &ephemeral).unwrap();
    let opened =
        open_base::<ChaCha20Poly1305>(&secret, &sealed.enc, b"", b"", &mut body, &sealed.tag);
    assert_eq!(opened, Err(NotAuthentic));
}

/// The u-coordinates with which X25519 gives zero whatever the secret, with and without bit 255 (RFC 7748 masks it), and
/// the other encodings that are not canonical.
#[test]
fn weak_and_second_encodings_are_refused() {
    let p_minus_1 = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
    let small_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        p_minus_1,
        &p_minus_1.replacen("ec", "ed", 1),
        &p_minus_1.replacen("ec", "ee", 1),
    ];
    let secret = AgreementSecret::from_bytes(Secret::new([9; 32]));
    for text in small_order {
        for top in [0, 0x80] {
            let mut weak: [u8; 32] = hex(text);
            weak[31] |= top;
            let dh = x25519_dalek::x25519([9; 32], weak);
            assert_eq!(dh, [0; 32], "{text} is not of small order");
            assert_eq!(AgreementKey::parse(&weak), Err(WeakKey));
            let opened = open_base::<ChaCha20Poly1305>(&secret, &weak, b"", b"", &mut [], &[0; 16]);
            assert_eq!(opened, Err(NotAuthentic));
        }
    }
    let good = secret.public().to_bytes();
    assert_eq!(AgreementKey::parse(&good), Ok(secret.public()));
    let mut second = good;
    second[31] |= 0x80;
    assert_eq!(AgreementKey::parse(&second), Err(WeakKey));
    for low in 0xed..=0xff {
        let mut above_prime: [u8; 32] = hex(p_minus_1);
        above_prime[0] = low;
        assert_eq!(AgreementKey::parse(&above_prime), Err(WeakKey));
    }
    let mut largest: [u8; 32] = hex(p_minus_1);
    largest[0] = 0xeb;
    AgreementKey::parse(&largest).unwrap();
}

#[test]
fn a_key_id_is_the_front_of_a_labelled_hash() {
    let key = AgreementSecret::from_bytes(Secret::new([3; 32])).public();
    let hash = sha256(&[b"medsec/v1/core/kid\x01", &key.to_bytes()]);
    assert_eq!(key.kid(), hash[..8]);
}

#[test]
fn a_secret_prints_nothing() {
    let secret = AgreementSecret::from_bytes(Secret::new([3; 32]));
    assert_eq!(format!("{secret:?}"), "AgreementSecret");
}
