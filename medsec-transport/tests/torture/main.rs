//! Links over channels that lose, double, exchange, damage and cut: what arrives was sent, each once, and nothing ends a link but its owner.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

mod handshakes;
mod judge;
mod ordered;
#[expect(dead_code, reason = "links have more sides than are tortured")]
#[path = "../link/parties.rs"]
mod parties;

use medsec_core::Secret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, Suite};
use medsec_sim::adversary::wire::Canaries;
use medsec_sim::channel::Recording;
use medsec_sim::channel::radio::{Radio, Weather};
use medsec_sim::prng::Prng;
use medsec_transport::frame::{Channel, Outgoing, Receiver, Sender};
use medsec_transport::hal::PacketChannel;
use medsec_transport::segment::{Assembler, Outbox};

use judge::{Judge, Opens, Shifting, Tally, Unguarded};

/// What no wire may have.
const CANARY: &[u8] = b"PATIENT-00471193";
/// Bytes of the longest frame here.
const FRAME_BYTES: usize = 250;

/// All packet sizes of BLE, and losses in percent.
const SIZES: core::ops::RangeInclusive<usize> = 20..=244;
const LOSSES: [usize; 6] = [0, 10, 20, 30, 40, 50];

/// Seals what a device has to say, and tells the judge.
struct Speaker<S: Suite, const WORDS: usize> {
    sender: Sender<S, WORDS>,
    prng: Prng,
    number: u32,
}

impl<S: Suite, const WORDS: usize> Speaker<S, WORDS> {
    fn new(seed: u64) -> Self {
        let sender = Sender::new(CipherState::new(&Secret::new([6; 32])));
        Self { sender, prng: Prng::new(seed), number: 0 }
    }

    /// A new frame, for `put`.
    fn say(&mut self, judge: &mut Judge, put: impl FnOnce(&Outgoing<'_>)) {
        let mut body = self.number.to_le_bytes().to_vec();
        body.extend(CANARY.iter().cycle().take(self.prng.below(200)));
        self.number += 1;
        let mut buffer = [0; FRAME_BYTES];
        let frame = self.sender.seal(Channel::App, true, &body, &mut buffer).unwrap();
        judge.sent(frame.bytes(), &body);
        put(&frame);
    }
}

fn receiver<S: Suite, const WORDS: usize>() -> Receiver<S, WORDS> {
    Receiver::new(CipherState::new(&Secret::new([6; 32])))
}

/// Takes all packets that have come.
fn poll<C: PacketChannel, O: Opens>(
    channel: &mut C,
    assembler: &mut Assembler<FRAME_BYTES>,
    opener: &mut O,
    judge: &mut Judge,
) {
    let mut packet = [0; 244];
    loop {
        let length = channel.receive(&mut packet).unwrap_or(0);
        if length == 0 {
            return;
        }
        judge.tally.packets += 1;
        if let Ok(Some(frame)) = assembler.push(&packet[..length]) {
            judge.arrived(opener, frame);
        }
    }
}

/// Frames over a radio of that weather, and one more when it has cleared up.
fn over_radio<S: Suite, const WORDS: usize, O: Opens>(
    mut opener: O,
    bytes: usize,
    weather: Weather,
    frames: usize,
) -> Tally {
    let seed = u64::try_from(bytes * 1_000 + weather.lost * 10 + WORDS).unwrap();
    let [mut here, mut there] = Radio::pair(bytes, weather, seed);
    let recording = Recording::new();
    if weather.lost == 0 {
        here.set_tap(recording.tap());
    }
    let mut speaker = Speaker::<S, WORDS>::new(seed + 1);
    let mut outbox = Outbox::<FRAME_BYTES>::new();
    let mut assembler = Assembler::new();
    let mut judge = Judge::new(WORDS);
    for turn in 0..=frames {
        if turn == frames {
            poll(&mut there, &mut assembler, &mut opener, &mut judge);
            here.set_weather(Weather::default());
        }
        speaker.say(&mut judge, |frame| outbox.put(frame).unwrap());
        while !outbox.send(&mut here).unwrap() {
            poll(&mut there, &mut assembler, &mut opener, &mut judge);
        }
        if turn == frames || speaker.prng.one(1, 3) {
            poll(&mut there, &mut assembler, &mut opener, &mut judge);
        }
    }
    judge.tally.packets = here.carried().sent;
    judge.tally.links_alive = u64::from(judge.has_newest());
    leaks(&recording, &mut judge.tally);
    judge.tally
}

/// Looks for what no wire may have.
fn leaks(recording: &Recording, tally: &mut Tally) {
    let mut canaries = Canaries::new();
    canaries.add(CANARY);
    let bytes = recording.bytes();
    assert!(canaries.find(&[&bytes[..], CANARY].concat()).is_some());
    tally.tapped += u64::try_from(bytes.len()).unwrap();
    tally.leaks += u64::from(canaries.find(&bytes).is_some());
}

const fn storm(lost: usize) -> Weather {
    Weather { lost, doubled: 5, damaged: 3, late: 5 }
}

/// Each packet size, each loss, each window, both suites.
#[test]
fn over_a_radio_what_arrives_was_sent_and_nothing_arrives_twice() {
    fn with<S: Suite, const WORDS: usize>() -> Tally {
        let mut tally = Tally::default();
        for bytes in SIZES {
            for lost in LOSSES {
                tally += over_radio::<S, WORDS, _>(receiver::<S, WORDS>(), bytes, storm(lost), 40);
            }
        }
        println!("torture radio: suite {}, window {}: {tally}", S::ID, WORDS * 64);
        tally
    }
    let mut tally = Tally::default();
    for (words, tally_of) in [
        (0, with::<Aes256Gcm, 0>()),
        (1, with::<Aes256Gcm, 1>()),
        (4, with::<Aes256Gcm, 4>()),
        (0, with::<ChaCha20Poly1305, 0>()),
        (1, with::<ChaCha20Poly1305, 1>()),
        (4, with::<ChaCha20Poly1305, 4>()),
    ] {
        let runs = 225 * 6;
        assert_eq!(tally_of.frames, runs * 41);
        // Without numbers the first loss ends it.
        assert!(words == 0 || tally_of.links_alive == runs, "{tally_of}");
        assert!(words == 0 || tally_of.opened > 20_000, "{tally_of}");
        tally += tally_of;
    }
    println!("torture radio: {tally}");
    assert_eq!(tally.violations(), 0, "{tally}");
    // Counts of the first run: fewer, and the test has lost something.
    assert!(tally.packets >= 628_612 && tally.opened >= 137_592, "{tally}");
    assert!(tally.dropped >= 77_648 && tally.tapped >= 6_830_064, "{tally}");
}

/// What a receiver without a rule does with the same: it takes frames twice, or is lost to the first forged one.
#[test]
fn without_a_rule_the_same_storm_breaks_it() {
    let (mut unguarded, mut shifting) = (Tally::default(), Tally::default());
    for bytes in SIZES {
        let echo = Weather { doubled: 30, ..Weather::default() };
        let opener = Unguarded::<Aes256Gcm>::new([6; 32]);
        unguarded += over_radio::<Aes256Gcm, 1, _>(opener, bytes, echo, 40);
        let opener = Shifting::<Aes256Gcm>::new([6; 32]);
        shifting += over_radio::<Aes256Gcm, 0, _>(opener, bytes, echo, 40);
    }
    println!("torture control, no window: {unguarded}");
    println!("torture control, forged frames counted: {shifting}");
    assert!(unguarded.twice > 1_000 && unguarded.changed == 0, "{unguarded}");
    assert!(shifting.refused > 200 && shifting.links_alive < 50, "{shifting}");
}
