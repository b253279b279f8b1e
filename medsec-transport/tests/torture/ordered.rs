//! Channels that keep the order: a serial line, TCP, BLE.

use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_sim::channel::Recording;
use medsec_sim::channel::gatt::Gatt;
use medsec_sim::channel::serial::{LineNoise, Serial};
use medsec_sim::channel::tcp::Tcp;
use medsec_transport::frame::Receiver;
use medsec_transport::hal::{ByteChannel, ChannelLost, PacketChannel};
use medsec_transport::segment::{self, Assembler};
use medsec_transport::stream::{self, Inbox};

use super::judge::{Judge, Tally};
use super::{FRAME_BYTES, SIZES, Speaker, leaks, poll, receiver};

/// A receiver at the end of a channel of bytes.
struct Listener<S: Suite, const WORDS: usize> {
    inbox: Inbox<FRAME_BYTES>,
    receiver: Receiver<S, WORDS>,
    judge: Judge,
}

impl<S: Suite, const WORDS: usize> Listener<S, WORDS> {
    fn new() -> Self {
        let (inbox, receiver) = (Inbox::new(), receiver());
        Self { inbox, receiver, judge: Judge::new(WORDS) }
    }

    /// Takes all that has come.
    fn poll<C: ByteChannel>(&mut self, channel: &mut C) -> Result<(), ChannelLost> {
        let mut buffer = [0; 33];
        loop {
            let length = channel.receive(&mut buffer)?;
            let mut bytes = &buffer[..length];
            if bytes.is_empty() {
                return Ok(());
            }
            while !bytes.is_empty() {
                if let Ok(Some(frame)) = self.inbox.push(&mut bytes) {
                    self.judge.arrived(&mut self.receiver, frame);
                }
            }
        }
    }
}

fn over_a_line<S: Suite, const WORDS: usize>(noise: usize, seed: u64, frames: u64) -> Tally {
    let noise = LineNoise { changed: noise, dropped: noise, inserted: noise };
    let [mut here, mut there] = Serial::pair(noise, seed);
    let recording = Recording::new();
    here.set_tap(recording.tap());
    let mut speaker = Speaker::<S, WORDS>::new(seed);
    let mut outbox = stream::Outbox::<{ stream::stream_bytes(FRAME_BYTES) }>::new();
    let mut listener = Listener::<S, WORDS>::new();
    for turn in 0..=frames {
        if turn == frames {
            listener.poll(&mut there).unwrap();
            here.set_noise(LineNoise::QUIET);
        }
        speaker.say(&mut listener.judge, |frame| outbox.put(frame).unwrap());
        while !outbox.send(&mut here).unwrap() {
            listener.poll(&mut there).unwrap();
        }
    }
    listener.poll(&mut there).unwrap();
    let (mut tally, faults) = (listener.judge.tally, here.faults());
    if WORDS == 0 {
        assert!(listener.judge.has_prefix() && (faults > 0 || tally.opened == frames + 1));
    } else {
        // A fault costs the frame that it meets.
        assert!(tally.opened + faults > frames, "{tally}, {faults} faults");
    }
    assert_eq!(tally.opened == frames + 1, faults == 0 || tally.opened > frames);
    tally.links_alive = u64::from(listener.judge.has_newest());
    leaks(&recording, &mut tally);
    tally
}

/// No more frames are lost than noise has met, in all windows and both suites.
#[test]
fn over_a_serial_line_each_fault_costs_one_frame_at_most() {
    fn with<S: Suite, const WORDS: usize>() -> Tally {
        let mut tally = Tally::default();
        for noise in [0, 2, 10, 50, 200, 1_000] {
            for seed in 0..20 {
                tally += over_a_line::<S, WORDS>(noise, seed, 99);
            }
        }
        println!("torture serial: suite {}, window {}: {tally}", S::ID, WORDS * 64);
        assert_eq!((tally.frames, tally.violations()), (6 * 20 * 100, 0), "{tally}");
        assert!(WORDS == 0 || tally.links_alive == 6 * 20, "{tally}");
        assert!(tally.opened > if WORDS == 0 { 3_000 } else { 8_000 }, "{tally}");
        tally
    }
    let mut tally = with::<Aes256Gcm, 0>();
    tally += with::<Aes256Gcm, 1>();
    tally += with::<Aes256Gcm, 4>();
    tally += with::<ChaCha20Poly1305, 0>();
    tally += with::<ChaCha20Poly1305, 1>();
    tally += with::<ChaCha20Poly1305, 4>();
    println!("torture serial: {tally}");
    assert!(tally.opened >= 43_910 && tally.dropped >= 13_845, "{tally}");
}

/// All of it in pieces of any length; and of a connection that breaks off, what was sent whole.
#[test]
fn over_tcp_all_arrives_up_to_the_end() {
    fn with<S: Suite, const WORDS: usize>() -> Tally {
        let [mut here, mut there] = Tcp::pair(u64::from(S::ID)).unwrap();
        let recording = Recording::new();
        here.set_tap(recording.tap());
        let mut speaker = Speaker::<S, WORDS>::new(1);
        let mut outbox = stream::Outbox::<{ stream::stream_bytes(FRAME_BYTES) }>::new();
        let mut listener = Listener::<S, WORDS>::new();
        for _ in 0..300 {
            speaker.say(&mut listener.judge, |frame| outbox.put(frame).unwrap());
            while !outbox.send(&mut here).unwrap() {
                listener.poll(&mut there).unwrap();
            }
        }
        // Only a part of the last one. The end of the connection is told behind all that came.
        speaker.say(&mut listener.judge, |frame| outbox.put(frame).unwrap());
        let frame_is_whole = outbox.send(&mut here).unwrap();
        drop(here);
        while listener.poll(&mut there).is_ok() {}
        let mut tally = listener.judge.tally;
        assert!(listener.judge.has_prefix());
        assert_eq!(tally.opened, if frame_is_whole { 301 } else { 300 });
        leaks(&recording, &mut tally);
        assert_eq!(tally.violations(), 0, "{tally}");
        tally
    }
    let mut tally = with::<Aes256Gcm, 0>();
    tally += with::<Aes256Gcm, 1>();
    tally += with::<ChaCha20Poly1305, 0>();
    tally += with::<ChaCha20Poly1305, 4>();
    println!("torture tcp: {tally}");
    assert!(tally.frames == 4 * 301 && tally.opened >= 1_200);
}

/// Connections that end once in so many frames, and come back with another packet size. The frame on its way is sent again.
fn over_ble<S: Suite, const WORDS: usize>(bytes: usize, once_in: Option<usize>) -> Tally {
    let frames = 30;
    let [mut here, mut there] = Gatt::pair(bytes);
    let recording = Recording::new();
    here.set_tap(recording.tap());
    let mut speaker = Speaker::<S, WORDS>::new(u64::try_from(bytes).unwrap());
    let mut outbox = segment::Outbox::<FRAME_BYTES>::new();
    let (mut assembler, mut receiver) = (Assembler::new(), receiver::<S, WORDS>());
    let mut judge = Judge::new(WORDS);
    let mut ends = 0;
    for turn in 0..=frames {
        speaker.say(&mut judge, |frame| outbox.put(frame).unwrap());
        while !outbox.send(&mut here).unwrap() {
            if once_in.is_some_and(|frames| turn < 30 && speaker.prng.one(1, frames)) {
                here.disconnect();
                assert_eq!(outbox.send(&mut here), Err(ChannelLost));
                assert_eq!(there.receive(&mut [0; 244]), Err(ChannelLost));
                there.connect(20 + speaker.prng.below(225));
                assembler.clear();
                outbox.again();
                ends += 1;
            }
            poll(&mut there, &mut assembler, &mut receiver, &mut judge);
        }
    }
    poll(&mut there, &mut assembler, &mut receiver, &mut judge);
    assert!(WORDS > 0 || judge.has_prefix());
    assert!(ends > 0 || judge.tally.opened == frames + 1, "{}", judge.tally);
    judge.tally.links_alive = u64::from(judge.has_newest());
    leaks(&recording, &mut judge.tally);
    judge.tally
}

#[test]
fn over_ble_all_arrives_until_the_connection_ends() {
    fn with<S: Suite, const WORDS: usize>() -> Tally {
        let mut tally = Tally::default();
        let (mut runs, mut unbroken) = (0, 0);
        for bytes in SIZES {
            for once_in in [None, Some(50), Some(8)] {
                let run = over_ble::<S, WORDS>(bytes, once_in);
                unbroken += u64::from(run.opened == run.frames);
                tally += run;
                runs += 1;
            }
        }
        println!("torture ble: suite {}, window {}: {tally}", S::ID, WORDS * 64);
        assert_eq!((runs, tally.frames, tally.violations()), (675, 675 * 31, 0), "{tally}");
        assert!(unbroken >= 225 && (WORDS == 0 || tally.links_alive == runs), "{tally}");
        tally
    }
    let mut tally = with::<Aes256Gcm, 0>();
    tally += with::<Aes256Gcm, 1>();
    tally += with::<Aes256Gcm, 4>();
    tally += with::<ChaCha20Poly1305, 0>();
    tally += with::<ChaCha20Poly1305, 1>();
    tally += with::<ChaCha20Poly1305, 4>();
    println!("torture ble: {tally}");
    assert!(tally.opened >= 112_900 && tally.packets >= 218_248, "{tally}");
}
