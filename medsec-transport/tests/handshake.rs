//! Handshakes of each pattern and suite: that both sides end with the same keys, and that nobody else gets there.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, NotAuthentic, Suite};
use medsec_transport::noise::handshake_state::{
    BeginError, Finished, HandshakeState, ReadError, Role, WriteError,
};
use medsec_transport::noise::pattern::{self, KK, Pattern, XX, XX_PSK3};

/// What the messages of a handshake carry, in turn.
const PAYLOADS: [&[u8]; 3] = [b"", b"of the responder", b"of the initiator"];

/// A key that is no point of large order.
const WEAK: [u8; 32] = [0; 32];

fn key(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

/// What both sides of a handshake start from.
struct Setting {
    pattern: &'static Pattern,
    keys: [AgreementSecret; 2],
    /// What each side takes for the key of the other.
    pins: [[u8; 32]; 2],
    prologues: [&'static [u8]; 2],
    psks: [u8; 2],
}

impl Setting {
    fn of(pattern: &'static Pattern) -> Self {
        let keys = [key(1), key(2)];
        let pins = [keys[1].public().to_bytes(), keys[0].public().to_bytes()];
        Self { pattern, keys, pins, prologues: [b"link"; 2], psks: [7; 2] }
    }

    /// One side; its ephemeral key is that of run `run`.
    fn side<S: Suite>(&self, index: usize, run: u8) -> HandshakeState<'_, S> {
        let psk = self.pattern.has_psk.then(|| Secret::new([self.psks[index]; 32]));
        let mut side = HandshakeState::new(
            self.pattern,
            [Role::Initiator, Role::Responder][index],
            &[self.prologues[index], b"of a test"],
            &self.keys[index],
            self.pattern.knows_statics.then_some(&self.pins[index]),
            psk,
        )
        .unwrap();
        side.set_ephemeral(Secret::new([[100, 200][index] + run; 32]));
        side
    }

    fn begin<S: Suite>(&self, run: u8) -> Handshake<'_, S> {
        Handshake { sides: [self.side(0, run), self.side(1, run)], done: 0 }
    }
}

/// A handshake on its way.
struct Handshake<'s, S: Suite> {
    sides: [HandshakeState<'s, S>; 2],
    /// Messages that were written and read.
    done: usize,
}

impl<S: Suite> Handshake<'_, S> {
    fn is_finished(&self) -> bool {
        self.sides.iter().all(HandshakeState::is_finished)
    }

    /// The next message, written by the side whose turn it is into a buffer that just holds it.
    fn write(&mut self) -> Vec<u8> {
        let writer = &mut self.sides[self.done % 2];
        let payload = PAYLOADS[self.done];
        let mut message = vec![0; writer.overhead() + payload.len()];
        assert_eq!(
            writer.write_message(payload, &mut message[1..]).unwrap_err(),
            WriteError::Length
        );
        writer.write_message(payload, &mut message).unwrap();
        message
    }

    /// Gives bytes to the side that waits for the next message.
    fn read(&mut self, message: &[u8]) -> Result<Vec<u8>, ReadError> {
        let mut message = message.to_vec();
        self.sides[1 - self.done % 2].read_message(&mut message).map(|payload| payload.to_vec())
    }

    /// Takes the true message, which has to be good.
    fn accept(&mut self, message: &[u8]) {
        assert_eq!(self.read(message).unwrap(), PAYLOADS[self.done]);
        self.done += 1;
        assert_eq!(self.sides[0].handshake_hash(), self.sides[1].handshake_hash());
    }

    /// Goes on up to message `count`, and returns what was sent.
    fn advance(&mut self, count: usize) -> Vec<Vec<u8>> {
        let mut messages = Vec::new();
        while self.done < count && !self.is_finished() {
            let message = self.write();
            self.accept(&message);
            messages.push(message);
        }
        messages
    }

    fn finish(self) -> [Finished<S>; 2] {
        self.sides.map(|side| side.finish().unwrap())
    }
}

/// Whether what one end sends opens at the other.
fn speaks<S: Suite>(from: &mut CipherState<S>, to: &mut CipherState<S>) -> bool {
    let mut body = *b"a bolus of 2.0 IU";
    let tag = from.encrypt_with_ad(b"ad", &mut body).unwrap();
    let opened = to.decrypt_with_ad(b"ad", &mut body, &tag);
    opened.is_ok() && body == *b"a bolus of 2.0 IU"
}

#[test]
fn both_sides_end_with_the_same_keys() {
    fn with<S: Suite>(pattern: &'static Pattern, sizes: &[usize]) {
        let setting = Setting::of(pattern);
        let mut handshake = setting.begin::<S>(0);
        let messages = handshake.advance(3);
        let bare: Vec<_> =
            messages.iter().zip(PAYLOADS).map(|(m, payload)| m.len() - payload.len()).collect();
        assert_eq!(bare, sizes, "{}", pattern.name);
        for side in &mut handshake.sides {
            // There is nothing more to say.
            let mut buffer = [0; 100];
            assert_eq!((side.is_to_write(), side.overhead()), (false, 0));
            assert_eq!(side.write_message(&[], &mut buffer).unwrap_err(), WriteError::Turn);
            assert_eq!(side.read_message(&mut buffer).unwrap_err(), ReadError::Turn);
        }
        let keys = setting.keys.each_ref().map(|key| Some(key.public().to_bytes()));
        assert_eq!(
            handshake.sides.each_ref().map(HandshakeState::remote_static),
            [keys[1], keys[0]]
        );
        let mut other = setting.begin::<S>(1);
        other.advance(3);
        assert_ne!(other.sides[0].handshake_hash(), handshake.sides[0].handshake_hash());
        let [mut initiator, mut responder] = handshake.finish();
        assert_eq!(initiator.remote_static, setting.keys[1].public().to_bytes());
        assert_eq!(responder.remote_static, setting.keys[0].public().to_bytes());
        assert_eq!(initiator.handshake_hash, responder.handshake_hash);
        for _ in 0..3 {
            assert!(speaks(&mut initiator.send, &mut responder.receive));
            assert!(speaks(&mut responder.send, &mut initiator.receive));
            for end in [&mut initiator, &mut responder] {
                end.send.rekey().unwrap();
                end.receive.rekey().unwrap();
            }
        }
    }
    for (pattern, sizes) in [(&XX, &[32, 96, 64][..]), (&XX_PSK3, &[48, 96, 64]), (&KK, &[48, 48])]
    {
        with::<Aes256Gcm>(pattern, sizes);
        with::<ChaCha20Poly1305>(pattern, sizes);
    }
}

#[test]
fn a_changed_message_is_refused_and_the_true_one_still_counts() {
    /// Bits flipped and lengths cut, all of which end no handshake and begin no link.
    fn with<S: Suite>(pattern: &'static Pattern) -> [usize; 2] {
        let setting = Setting::of(pattern);
        let mut handshake = setting.begin::<S>(0);
        let mut counts = [0, 0];
        while !handshake.is_finished() {
            let message = handshake.write();
            // A first message that is a key in clear and nothing else says nothing that could be found changed.
            let is_bare = handshake.done == 0 && message.len() == 32;
            for bit in 0..message.len() * 8 {
                let mut changed = message.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                if is_bare {
                    no_link_comes_of::<S>(&setting, &changed);
                } else {
                    assert!(handshake.read(&changed).is_err(), "bit {bit}");
                }
                counts[0] += 1;
            }
            for length in 0..message.len() {
                assert!(handshake.read(&message[..length]).is_err(), "{length} bytes");
                counts[1] += 1;
            }
            if !is_bare {
                handshake.read(&[&message[..], &[0]].concat()).unwrap_err();
            }
            handshake.accept(&message);
        }
        let [mut initiator, mut responder] = handshake.finish();
        assert!(speaks(&mut initiator.send, &mut responder.receive));
        counts
    }

    /// The responder may take the first message for another one; the initiator then refuses the second.
    fn no_link_comes_of<S: Suite>(setting: &Setting, first: &[u8]) {
        let mut handshake = setting.begin::<S>(0);
        handshake.write();
        if handshake.read(first).is_ok() {
            handshake.done += 1;
            let second = handshake.write();
            assert_eq!(handshake.read(&second), Err(ReadError::NotAuthentic));
        }
    }

    let mut sum = [0, 0];
    for pattern in pattern::ALL {
        for [bits, lengths] in [with::<Aes256Gcm>(pattern), with::<ChaCha20Poly1305>(pattern)] {
            sum = [sum[0] + bits, sum[1] + lengths];
        }
    }
    println!("handshakes: {} bits flipped, {} lengths cut, 0 links", sum[0], sum[1]);
    assert_eq!(sum, [9_216, 1_152]);
}

#[test]
fn messages_of_other_runs_and_ones_own_are_refused() {
    fn with<S: Suite>(pattern: &'static Pattern) -> usize {
        let setting = Setting::of(pattern);
        let recorded = setting.begin::<S>(9).advance(3);
        let mut refused = 0;
        let mut handshake = setting.begin::<S>(0);
        while !handshake.is_finished() {
            let (turn, message) = (handshake.done, handshake.write());
            for (index, old) in recorded.iter().enumerate() {
                // A first message can be replayed: who does that has no key to go on with.
                if (turn, index) != (0, 0) && !(turn == 0 && message.len() == 32) {
                    assert!(handshake.read(old).is_err(), "{index} for {turn}");
                    refused += 1;
                }
            }
            // Sent back to where it came from.
            let writer = &mut handshake.sides[turn % 2];
            assert_eq!(
                writer.read_message(&mut message.clone()).unwrap_err(),
                match turn {
                    _ if writer.is_finished() => ReadError::Turn,
                    _ if message.len() < writer.overhead() => ReadError::Length,
                    _ => ReadError::NotAuthentic,
                }
            );
            handshake.accept(&message);
        }
        refused
    }
    let refused: usize = pattern::ALL
        .into_iter()
        .map(|pattern| with::<Aes256Gcm>(pattern) + with::<ChaCha20Poly1305>(pattern))
        .sum();
    assert_eq!(refused, 34);
}

/// A recorded first message gets an answer; without the key of who sent it nothing follows.
#[test]
fn who_replays_a_first_message_gets_no_link() {
    for pattern in pattern::ALL {
        let setting = Setting::of(pattern);
        let first = setting.begin::<Aes256Gcm>(9).advance(1).remove(0);
        let mut handshake = setting.begin::<Aes256Gcm>(0);
        handshake.write();
        handshake.read(&first).unwrap();
        handshake.done += 1;
        let second = handshake.write();
        assert_eq!(handshake.read(&second), Err(ReadError::NotAuthentic), "{}", pattern.name);
    }
}

#[test]
fn sides_that_start_from_different_things_get_no_link() {
    fn fails<S: Suite>(setting: &Setting) -> bool {
        let mut handshake = setting.begin::<S>(0);
        while !handshake.is_finished() {
            let message = handshake.write();
            if handshake.read(&message).is_err() {
                return true;
            }
            handshake.done += 1;
        }
        false
    }
    let with = |pattern, change: fn(&mut Setting)| {
        let mut setting = Setting::of(pattern);
        change(&mut setting);
        [fails::<Aes256Gcm>(&setting), fails::<ChaCha20Poly1305>(&setting)]
    };
    for pattern in pattern::ALL {
        assert_eq!(with(pattern, |_| ()), [false; 2]);
        assert_eq!(with(pattern, |setting| setting.prologues[1] = b"lint"), [true; 2]);
        assert_eq!(with(pattern, |setting| setting.psks[1] = 8), [pattern.has_psk; 2]);
        let pin = |setting: &mut Setting| setting.pins[1] = key(3).public().to_bytes();
        assert_eq!(with(pattern, pin), [pattern.knows_statics; 2]);
        // Who took a static key, but not the secret that belongs to it.
        let keys = |setting: &mut Setting| setting.keys[0] = key(3);
        assert_eq!(with(pattern, keys), [pattern.knows_statics; 2]);
    }
}

#[test]
fn no_side_starts_from_too_little_or_too_much() {
    let own = key(1);
    let other = key(2).public().to_bytes();
    let begin = |pattern, remote, psk: Option<u8>| {
        let psk = psk.map(|byte| Secret::new([byte; 32]));
        let role = Role::Initiator;
        HandshakeState::<Aes256Gcm>::new(pattern, role, &[b"", b""], &own, remote, psk).map(drop)
    };
    assert_eq!(begin(&XX, None, None), Ok(()));
    assert_eq!(begin(&XX, Some(&other), None), Err(BeginError::Static));
    assert_eq!(begin(&KK, Some(&other), None), Ok(()));
    assert_eq!(begin(&KK, None, None), Err(BeginError::Static));
    assert_eq!(begin(&KK, Some(&WEAK), None), Err(BeginError::WeakKey));
    assert_eq!(begin(&XX_PSK3, None, None), Err(BeginError::Psk));
    assert_eq!(begin(&XX, None, Some(7)), Err(BeginError::Psk));
}

#[test]
fn weak_keys_are_refused() {
    for pattern in pattern::ALL {
        let setting = Setting::of(pattern);
        let mut handshake = setting.begin::<Aes256Gcm>(0);
        let mut message = handshake.write();
        message[..32].copy_from_slice(&WEAK);
        assert_eq!(handshake.read(&message), Err(ReadError::WeakKey), "{}", pattern.name);
        message[..32].copy_from_slice(&[0xff; 32]);
        assert_eq!(handshake.read(&message), Err(ReadError::WeakKey), "{}", pattern.name);
    }
}

#[test]
fn each_side_speaks_in_its_turn_and_with_its_own_ephemeral_key() {
    let setting = Setting::of(&XX);
    let mut handshake = setting.begin::<Aes256Gcm>(0);
    let mut buffer = [0; 200];
    let [initiator, responder] = &mut handshake.sides;
    assert_eq!(responder.write_message(&[], &mut buffer).unwrap_err(), WriteError::Turn);
    assert_eq!(initiator.read_message(&mut buffer).unwrap_err(), ReadError::Turn);
    // A second ephemeral key is not taken: the first may have been sent.
    let first = initiator.write_message(&[], &mut buffer).unwrap().to_vec();
    assert_eq!(first, key(100).public().to_bytes());
    initiator.set_ephemeral(Secret::new([9; 32]));
    responder.read_message(&mut first.clone()).unwrap();
    let second = responder.write_message(&[], &mut buffer).unwrap();
    initiator.read_message(second).unwrap();
    assert!(!initiator.is_finished());

    let none: HandshakeState<'_, Aes256Gcm> =
        HandshakeState::new(&XX, Role::Initiator, &[b"", b""], &setting.keys[0], None, None)
            .unwrap();
    let mut none = none;
    assert_eq!(none.write_message(&[], &mut buffer).unwrap_err(), WriteError::Ephemeral);
    none.set_ephemeral(Secret::new([5; 32]));
    none.write_message(&[], &mut buffer).unwrap();
    assert!(none.finish().is_none(), "an unfinished handshake leaves nothing");
    let mut half = setting.begin::<Aes256Gcm>(0);
    half.advance(2);
    let [initiator, _] = half.sides;
    assert!(initiator.remote_static().is_some() && initiator.finish().is_none());
}

#[test]
fn a_message_is_no_longer_than_the_framework_allows() {
    let setting = Setting::of(&XX);
    let mut handshake = setting.begin::<Aes256Gcm>(0);
    let (payload, mut buffer) = (vec![0; 65_535 - 31], vec![0; 70_000]);
    let [initiator, responder] = &mut handshake.sides;
    assert_eq!(initiator.write_message(&payload, &mut buffer).unwrap_err(), WriteError::Length);
    assert_eq!(responder.read_message(&mut buffer[..65_536]).unwrap_err(), ReadError::Length);
    let message = initiator.write_message(&payload[1..], &mut buffer).unwrap();
    assert_eq!((message.len(), responder.read_message(message).unwrap().len()), (65_535, 65_503));
}

#[test]
fn what_is_printed_names_no_key() {
    let setting = Setting::of(&XX);
    let mut handshake = setting.begin::<Aes256Gcm>(0);
    assert_eq!(
        format!("{:?}", handshake.sides[0]),
        r#"HandshakeState { pattern: "XX", role: Initiator, next: 0, .. }"#
    );
    handshake.advance(3);
    assert_eq!(format!("{:?}", handshake.finish()[0]), "Finished");
}

/// A key that moved on opens nothing of before, and what it sealed does not open under the key of before.
#[test]
fn a_key_that_moved_on_is_another() {
    let setting = Setting::of(&KK);
    let mut handshake = setting.begin::<Aes256Gcm>(0);
    handshake.advance(3);
    let [mut initiator, responder] = handshake.finish();
    let mut early = *b"early";
    let tag = initiator.send.encrypt_with_ad(&[], &mut early).unwrap();
    initiator.send.rekey().unwrap();
    let mut late = *b"later";
    let late_tag = initiator.send.encrypt_with_ad(&[], &mut late).unwrap();
    let before = responder.receive.into_receiver();
    assert_eq!(before.decrypt(1, &[], &mut late.clone(), &late_tag), Err(NotAuthentic));
    let after = before.following().unwrap();
    assert_eq!(after.decrypt(0, &[], &mut early.clone(), &tag), Err(NotAuthentic));
    let verified = after.decrypt(1, &[], &mut late, &late_tag).unwrap();
    assert_eq!((verified.number(), late), (1, *b"later"));
    assert_eq!(before.decrypt(0, &[], &mut early, &tag).map(|_| early), Ok(*b"early"));
}

/// On a computer with words of 64 bits; a microcontroller's are no larger.
#[test]
fn a_handshake_takes_as_much_as_is_stated() {
    fn bytes<S: Suite>() -> usize {
        size_of::<HandshakeState<'_, S>>() - size_of::<CipherState<S>>()
    }
    assert!(bytes::<Aes256Gcm>() <= 300 && bytes::<ChaCha20Poly1305>() <= 300);
}
