//! Keys, signatures, sealed bytes and noise from anywhere.

use medsec_audit::state::Escrow;
use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::hal::{EntropySource, SourceFault};
use medsec_core::hpke::{open_base, seal_base};
use medsec_core::key::{
    AtRest, Context, DeviceKey, Envelope, Label, MacKey, PublicKey, derive, device_id, sha256,
};
use medsec_core::rng::{HealthTests, Random};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Sealer, Suite};

use crate::input::Input;

/// Keys and signatures: nothing that was not signed verifies, and a key has one encoding.
pub(crate) fn keys(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let key: [u8; 32] = input.array();
    if let Ok(public) = PublicKey::parse(&key) {
        assert_eq!(public.to_bytes(), key);
        assert_ne!(device_id(1, &public), device_id(2, &public));
    }
    if let Ok(recipient) = AgreementKey::parse(&key) {
        assert_eq!(recipient.to_bytes(), key);
        assert!(key[31] < 0x80, "bit 255 is no part of a key");
    }
    let secret = Secret::new(key);
    let signature: [u8; 64] = input.array();
    let (first, second) = (input.chunk(), input.rest());
    let joined = [first, second].concat();
    assert_eq!(sha256(&[first, second]), sha256(&[&joined]));
    let mac = MacKey::derive(&secret, Label::AuditMount);
    let tag = mac.tag(&[first, second]);
    assert!(mac.verify(&[&joined], &tag).is_ok());
    let other = *signature.first_chunk().expect("64 bytes hold 16");
    assert_eq!(mac.verify(&[&joined], &other).is_ok(), other == tag);
    assert_ne!(
        derive(&secret, Label::AuditNext, &[first]).expose(),
        derive(&secret, Label::AuditLink, &[first]).expose()
    );
    if choice & 3 == 0 {
        let device = DeviceKey::from_seed(&secret);
        let signed = device.sign(Context::AuditCheckpoint, &[first, second]);
        assert_eq!(signed.is_ok(), joined.len() <= 192);
        let public = device.public();
        if let Ok(signed) = signed {
            assert!(public.verify(Context::AuditCheckpoint, &[&joined], &signed).is_ok());
            let mut changed = signed;
            changed[usize::from(choice) % 64] ^= 1 << (choice >> 5);
            assert!(public.verify(Context::AuditCheckpoint, &[&joined], &changed).is_err());
        }
        let forged = public.verify(Context::AuditCheckpoint, &[&joined], &signature).is_ok();
        assert!(!forged || signed == Ok(signature), "a signature that nobody made");
    }
}

/// Sealed bytes: opened only as they were made.
pub(crate) fn sealed(data: &[u8]) {
    if data.first().is_some_and(|byte| byte & 1 == 1) {
        sealed_by::<Aes256Gcm>(data);
    } else {
        sealed_by::<ChaCha20Poly1305>(data);
    }
}

fn sealed_by<S: Suite>(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let (number, key, tag) = (input.u64(), Secret::new([input.u8(); 32]), input.array::<16>());
    let (aad, body) = (input.chunk(), input.rest());
    let opener = Opener::<S>::new(&key);
    let mut bytes = body.to_vec();
    assert!(opener.open(number, aad, &mut bytes, &tag).is_err(), "opened what nobody sealed");
    let mut bytes = body.to_vec();
    let mut sealer = Sealer::<S>::new(&key);
    if let Ok(tag) = sealer.seal(number, aad, &mut bytes) {
        assert!(sealer.seal(number, aad, &mut body.to_vec()).is_err(), "a number used twice");
        change(
            choice,
            &mut bytes,
            tag,
            number,
            |bytes, tag, number| {
                opener.open(number, aad, bytes, &tag).is_ok().then(|| bytes.to_vec())
            },
            body,
        );
    }
    let rest = AtRest::<S>::derive(&key);
    let mut bytes = body.to_vec();
    let Ok(envelope) = rest.seal(aad, &mut bytes) else { return };
    change(
        choice,
        &mut bytes,
        envelope.tag,
        0,
        |bytes, tag, number| {
            let mut nonce = envelope.nonce;
            nonce[0] ^= number.to_le_bytes()[0];
            rest.open(aad, bytes, &Envelope { nonce, tag }).is_ok().then(|| bytes.to_vec())
        },
        body,
    );
}

/// Opens as it is, then with one thing changed.
fn change(
    choice: u8,
    bytes: &mut [u8],
    mut tag: [u8; 16],
    mut number: u64,
    open: impl Fn(&mut [u8], [u8; 16], u64) -> Option<Vec<u8>>,
    body: &[u8],
) {
    assert_eq!(open(&mut bytes.to_vec(), tag, number).as_deref(), Some(body));
    match choice >> 1 & 3 {
        0 => tag[usize::from(choice >> 4)] ^= 1,
        1 => number ^= 1,
        _ => match bytes.first_mut() {
            Some(byte) => *byte ^= 0x80,
            None => return,
        },
    }
    assert_eq!(open(&mut bytes.to_vec(), tag, number), None, "opened although changed");
}

/// Bodies sealed to a public key, and escrows.
pub(crate) fn hpke(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let secret = AgreementSecret::from_bytes(Secret::new([0x5A; 32]));
    let (enc, tag): ([u8; 32], [u8; 16]) = (input.array(), input.array());
    let body = input.take(64);
    assert!(
        open_base::<ChaCha20Poly1305>(&secret, &enc, &[choice], &[], &mut body.to_vec(), &tag)
            .is_err(),
        "opened what nobody sealed"
    );
    let device = [choice; 16];
    let mut escrow = Escrow { base: input.u32(), kid: input.array(), sealed: [0; 80] };
    escrow.sealed[..32].copy_from_slice(&enc);
    assert!(escrow.open::<Aes256Gcm>(&device, &secret).is_err());
    // To whatever key is acceptable, by whatever ephemeral.
    if let Ok(recipient) = AgreementKey::parse(&enc) {
        let ephemeral = Secret::new(input.array());
        let mut sealed = body.to_vec();
        seal_base::<Aes256Gcm>(&recipient, b"x", &tag, &mut sealed, &ephemeral).ok();
        if choice & 1 == 1 {
            honest(&secret, body, &ephemeral, choice);
        }
        let audit = Secret::new([choice; 32]);
        if let Ok(made) =
            Escrow::seal::<Aes256Gcm>(&audit, escrow.base, &device, &secret.public(), &ephemeral)
        {
            let opened = made.open::<Aes256Gcm>(&device, &secret).expect("an escrow opens");
            assert_eq!(opened.expose(), audit.expose());
            let other = Escrow { base: escrow.base ^ 1, ..made };
            assert!(other.open::<Aes256Gcm>(&device, &secret).is_err());
        }
    }
}

fn honest(secret: &AgreementSecret, body: &[u8], ephemeral: &Secret<32>, choice: u8) {
    let mut bytes = body.to_vec();
    let Ok(mut sealed) =
        seal_base::<Aes256Gcm>(&secret.public(), b"i", b"a", &mut bytes, ephemeral)
    else {
        return;
    };
    let open = |sealed: &medsec_core::hpke::Sealed| {
        let mut bytes = bytes.clone();
        open_base::<Aes256Gcm>(secret, &sealed.enc, b"i", b"a", &mut bytes, &sealed.tag)
            .map(|()| bytes)
    };
    assert_eq!(open(&sealed).as_deref(), Ok(body));
    sealed.enc[usize::from(choice >> 3)] ^= 1 << (choice & 7);
    assert!(open(&sealed).is_err(), "opened with another encapsulated key");
}

/// A noise source that says what the fuzzer says, and then fails or repeats.
struct Scripted<'a>(Input<'a>, bool);

impl EntropySource for Scripted<'_> {
    const ENTROPY_PER_BIT_MILLI: u16 = 500;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        if self.0.is_empty() && self.1 {
            return Err(SourceFault);
        }
        for byte in out {
            *byte = self.0.u8();
        }
        Ok(())
    }
}

/// Noise of any kind: a fault once found stays, and no keys come out behind it.
pub(crate) fn noise(data: &[u8]) {
    let mut input = Input::new(data);
    let (claim, fails) = (input.u16() % 1100, input.bool());
    let rest = input.rest();
    if let Some(mut tests) = HealthTests::of_claim(claim) {
        let mut found = None;
        for block in rest.chunks_exact(32) {
            let verdict = tests.feed(block.try_into().expect("32 bytes"));
            if let Some(before) = found {
                assert_eq!(verdict, before, "a fault was forgotten");
            }
            if verdict.is_err() {
                found = Some(verdict);
            }
        }
    } else {
        assert!(!(100..=1000).contains(&claim));
    }
    let mut random = Random::new(Scripted(Input::new(rest), fails));
    let mut out = [0xEE; 16];
    assert!(random.fill(&mut out).is_err(), "bytes before it was started");
    assert_eq!(out, [0; 16]);
    let started = random.start(Secret::new([1; 32]), b"device");
    let again = random.start(Secret::new([2; 32]), &rest[..rest.len().min(64)]);
    for _ in 0..4 {
        let mut out = [0xEE; 16];
        let filled = random.fill_with(&[fails.into()], &mut out);
        if started.is_err() || again.is_err() {
            assert!(filled.is_err(), "keys behind a fault of the noise");
        }
        assert_eq!(filled.is_err(), out == [0; 16]);
        let faulty = random.verdict().is_err();
        assert_eq!(random.reseed().is_err(), faulty || random.verdict().is_err());
    }
    let mut out = [0; 16];
    random.fill_degraded(&mut out).expect("bytes that need no trust always come");
    assert_ne!(out, [0; 16]);
}
