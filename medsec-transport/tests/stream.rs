//! Frames on channels of bytes: told apart, and noise on one costs no other.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

use medsec_core::Secret;
use medsec_core::suite::{ChaCha20Poly1305, CipherState};
use medsec_sim::prng::Prng;
use medsec_transport::frame::{Channel, Outgoing, SendError, Sender};
use medsec_transport::hal::{ByteChannel, ChannelLost};
use medsec_transport::stream::{Inbox, Outbox, StreamError, stream_bytes};

/// Takes a few bytes at a time, and none every other time.
#[derive(Default)]
struct Line {
    sent: Vec<u8>,
    turn: usize,
}

impl ByteChannel for Line {
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        let bytes = outgoing.bytes();
        let taken = bytes.len().min(self.turn % 2 * 7);
        self.turn += 1;
        self.sent.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result<usize, ChannelLost> {
        Err(ChannelLost)
    }
}

struct Cut;

impl ByteChannel for Cut {
    fn send(&mut self, _: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        Err(ChannelLost)
    }

    fn receive(&mut self, _: &mut [u8]) -> Result<usize, ChannelLost> {
        Err(ChannelLost)
    }
}

/// All that an inbox says of these bytes.
fn found<const BYTES: usize>(
    inbox: &mut Inbox<BYTES>,
    mut bytes: &[u8],
) -> Vec<Result<Vec<u8>, StreamError>> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        all.extend(
            inbox.push(&mut bytes).map(|frame| frame.map(|frame| frame.to_vec())).transpose(),
        );
    }
    all
}

/// The same written plainly: each run without a 0, and the number of bytes up to the next.
fn oracle(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    let runs: Vec<_> = frame.split(|byte| *byte == 0).collect();
    for run in runs {
        let mut pieces: Vec<_> = run.chunks(254).collect();
        let is_last_run = run.as_ptr_range().end == frame.as_ptr_range().end;
        // A full piece has no 0 behind it; what follows says there is one.
        if pieces.is_empty() || (pieces[pieces.len() - 1].len() == 254 && !is_last_run) {
            pieces.push(&[]);
        }
        for piece in pieces {
            out.push(u8::try_from(piece.len() + 1).unwrap());
            out.extend(piece);
        }
    }
    out.push(0);
    out
}

#[test]
fn a_frame_of_every_length_arrives_at_the_cost_that_is_stated() {
    let mut line = Line::default();
    let mut outbox = Outbox::<1_100>::default();
    let mut inbox = Inbox::<1_000>::default();
    let mut sender = Sender::<ChaCha20Poly1305, 0>::new(CipherState::new(&Secret::new([2; 32])));
    let mut zeros = 0;
    for length in 17..1_000 {
        let mut frame = vec![0; length];
        let frame = sender.seal(Channel::App, true, &vec![1; length - 17], &mut frame).unwrap();
        outbox.put(&frame).unwrap();
        assert_eq!(outbox.put(&frame), Err(SendError::Busy));
        assert_eq!(outbox.send(&mut Cut), Err(ChannelLost));
        line.sent.clear();
        while !outbox.send(&mut line).unwrap() {}
        assert_eq!(line.sent, oracle(frame.bytes()));
        assert!(line.sent.len() <= stream_bytes(length));
        assert_eq!(found(&mut inbox, &line.sent), [Ok(frame.bytes().to_vec())]);
        zeros += frame.bytes().iter().filter(|byte| **byte == 0).count();
    }
    println!("streams: frames of 17 to 999 bytes, {zeros} zeros in them");
    assert!(zeros > 1_000);
    assert_eq!([17, 254, 255, 508, 509].map(stream_bytes), [20, 257, 259, 512, 514]);
}

/// Each byte of a frame, and of what stands around it, lost, changed to every other, or with one before it: the frame before and the one
/// behind arrive.
#[test]
fn noise_costs_no_frame_that_it_does_not_meet() {
    let mut sender = Sender::<ChaCha20Poly1305, 0>::new(CipherState::new(&Secret::new([3; 32])));
    let mut outbox = Outbox::<100>::new();
    let mut sent = [(); 3].map(|()| {
        let mut frame = [0; 40];
        let frame = sender.seal(Channel::App, true, &[1; 20], &mut frame).unwrap();
        let mut line = Line::default();
        outbox.put(&frame).unwrap();
        while !outbox.send(&mut line).unwrap() {}
        (frame.bytes().to_vec(), line.sent)
    });
    let before = sent[0].clone();
    let behind = sent[2].clone();
    let (frame, bytes) = &mut sent[1];
    let (mut damages, mut opened) = (0, 0);
    let mut check = |middle: &[u8]| {
        let mut inbox = Inbox::<40>::new();
        let all = found(&mut inbox, &[&before.1, middle, &behind.1].concat());
        let good: Vec<_> = all.iter().flatten().collect();
        assert_eq!(good.first(), Some(&&before.0));
        assert_eq!(good.last(), Some(&&behind.0));
        opened += usize::from(good.contains(&&*frame));
        damages += 1;
    };
    for at in 0..bytes.len() {
        let (front, rest) = bytes.split_at(at);
        check(front);
        check(&[front, &rest[1..]].concat());
        for byte in 0..=0xff {
            check(&[front, &[byte], rest].concat());
            check(&[front, &[byte], &rest[1..]].concat());
        }
    }
    println!("streams: {damages} damages, {opened} of which left the frame as it was");
    assert_eq!(damages, bytes.len() * 514);
}

/// Bytes that nobody sent, of those that are likely to lead astray: what is found was written in this form, and fits.
#[test]
fn nothing_else_is_a_frame() {
    let mut prng = Prng::new(5);
    let (mut frames, mut spoilt, mut long) = (0, 0, 0);
    let mut inbox = Inbox::<300>::new();
    for _ in 0..200_000 {
        let mut bytes = vec![0];
        for _ in 0..prng.below(6) {
            let code = prng.choose(&[0, 1, 1, 2, 3, 0xfe, 0xff, 0xff]);
            let length = usize::from(code).saturating_sub(1) + prng.below(20) / 19;
            bytes.push(code);
            bytes.extend((0..length).map(|_| prng.choose(&[1_u8, 2, 2, 0xff])));
        }
        bytes.push(0);
        let mut written = Vec::new();
        for frame in found(&mut inbox, &bytes) {
            match frame {
                Ok(frame) => {
                    assert!(frame.len() <= 300);
                    written.extend(&oracle(&frame)[1..]);
                    frames += 1;
                }
                Err(StreamError::Layout) => spoilt += 1,
                Err(StreamError::TooLong | _) => long += 1,
            }
        }
        if written.len() + 1 == bytes.len() {
            assert_eq!(written, bytes[1..]);
        }
        // Each that was found stands there as it would be written.
        for part in written.split_inclusive(|byte| *byte == 0) {
            assert!(bytes.windows(part.len()).any(|window| window == part));
        }
    }
    println!("streams: of drawn bytes {frames} frames, {spoilt} spoilt, {long} too long");
    assert!(frames > 10_000 && spoilt > 10_000 && long > 10_000);
}

#[test]
fn who_comes_in_between_has_the_next_frame() {
    let mut inbox = Inbox::<4>::new();
    assert_eq!(found(&mut inbox, b"\x03ab\0\x03cd\0"), [Ok(b"cd".to_vec())]);
    assert_eq!(found(&mut inbox, b"\x02"), []);
    assert_eq!(format!("{inbox:?}"), "Inbox { length: 0, .. }");
    inbox.clear();
    assert_eq!(found(&mut inbox, b"x\0\x02x\0"), [Ok(b"x".to_vec())]);
    // Too long is said once.
    let spoilt = [Err(StreamError::TooLong), Ok(b"ok".to_vec())];
    assert_eq!(found(&mut inbox, b"\x07abcdef\0\x03ok\0"), spoilt);
    assert_eq!(found(&mut inbox, b"\x03a\0\0"), [Err(StreamError::Layout)]);
    // A frame that does not fit leaves the outbox empty.
    let mut frame = [0; 40];
    let mut sender = Sender::<ChaCha20Poly1305, 0>::new(CipherState::new(&Secret::new([3; 32])));
    let frame = sender.seal(Channel::App, true, &[1; 20], &mut frame).unwrap();
    let mut outbox = Outbox::<39>::default();
    assert_eq!(outbox.put(&frame), Err(SendError::Length));
    assert!(outbox.is_empty());
    assert_eq!(outbox.send(&mut Cut), Ok(true));
    let mut outbox = Outbox::<40>::default();
    outbox.put(&frame).unwrap();
    assert_eq!(format!("{outbox:?}"), "Outbox { left: 40, .. }");
    outbox.clear();
    assert!(outbox.is_empty());
}

/// A message that may be lost is sent again, also if the first time was cut short.
#[test]
fn a_frame_is_sent_again_whole() {
    let mut frame = [0; 40];
    let mut sender = Sender::<ChaCha20Poly1305, 0>::new(CipherState::new(&Secret::new([3; 32])));
    let frame = sender.seal(Channel::App, true, &[1; 20], &mut frame).unwrap();
    let mut outbox = Outbox::<100>::new();
    outbox.put(&frame).unwrap();
    for calls in 0..20 {
        let mut line = Line::default();
        for _ in 0..calls {
            outbox.send(&mut line).unwrap();
        }
        outbox.again();
        while !outbox.send(&mut line).unwrap() {}
        outbox.again();
        let all = found(&mut Inbox::<100>::new(), &line.sent);
        assert_eq!(all.last(), Some(&Ok(frame.bytes().to_vec())));
    }
}
