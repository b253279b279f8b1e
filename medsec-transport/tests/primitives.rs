//! Handshakes with a side that computes otherwise than this crate does.

use medsec_core::Secret;
use medsec_core::agreement::{AgreementSecret, WeakKey};
use medsec_core::suite::{Aes256Gcm, CipherState, NotAuthentic, SealError};
use medsec_transport::noise::Primitives;
use medsec_transport::noise::handshake_state::{HandshakeState, ReadError, Role, WriteError};
use medsec_transport::noise::pattern::XX;

fn key(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

/// The functions of suite 1, but that a static key is shown in an encoding that is not its own, and that one text is not encrypted.
struct Unclear;

/// The text.
const REFUSED: &[u8] = b"refused";

impl Primitives for Unclear {
    const NAME: &'static str = <Aes256Gcm as Primitives>::NAME;
    /// A key, and whether it is an ephemeral one.
    type KeyPair = (AgreementSecret, bool);
    type CipherState = CipherState<Aes256Gcm>;

    fn key_pair(secret: Secret<32>) -> Self::KeyPair {
        (AgreementSecret::from_bytes(secret), true)
    }

    fn public((key, is_ephemeral): &Self::KeyPair) -> [u8; 32] {
        let mut bytes = key.public().to_bytes();
        bytes[31] |= if *is_ephemeral { 0 } else { 0x80 };
        bytes
    }

    fn is_key(public: &[u8; 32]) -> bool {
        Aes256Gcm::is_key(public)
    }

    fn dh((key, _): &Self::KeyPair, public: &[u8; 32]) -> Result<Secret<32>, WeakKey> {
        Aes256Gcm::dh(key, public)
    }

    fn hash(parts: &[&[u8]]) -> [u8; 32] {
        Aes256Gcm::hash(parts)
    }

    fn hkdf(chaining_key: &Secret<32>, input: &[u8]) -> [Secret<32>; 3] {
        Aes256Gcm::hkdf(chaining_key, input)
    }

    fn cipher(key: &Secret<32>) -> Self::CipherState {
        Aes256Gcm::cipher(key)
    }

    fn encrypt(
        cipher: &mut Self::CipherState,
        ad: &[u8],
        body: &mut [u8],
    ) -> Result<[u8; 16], SealError> {
        if body == REFUSED {
            return Err(SealError::TooLong);
        }
        Aes256Gcm::encrypt(cipher, ad, body)
    }

    fn decrypt(
        cipher: &mut Self::CipherState,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        Aes256Gcm::decrypt(cipher, ad, body, tag)
    }

    fn decrypt_uncounted(
        cipher: &Self::CipherState,
        ad: &[u8],
        body: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        Aes256Gcm::decrypt_uncounted(cipher, ad, body, tag)
    }
}

/// A key has one encoding: otherwise one holder would have two names.
#[test]
fn a_static_key_in_a_second_encoding_is_refused() {
    let (key, own) = ((key(2), false), key(1));
    let prologue: [&[u8]; 2] = [b"", b""];
    let mut initiator =
        HandshakeState::<Aes256Gcm>::new(&XX, Role::Initiator, &prologue, &own, None, None)
            .unwrap();
    let mut responder =
        HandshakeState::<Unclear>::new(&XX, Role::Responder, &prologue, &key, None, None).unwrap();
    initiator.set_ephemeral(Secret::new([3; 32]));
    responder.set_ephemeral(Secret::new([4; 32]));
    let mut buffer = [0; 100];
    let first = initiator.write_message(&[], &mut buffer).unwrap();
    responder.read_message(first).unwrap();
    let second = responder.write_message(&[], &mut buffer).unwrap();
    assert_eq!(initiator.read_message(second).unwrap_err(), ReadError::WeakKey);
}

/// What was mixed in before the cipher refused cannot be taken back, so nothing may follow it.
#[test]
fn a_handshake_whose_cipher_refuses_is_over() {
    let (own, other) = ((key(2), false), key(3));
    let prologue: [&[u8]; 2] = [b"", b""];
    let mut responder =
        HandshakeState::<Unclear>::new(&XX, Role::Responder, &prologue, &own, None, None).unwrap();
    responder.set_ephemeral(Secret::new([4; 32]));
    responder.read_message(&mut other.public().to_bytes()).unwrap();
    let mut buffer = [0; 200];
    assert_eq!(responder.write_message(REFUSED, &mut buffer).unwrap_err(), WriteError::Failed);
    assert_eq!(responder.write_message(b"", &mut buffer).unwrap_err(), WriteError::Turn);
    assert_eq!(responder.read_message(&mut buffer).unwrap_err(), ReadError::Turn);
    assert!(responder.finish().is_none());
}
