//! Frames in small packets: whole, or not at all.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

use medsec_core::Secret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, Suite};
use medsec_sim::prng::Prng;
use medsec_transport::frame::{Channel, Outgoing, Receiver, SendError, Sender};
use medsec_transport::hal::{ChannelLost, PacketChannel};
use medsec_transport::segment::{Assembler, Outbox, SegmentError};

const BYTES: usize = 600;

/// Packets that were sent, one of each length in turn; none is taken without a length.
#[derive(Default)]
struct Packets {
    sent: Vec<Vec<u8>>,
    lengths: Vec<usize>,
    is_full: bool,
    is_lost: bool,
}

impl PacketChannel for Packets {
    fn packet_bytes(&self) -> Result<usize, ChannelLost> {
        let turn = self.sent.len().checked_rem(self.lengths.len());
        Ok(turn.and_then(|turn| self.lengths.get(turn)).copied().unwrap_or(0))
    }

    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost> {
        if self.is_lost || packet.bytes().len() > self.packet_bytes()? {
            return Err(ChannelLost);
        }
        // Every other packet has to be offered again.
        self.is_full = !self.is_full;
        if !self.is_full {
            self.sent.push(packet.bytes().to_vec());
        }
        Ok(!self.is_full)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result<usize, ChannelLost> {
        Err(ChannelLost)
    }
}

/// A direction of a link over packets.
struct Radio<S: Suite, const WORDS: usize> {
    sender: Sender<S, WORDS>,
    receiver: Receiver<S, WORDS>,
    assembler: Assembler<BYTES>,
}

impl<S: Suite, const WORDS: usize> Radio<S, WORDS> {
    fn new() -> Self {
        let key = Secret::new([4; 32]);
        Self {
            sender: Sender::new(CipherState::new(&key)),
            receiver: Receiver::new(CipherState::new(&key)),
            assembler: Assembler::new(),
        }
    }

    /// A sealed body in packets of up to `bytes` bytes.
    fn packets(&mut self, body: &[u8], bytes: usize) -> Vec<Vec<u8>> {
        let mut frame = vec![0; body.len() + 19];
        let sealed = self.sender.seal(Channel::App, true, body, &mut frame).unwrap();
        let mut packets = Packets { lengths: vec![bytes], ..Packets::default() };
        let mut outbox = Outbox::<{ BYTES + 2 }>::new();
        outbox.put(&sealed).unwrap();
        while !outbox.send(&mut packets).unwrap() {}
        packets.sent
    }

    /// What the packet brings to its end.
    fn take(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let frame = self.assembler.push(packet).ok()??;
        self.receiver.open(frame).ok().map(|opened| opened.body.to_vec())
    }
}

#[test]
fn a_frame_arrives_in_packets_of_every_size() {
    let mut cases = 0;
    for bytes in 2..=244 {
        let mut radio = Radio::<Aes256Gcm, 0>::new();
        for length in [0, 1, 2, bytes, 2 * bytes, 64, 255, 500] {
            let length = length.min(500);
            let body = vec![0x5a; length];
            let packets = radio.packets(&body, bytes);
            assert_eq!(packets.len(), (length + 17).div_ceil(bytes - 1));
            let (last, others) = packets.split_last().unwrap();
            assert!(others.iter().all(|packet| packet.len() == bytes));
            assert!(others.iter().all(|packet| radio.take(packet).is_none()));
            assert_eq!(radio.take(last), Some(body));
            cases += 1;
        }
    }
    println!("segments: {cases} frames in packets of 2 to 244 bytes");
    assert_eq!(cases, 243 * 8);
}

/// Packets lost, doubled, exchanged, damaged and put in between, on a link that counts what is lost: what arrives was sent, each once.
#[test]
fn what_arrives_was_sent_and_nothing_arrives_twice() {
    fn with<S: Suite, const WORDS: usize>(bytes: usize, loss: usize) -> (u32, u32) {
        let mut radio = Radio::<S, WORDS>::new();
        let mut prng = Prng::new(u64::try_from(bytes * 100 + loss).unwrap());
        let (mut sent, mut arrived, mut newest) = (0_u32, 0_u32, None);
        for _ in 0..400 {
            let mut body = vec![0; 4 + prng.below(200)];
            let (front, _) = body.split_first_chunk_mut().unwrap();
            *front = sent.to_le_bytes();
            sent += 1;
            for packet in radio.packets(&body, bytes) {
                if prng.below(100) < loss {
                    continue;
                }
                let mut flying = vec![packet.clone()];
                match prng.below(40) {
                    0 => flying.push(packet),
                    1 => flying.insert(0, vec![0xff; bytes]),
                    2 => flying.insert(0, vec![0x80, 1, 2, 3]),
                    3 => flying.iter_mut().for_each(|packet| packet.reverse()),
                    4 => flying.insert(0, Vec::new()),
                    _ => {}
                }
                for packet in flying {
                    let Some(body) = radio.take(&packet) else { continue };
                    let number = u32::from_le_bytes(*body.first_chunk().unwrap());
                    assert!(newest.is_none_or(|newest| newest < number), "{number}");
                    // Without numbers on the wire what arrives is what was sent, up to the first loss.
                    assert!(WORDS > 0 || number == arrived, "{number}");
                    newest = Some(number);
                    arrived += 1;
                }
            }
        }
        assert!(arrived <= sent && (loss > 0 || WORDS == 0 || arrived > 0));
        (sent, arrived)
    }
    let (mut sent, mut arrived) = (0, 0);
    for bytes in [20, 23, 64, 185, 244] {
        for loss in [0, 1, 10, 50] {
            let both = [
                with::<Aes256Gcm, 0>(bytes, loss),
                with::<Aes256Gcm, 1>(bytes, loss),
                with::<ChaCha20Poly1305, 4>(bytes, loss),
            ];
            sent += both.iter().map(|counts| counts.0).sum::<u32>();
            arrived += both.iter().map(|counts| counts.1).sum::<u32>();
        }
    }
    println!(
        "segments: {arrived} of {sent} frames arrived over bad packets, none twice or changed"
    );
    assert_eq!(sent, 24_000);
}

#[test]
fn a_frame_that_does_not_fit_is_dropped_and_the_next_is_not() {
    let mut radio = Radio::<Aes256Gcm, 1>::new();
    let long = radio.packets(&[1; BYTES - 18], 100);
    let (last, others) = long.split_last().unwrap();
    for packet in others {
        assert_eq!(radio.assembler.push(packet), Ok(None));
    }
    assert_eq!(radio.assembler.push(last), Err(SegmentError::TooLong));
    assert_eq!(radio.assembler.push(last), Err(SegmentError::Order));
    assert_eq!(radio.assembler.push(&[]), Err(SegmentError::Empty));
    assert_eq!(radio.assembler.push(&[0xc0]), Err(SegmentError::Empty));
    let fits = radio.packets(&[2; BYTES - 19], 244);
    assert_eq!(fits.iter().filter_map(|packet| radio.take(packet)).count(), 1);
}

#[test]
fn what_was_begun_is_dropped_with_the_connection() {
    let mut radio = Radio::<Aes256Gcm, 1>::new();
    assert_eq!(format!("{:?}", radio.assembler), "Assembler { length: 0, .. }");
    let packets = radio.packets(&[1; 50], 30);
    radio.take(packets.first().unwrap());
    assert_eq!(format!("{:?}", radio.assembler), "Assembler { length: 29, .. }");
    radio.assembler.clear();
    for packet in packets.iter().skip(1) {
        assert_eq!(radio.assembler.push(packet), Err(SegmentError::Order));
    }
}

/// With packets of any lengths in turn, and from the start again when it is asked for.
#[test]
fn a_frame_waits_for_its_channel() {
    let mut radio = Radio::<Aes256Gcm, 1>::new();
    let mut buffer = [0; 100];
    let mut outbox = Outbox::<50>::default();
    let frame = radio.sender.seal(Channel::App, true, &[3; 30], &mut buffer).unwrap();
    outbox.put(&frame).unwrap();
    assert_eq!(outbox.put(&frame), Err(SendError::Busy));
    assert_eq!(format!("{outbox:?}"), "Outbox { left: 49, .. }");
    for bytes in [0, 1] {
        let mut packets = Packets { lengths: vec![bytes], ..Packets::default() };
        for _ in 0..3 {
            assert_eq!(outbox.send(&mut packets), Ok(false));
        }
        assert!(packets.sent.is_empty());
    }
    let mut lost = Packets { lengths: vec![20], is_lost: true, ..Packets::default() };
    assert_eq!(outbox.send(&mut lost), Err(ChannelLost));
    for lengths in [vec![2], vec![20], vec![3, 30, 5], vec![100]] {
        let mut packets = Packets { lengths, ..Packets::default() };
        while !outbox.send(&mut packets).unwrap() {}
        assert!(outbox.is_empty());
        assert_eq!(outbox.send(&mut packets), Ok(true));
        let (last, others) = packets.sent.split_last().unwrap();
        assert!(others.iter().all(|packet| radio.assembler.push(packet) == Ok(None)));
        assert_eq!(radio.assembler.push(last).unwrap().unwrap(), frame.bytes());
        outbox.again();
    }
    // Half of it is nothing to who comes in between.
    let mut packets = Packets { lengths: vec![20], ..Packets::default() };
    while packets.sent.is_empty() {
        assert_eq!(outbox.send(&mut packets), Ok(false));
    }
    outbox.clear();
    assert_eq!(outbox.send(&mut packets), Ok(true));
    let mut buffer = [0; 100];
    let long = radio.sender.seal(Channel::App, true, &[3; 31], &mut buffer).unwrap();
    assert_eq!(outbox.put(&long), Err(SendError::Length));
    assert_eq!(Outbox::<0>::new().put(&long), Err(SendError::Length));
    assert!(outbox.is_empty());
}
