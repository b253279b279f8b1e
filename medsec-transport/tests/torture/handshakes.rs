//! Handshakes over a radio that loses, doubles and damages: each side sends its last message again until a frame of the other opens.

use medsec_core::Secret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_core::time::Ticks;
use medsec_sim::channel::radio::Radio;
use medsec_transport::frame::Channel;
use medsec_transport::hal::PacketChannel;
use medsec_transport::limiter::{AdmissionKey, Limiter};
use medsec_transport::link::{Handshake, Link, Received};
use medsec_transport::segment::{Assembler, Outbox};

use super::parties::{Attempt, Setting, device, tool};
use super::{LOSSES, SIZES, storm};

/// Turns after which a handshake has failed.
const TURNS_MAX: u64 = 2_000_000;

/// One side.
struct End<'a, S: Suite, const WORDS: usize> {
    setting: &'a Setting,
    is_initiator: bool,
    handshake: Option<Handshake<'a, S, WORDS>>,
    link: Option<Link<S, WORDS>>,
    /// The message of the handshake that was sent last, and the frame.
    message: Outbox<300>,
    frame: Outbox<300>,
    assembler: Assembler<300>,
    limiter: Limiter,
    has_heard: bool,
}

fn admission() -> AdmissionKey {
    AdmissionKey::derive(&Secret::new([8; 32]))
}

impl<'a, S: Suite, const WORDS: usize> End<'a, S, WORDS> {
    fn new(setting: &'a Setting, is_initiator: bool) -> Self {
        Self {
            setting,
            is_initiator,
            handshake: None,
            link: None,
            message: Outbox::new(),
            frame: Outbox::new(),
            assembler: Assembler::new(),
            limiter: Limiter::new(Ticks::from_millis(0)),
            has_heard: false,
        }
    }

    fn begin(&mut self) {
        let mut buffers = [[0; 100]; 2];
        let [first, whole] = &mut buffers;
        let (handshake, first) = self.setting.begin_in(0, first).unwrap();
        self.message.put(&admission().append(&first, whole).unwrap()).unwrap();
        self.handshake = Some(handshake);
    }

    /// Reads what has come, answers, and sends again what had no answer.
    fn turn(&mut self, radio: &mut Radio) {
        let mut packet = [0; 244];
        loop {
            let length = radio.receive(&mut packet).unwrap();
            if length == 0 {
                break;
            }
            if let Ok(Some(message)) = self.assembler.push(&packet[..length]) {
                let mut message = message.to_vec();
                self.take(&mut message);
            }
        }
        // Not only when the peer repeats what was answered: both ways would have to be without a loss at once.
        if !self.has_heard {
            self.message.again();
        }
        if let Some(link) = &mut self.link {
            self.frame.again();
            let mut buffer = [0; 100];
            // Once: on a link without numbers another one would not open if this one is lost.
            if self.frame.is_empty()
                && let Ok(frame) = link.seal(Channel::App, true, b"here I am", &mut buffer)
            {
                self.frame.put(&frame).unwrap();
            }
        }
        self.message.send(radio).unwrap();
        self.frame.send(radio).unwrap();
    }

    fn take(&mut self, message: &mut [u8]) {
        let mut buffer = [0; 300];
        if let Some(handshake) = &mut self.handshake {
            if let Ok(answer) = handshake.receive(message, &mut buffer) {
                self.message.clear();
                if let Some(answer) = answer {
                    self.message.put(&answer).unwrap();
                }
                self.finish();
            }
        } else if let Some(link) = &mut self.link {
            if let Ok(received) = link.open(message) {
                assert!(matches!(received, Received::Message(said) if said.body == b"here I am"));
                self.has_heard = true;
            }
        } else if !self.is_initiator {
            self.accept(message);
        }
    }

    fn accept(&mut self, message: &mut [u8]) {
        // What was damaged costs nothing.
        let now = Ticks::from_millis(0);
        let Ok(first) = self.limiter.admit(&admission(), now, message) else { return };
        let mut buffer = [0; 300];
        let mut random = self.setting.random(1);
        let (handshake, second) = self.setting.accept_in(first, &mut random, &mut buffer).unwrap();
        self.message.put(&second).unwrap();
        self.handshake = Some(handshake);
        self.finish();
    }

    fn finish(&mut self) {
        if self.handshake.as_ref().is_some_and(Handshake::is_complete) {
            let handshake = self.handshake.take().unwrap();
            self.link = Some(self.setting.establish(handshake));
        }
    }
}

/// Turns that it took until both sides have heard each other.
fn connect<S: Suite, const WORDS: usize>(attempt: Attempt, bytes: usize, lost: usize) -> u64 {
    let setting = Setting::new(tool(), device(), attempt);
    let seed = u64::try_from(bytes * 100 + lost).unwrap();
    let [mut here, mut there] = Radio::pair(bytes, storm(lost), seed);
    let mut initiator = End::<S, WORDS>::new(&setting, true);
    let mut responder = End::<S, WORDS>::new(&setting, false);
    initiator.begin();
    let mut turns = 0;
    while !(initiator.has_heard && responder.has_heard) {
        initiator.turn(&mut here);
        responder.turn(&mut there);
        turns += 1;
        assert!(turns < TURNS_MAX, "{attempt:?} in packets of {bytes}, {lost} % lost");
    }
    let [one, other] = [initiator.link, responder.link].map(Option::unwrap);
    assert_eq!(one.handshake_hash(), other.handshake_hash());
    assert!(one.is_confirmed() && other.is_confirmed());
    turns
}

/// All methods in all packet sizes at all losses; suites and windows in turn.
#[test]
fn a_handshake_survives_what_it_loses() {
    let (mut links, mut turn) = (0, 0);
    for lost in LOSSES {
        let (mut most, mut all) = (0, 0);
        for bytes in SIZES {
            for attempt in [Attempt::Certified, Attempt::Labelled(7), Attempt::Pinned] {
                let turns = match turn % 6 {
                    0 => connect::<Aes256Gcm, 0>(attempt, bytes, lost),
                    1 => connect::<Aes256Gcm, 1>(attempt, bytes, lost),
                    2 => connect::<Aes256Gcm, 4>(attempt, bytes, lost),
                    3 => connect::<ChaCha20Poly1305, 0>(attempt, bytes, lost),
                    4 => connect::<ChaCha20Poly1305, 1>(attempt, bytes, lost),
                    _ => connect::<ChaCha20Poly1305, 4>(attempt, bytes, lost),
                };
                turn += 1;
                links += 1;
                (most, all) = (most.max(turns), all + turns);
            }
            // So that each method meets each suite and window.
            turn += 1;
        }
        println!("torture handshakes: {lost} % lost: {all} turns for 675 links, at most {most}");
    }
    println!("torture handshakes: {links} links over a radio, none given up");
    assert_eq!(links, 6 * 225 * 3);
}
