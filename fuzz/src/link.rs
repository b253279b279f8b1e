//! Handshakes and frames of links, with anything on the wire.

use std::sync::LazyLock;

use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::{DeviceKey, device_id, sha256};
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, Suite};
use medsec_core::time::Ticks;
use medsec_sim::rng::Noise;
use medsec_transport::frame::{Channel, Outgoing, Receiver, SendError, Sender, overhead};
use medsec_transport::hal::{ByteChannel, ChannelLost, PacketChannel};
use medsec_transport::limiter::{AdmissionKey, Limiter};
use medsec_transport::link::{Handshake, Judging, Method, Own};
use medsec_transport::noise::handshake_state::{HandshakeState, Role};
use medsec_transport::noise::pattern;
use medsec_transport::segment::{self, Assembler};
use medsec_transport::stream::{self, Inbox};
use medsec_transport::wifi::{Policy, judge};

use crate::input::Input;

/// No message but the true one counts, and none that does not count changes anything.
pub(crate) fn handshake(data: &[u8]) {
    let mut input = Input::new(data);
    if input.bool() { run::<Aes256Gcm>(&mut input) } else { run::<ChaCha20Poly1305>(&mut input) }
}

fn run<S: Suite>(input: &mut Input<'_>) {
    let pattern = pattern::ALL[input.below(3) as usize];
    let keys = [1, 2].map(|byte| AgreementSecret::from_bytes(Secret::new([byte; 32])));
    let side = |index: usize, role, ephemeral| {
        let other = keys[1 - index].public().to_bytes();
        let mut side = HandshakeState::<S>::new(
            pattern,
            role,
            &[b"fuzz", b""],
            &keys[index],
            pattern.knows_statics.then_some(&other),
            pattern.has_psk.then(|| Secret::new([7; 32])),
        )
        .expect("it is what the pattern wants");
        side.set_ephemeral(Secret::new([ephemeral; 32]));
        side
    };
    let mut sides = [side(0, Role::Initiator, 3), side(1, Role::Responder, 4)];
    for turn in 0..pattern.messages.len() {
        let payload = input.chunk();
        let mut message = vec![0; sides[turn % 2].overhead() + payload.len()];
        sides[turn % 2].write_message(payload, &mut message).expect("it fits");
        let reader = &mut sides[1 - turn % 2];
        for _ in 0..input.below(4) {
            let mut other = changed(input, &message);
            let first = other.first_chunk().map(|key: &[u8; 32]| AgreementKey::parse(key).is_ok());
            if other == message {
                continue;
            }
            // A first message without a key to encrypt by is taken for what it is.
            let is_clear = turn == 0 && reader.overhead() == 32;
            if is_clear && first == Some(true) {
                continue;
            }
            assert!(reader.read_message(&mut other).is_err(), "a message that nobody wrote");
        }
        let read = reader.read_message(&mut message).expect("the true message");
        assert_eq!(read, payload);
        assert_eq!(sides[0].handshake_hash(), sides[1].handshake_hash());
    }
    let [mut initiator, mut responder] = sides.map(|side| side.finish().expect("it is at its end"));
    let mut body = [9; 20];
    let tag = initiator.send.encrypt_with_ad(b"", &mut body).expect("it is short");
    assert!(responder.receive.decrypt_with_ad(b"", &mut body, &tag).is_ok());
    assert_eq!(body, [9; 20]);
}

/// Another message: bytes of the input, or the true one with a byte changed, cut, or made longer.
pub(crate) fn changed(input: &mut Input<'_>, message: &[u8]) -> Vec<u8> {
    let mut other = message.to_vec();
    match input.below(4) {
        0 => other = input.chunk().to_vec(),
        1 => other.truncate(usize::from(input.u8())),
        2 => other.extend(input.chunk()),
        _ => {
            let at = usize::from(input.u8());
            let with = input.u8();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= with;
            }
        }
    }
    other
}

/// Frames in any order, damaged, twice and drawn: each that was sealed opens once at most, and nothing else does.
pub(crate) fn frame(data: &[u8]) {
    let mut input = Input::new(data);
    // The fuzzer keeps what it sees compared. Under a key for each input, what it kept of another is a forgery.
    let key = Secret::new(sha256(&[data]));
    match input.below(4) {
        3 if input.bool() => bytes(&mut input),
        3 => packets(&mut input),
        0 => frames::<Aes256Gcm, 0>(&mut input, &key),
        1 => frames::<ChaCha20Poly1305, 1>(&mut input, &key),
        _ => frames::<Aes256Gcm, 4>(&mut input, &key),
    }
}

fn frames<S: Suite, const WORDS: usize>(input: &mut Input<'_>, key: &Secret<32>) {
    let mut sender = Sender::<S, WORDS>::new(CipherState::new(key));
    let mut receiver = Receiver::<S, WORDS>::new(CipherState::new(key));
    let mut sent: Vec<(Vec<u8>, Vec<u8>, bool)> = Vec::new();
    while !input.is_empty() && sent.len() < 600 {
        match input.below(4) {
            0 => {
                // Many at once, so that the window moves far.
                for _ in 0..=input.u8() {
                    let body = vec![input.u8(); usize::from(input.u8() & 31)];
                    let mut frame = vec![0; body.len() + overhead::<WORDS>()];
                    sender.seal(Channel::App, true, &body, &mut frame).expect("it fits");
                    sent.push((frame, body, false));
                }
            }
            1 => {
                let index = usize::from(input.u16()) % sent.len().max(1);
                let next = receiver.next();
                let Some((frame, body, is_open)) = sent.get_mut(index) else { continue };
                let mut frame = frame.clone();
                let opened = receiver.open(&mut frame);
                let number = u64::try_from(index).expect("few");
                let reach = u64::try_from(WORDS).expect("few") * 64;
                let counts =
                    if WORDS == 0 { number == next } else { !*is_open && number + reach >= next };
                assert_eq!(opened.is_ok(), counts, "{number} at {next}");
                if let Ok(opened) = opened {
                    assert_eq!((opened.number, &*opened.body), (number, &body[..]));
                    *is_open = true;
                }
            }
            2 => {
                let index = usize::from(input.u16()) % sent.len().max(1);
                let Some((frame, ..)) = sent.get(index) else { continue };
                let mut other = changed(input, frame);
                if sent.iter().all(|(frame, ..)| *frame != other) {
                    refused(&mut receiver, &mut other);
                }
            }
            _ => {
                let mut other = input.chunk().to_vec();
                refused(&mut receiver, &mut other);
            }
        }
    }
}

/// Takes as much as the input says, and keeps it.
struct Kept {
    packets: Vec<Vec<u8>>,
    room: usize,
}

impl PacketChannel for Kept {
    fn packet_bytes(&self) -> Result<usize, ChannelLost> {
        Ok(self.room)
    }

    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost> {
        assert!(packet.bytes().len() <= self.room);
        self.packets.push(packet.bytes().to_vec());
        // One at a time.
        self.room = 0;
        Ok(true)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result<usize, ChannelLost> {
        Err(ChannelLost)
    }
}

impl ByteChannel for Kept {
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        let taken = &outgoing.bytes()[..self.room.min(outgoing.bytes().len())];
        self.packets.push(taken.to_vec());
        Ok(taken.len())
    }

    fn receive(&mut self, _: &mut [u8]) -> Result<usize, ChannelLost> {
        Err(ChannelLost)
    }
}

/// Packets in any order: a frame that comes out is one that went in, or one that was drawn whole.
fn packets(input: &mut Input<'_>) {
    let mut sender = Sender::<Aes256Gcm, 0>::new(CipherState::new(&Secret::new([1; 32])));
    let mut assembler = Assembler::<200>::new();
    let mut outbox = segment::Outbox::<300>::new();
    let mut frame = [0; 300];
    while !input.is_empty() {
        let body = vec![7; usize::from(input.u8())];
        let sealed = sender.seal(Channel::App, true, &body, &mut frame).expect("it fits");
        outbox.put(&sealed).expect("it fits, and the one before is sent");
        assert_eq!(outbox.put(&sealed), Err(SendError::Busy));
        let mut is_honest = true;
        while !outbox.is_empty() {
            let room = usize::from(input.u8() & 63).max(2);
            if input.below(8) == 1 {
                let drawn = input.chunk();
                is_honest = false;
                if let Ok(Some(frame)) = assembler.push(drawn) {
                    assert!(frame.len() <= 200);
                }
            }
            let mut channel = Kept { packets: Vec::new(), room };
            let is_last = outbox.send(&mut channel).expect("the channel is there");
            let [packet] = &channel.packets[..] else { panic!("one packet was taken") };
            match assembler.push(packet) {
                Ok(Some(frame)) if is_honest => assert_eq!(frame, sealed.bytes()),
                Ok(frame) => assert!(!is_honest || frame.is_none() && !is_last),
                Err(_) => assert!(!is_honest || sealed.bytes().len() > 200),
            }
        }
    }
}

/// Bytes in any order: a frame that comes out is one that went in, or one that was drawn; and behind whatever was drawn one that goes in whole
/// comes out.
fn bytes(input: &mut Input<'_>) {
    let mut sender = Sender::<Aes256Gcm, 0>::new(CipherState::new(&Secret::new([1; 32])));
    let mut inbox = Inbox::<280>::new();
    let mut outbox = stream::Outbox::<300>::new();
    let mut frame = [0; 300];
    while !input.is_empty() {
        let body = vec![7; usize::from(input.u8())];
        let sealed = sender.seal(Channel::App, true, &body, &mut frame).expect("it fits");
        outbox.put(&sealed).expect("it fits, and the one before is sent");
        assert_eq!(outbox.put(&sealed), Err(SendError::Busy));
        let mut drawn = input.chunk();
        while !drawn.is_empty() {
            if let Ok(Some(frame)) = inbox.push(&mut drawn) {
                assert!(frame.len() <= 280);
            }
        }
        let mut came = None;
        while !outbox.is_empty() {
            let room = usize::from(input.u8() & 63).max(1);
            let mut channel = Kept { packets: Vec::new(), room };
            outbox.send(&mut channel).expect("the channel is there");
            let [part] = &channel.packets[..] else { panic!("one part was taken") };
            let mut part = &part[..];
            while !part.is_empty() {
                if let Ok(Some(frame)) = inbox.push(&mut part) {
                    came = Some(frame.to_vec());
                }
            }
        }
        assert_eq!(came.as_deref(), Some(sealed.bytes()));
    }
}

fn refused<S: Suite, const WORDS: usize>(receiver: &mut Receiver<S, WORDS>, frame: &mut [u8]) {
    let next = receiver.next();
    assert!(receiver.open(frame).is_err(), "a frame that nobody sealed");
    assert_eq!(receiver.next(), next);
}

pub(crate) fn signer(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

pub(crate) fn key(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

/// The owner's key issues all.
pub(crate) fn certificate(kind: Kind, holder: u8) -> Certificate {
    let public = signer(holder).public();
    let is_device = kind == Kind::Device;
    let claims = Claims {
        kind,
        suites: 3,
        is_test: false,
        serial: 1,
        issuer: signer(1).public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 1,
        may_issue: Kinds::NONE,
        model: 7,
        scope: NO_SCOPE,
        subject: if is_device { device_id(7, &public) } else { [holder; 16] },
    };
    let signs = (kind != Kind::Recipient).then_some(&public);
    let unsigned = Unsigned::new(claims, Some(&key(holder).public()), signs);
    unsigned.expect("it is sound").sign(&signer(1)).expect("it is short")
}

static PERSON: LazyLock<Certificate> = LazyLock::new(|| certificate(Kind::Person, 10));
pub(crate) static DEVICE: LazyLock<Certificate> = LazyLock::new(|| certificate(Kind::Device, 20));

static ANCHORS: LazyLock<[Anchor; 1]> = LazyLock::new(|| {
    [Anchor {
        origin: Origin::Owner,
        key: signer(1).public(),
        may_issue: Kinds::of(&Kind::ALL),
        roles: 0xff,
        scope: NO_SCOPE,
        model: 0,
        min_epoch: 0,
        permits: Actions::NONE,
    }]
});

/// Whom a side speaks with that trusts the owner alone.
pub(crate) fn judging(kinds: Kinds) -> Judging<'static> {
    Judging {
        trust: Trust::new(&*ANCHORS, &[], &[]).expect("one key"),
        today: Today { floor: Day::FIRST, clock: None },
        stage: Stage::Service,
        kinds,
        subject: None,
    }
}

/// A device, and a peer that speaks Noise as it should and says anything else: nobody but the holder of the certificate gets a link.
pub(crate) fn link(data: &[u8]) {
    let mut input = Input::new(data);
    let judging = judging(Kinds::of(&[Kind::Person, Kind::Device]));
    let secret = key(20);
    let own = Own { secret: &secret, certificate: &DEVICE };
    let mut random = Random::new(Noise::<1000>::good(1));
    random.start(Secret::new([1; 32]), b"").expect("it is good");
    let mut out = [0; 300];
    if input.bool() {
        let now = Ticks::from_millis(input.u64());
        let mut first = input.rest().to_vec();
        let accepted = Handshake::<Aes256Gcm, 0>::accept(
            own,
            judging,
            Method::Certified,
            &[0; 32],
            &mut random,
            &mut first.clone(),
            &mut out,
        );
        if accepted.is_ok() {
            assert_eq!((first.len(), first[0], first[1], first[3]), (36, 1, 1, 0));
        }
        let admission = AdmissionKey::derive(&Secret::new([1; 32]));
        let mut limiter = Limiter::new(Ticks::from_millis(0));
        assert!(limiter.admit(&admission, now, &mut first).is_err(), "a stranger");
        return;
    }
    let header = [1, 1, if input.bool() { input.u8() } else { 2 }, 0];
    let mine = key(if input.bool() { 10 } else { 11 });
    let holds = mine.public() == key(10).public();
    let mut prologue = [0; 68];
    prologue[..24].copy_from_slice(b"medsec/v1/transport/link");
    prologue[32..36].copy_from_slice(&header);
    let mut peer = HandshakeState::<Aes256Gcm>::new(
        &pattern::XX,
        Role::Initiator,
        &[&prologue, &[0; 32]],
        &mine,
        None,
        None,
    )
    .expect("it is what the pattern wants");
    peer.set_ephemeral(Secret::new([3; 32]));
    let mut first = [0; 36];
    first[..4].copy_from_slice(&header);
    peer.write_message(&[], &mut first[4..]).expect("it fits");
    let accepted = Handshake::<Aes256Gcm, 0>::accept(
        own,
        judging,
        Method::Certified,
        &[0; 32],
        &mut random,
        &mut first,
        &mut out,
    );
    let Ok((mut device, second)) = accepted else { return };
    let mut second = second.bytes()[1..].to_vec();
    assert_eq!(peer.read_message(&mut second).expect("the true message"), DEVICE.to_wire());
    let wire = PERSON.to_wire();
    let payload = if input.bool() { changed(&mut input, &wire) } else { wire.to_vec() };
    let mut third = vec![0x11; 1 + peer.overhead() + payload.len()];
    peer.write_message(&payload, &mut third[1..]).expect("it fits");
    let is_true = holds && payload == wire && header[2] == Kind::Person.code();
    assert_eq!(device.receive(&mut third, &mut []).is_ok(), is_true, "{header:?}");
    assert_eq!(device.is_complete(), is_true);
}

/// Elements from anywhere, and of networks whose suites are known: what is joined has no broken cipher, and what the policy asks.
pub(crate) fn wifi(data: &[u8]) {
    let mut input = Input::new(data);
    let policy = [
        Policy::Wpa3Personal,
        Policy::Wpa2Personal,
        Policy::Enterprise,
        Policy::Enterprise192,
        Policy::Encrypted,
    ][input.below(5) as usize];
    if input.bool() {
        if let Ok(pin) = judge(input.rest(), true, policy) {
            for broken in [0, 1, 2, 5] {
                assert!(!pin.pairwise().has(broken) && pin.group() != broken);
            }
            assert!((1..=32).contains(&pin.ssid().bytes().len()));
            assert!(pin.needs_h2e() || policy != Policy::Wpa3Personal);
        }
        return;
    }
    let group = input.below(16) as u8;
    let pairwise: Vec<u8> = (0..=input.below(3)).map(|_| input.below(16) as u8).collect();
    let akms: Vec<u8> = (0..=input.below(3)).map(|_| input.below(26) as u8).collect();
    let capabilities = input.u8();
    let suite = |number: &u8| [0x00, 0x0f, 0xac, *number];
    let mut rsn = [&[1, 0][..], &suite(&group)].concat();
    for list in [&pairwise, &akms] {
        rsn.extend([list.len() as u8, 0]);
        rsn.extend(list.iter().flat_map(suite));
    }
    rsn.extend([capabilities, 0]);
    let elements = [&[0, 1, b'a', 244, 1, 0x20, 48, rsn.len() as u8][..], &rsn].concat();
    let wanted: &[u8] = match policy {
        Policy::Wpa3Personal => &[8, 9, 24, 25],
        Policy::Wpa2Personal => &[2, 4, 6, 8, 9, 24, 25],
        Policy::Enterprise => &[3, 5, 11, 12, 13],
        Policy::Enterprise192 => &[],
        _ => &[18],
    };
    let is_good = |cipher: &u8| [4, 8, 9, 10].contains(cipher);
    let is_joined = is_good(&group)
        && pairwise.iter().any(is_good)
        && !pairwise.iter().any(|cipher| [0, 1, 2, 5].contains(cipher))
        && akms.iter().any(|akm| wanted.contains(akm))
        && capabilities & 0x80 != 0;
    assert_eq!(judge(&elements, true, policy).is_ok(), is_joined, "{policy:?}");
}
