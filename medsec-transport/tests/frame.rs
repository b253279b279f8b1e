//! Frames: what was sealed opens once, and nothing else does.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

use std::collections::BTreeSet;

use medsec_core::Secret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, Suite};
use medsec_sim::prng::Prng;
use medsec_transport::frame::{
    Channel, Counts, KEY_MESSAGES, Opened, ReceiveError, Receiver, SendError, Sender, overhead,
};

/// One direction of a link.
struct Direction<S: Suite, const WORDS: usize> {
    sender: Sender<S, WORDS>,
    receiver: Receiver<S, WORDS>,
}

impl<S: Suite, const WORDS: usize> Direction<S, WORDS> {
    fn new(key: u8) -> Self {
        let key = Secret::new([key; 32]);
        Self {
            sender: Sender::new(CipherState::new(&key)),
            receiver: Receiver::new(CipherState::new(&key)),
        }
    }

    fn seal(&mut self, body: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; body.len() + overhead::<WORDS>()];
        self.sender.seal(Channel::App, true, body, &mut frame).unwrap().bytes().to_vec()
    }

    fn open(&mut self, frame: &[u8]) -> Result<(u64, Vec<u8>), ReceiveError> {
        let mut frame = frame.to_vec();
        self.receiver.open(&mut frame).map(|opened| (opened.number, opened.body.to_vec()))
    }
}

#[test]
fn what_was_sealed_opens() {
    fn with<S: Suite, const WORDS: usize>(beside: usize) {
        let mut direction = Direction::<S, WORDS>::new(1);
        assert_eq!(overhead::<WORDS>(), beside);
        for (number, channel) in (0..).zip(Channel::ALL.into_iter().cycle().take(40)) {
            let body = vec![7; usize::try_from(number).unwrap() * 13];
            let is_last = number % 3 == 0;
            let mut frame = vec![0; body.len() + beside];
            let sealed = direction.sender.seal(channel, is_last, &body, &mut frame).unwrap();
            assert_eq!(sealed.bytes().len(), body.len() + beside);
            let opened = direction.receiver.open(&mut frame).unwrap();
            assert_eq!(opened, Opened { channel, is_last, number, body: &mut body.clone() });
        }
        assert_eq!(direction.receiver.counts(), Counts::default());
        assert_eq!((direction.sender.sealed(), direction.receiver.next()), (40, 40));
    }
    with::<Aes256Gcm, 0>(17);
    with::<Aes256Gcm, 1>(19);
    with::<Aes256Gcm, 4>(19);
    with::<ChaCha20Poly1305, 0>(17);
    with::<ChaCha20Poly1305, 1>(19);
    with::<ChaCha20Poly1305, 4>(19);
}

/// Frames of the peer with a bit changed or bytes missing, and drawn ones: none opens, and the next true one does.
#[test]
fn no_forged_frame_opens_or_moves_anything() {
    fn with<S: Suite, const WORDS: usize>(drawn: u32) -> u32 {
        let mut direction = Direction::<S, WORDS>::new(2);
        let mut prng = Prng::new(u64::try_from(WORDS).unwrap() + u64::from(S::ID));
        let mut forged = 0;
        let mut refuse = |direction: &mut Direction<S, WORDS>, frame: &mut [u8]| {
            let next = direction.receiver.next();
            let lost = direction.receiver.counts().lost;
            direction.receiver.open(frame).unwrap_err();
            assert_eq!((direction.receiver.next(), direction.receiver.counts().lost), (next, lost));
            forged += 1;
        };
        for length in [0, 1, 16, 33] {
            let frame = direction.seal(&vec![0x5a; length]);
            for bit in 0..frame.len() * 8 {
                let mut changed = frame.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                refuse(&mut direction, &mut changed);
            }
            for length in 0..frame.len() {
                refuse(&mut direction, &mut frame[..length].to_vec());
            }
            refuse(&mut direction, &mut [&frame[..], &[0]].concat());
            direction.open(&frame).unwrap();
        }
        let mut frame = direction.seal(b"a bolus of 2.0 IU");
        let mut buffer = [0; 64];
        for turn in 0..drawn {
            let forged = if turn % 2 == 0 {
                let (front, _) = buffer.split_at_mut(prng.below(64));
                prng.fill(front);
                front
            } else {
                let (front, _) = buffer.split_at_mut(frame.len());
                front.copy_from_slice(&frame);
                for _ in 0..=prng.below(3) {
                    let at = prng.below(front.len());
                    front[at] ^= 1 << prng.below(8);
                }
                front
            };
            // Two flips of one bit are none.
            if *forged == frame[..] {
                continue;
            }
            refuse(&mut direction, forged);
            if turn % 16 == 0 {
                assert_eq!(direction.open(&frame).unwrap().1, b"a bolus of 2.0 IU");
                frame = direction.seal(b"a bolus of 2.0 IU");
            }
        }
        direction.open(&frame).unwrap();
        forged
    }
    let forged = [
        with::<Aes256Gcm, 0>(DRAWN),
        with::<Aes256Gcm, 1>(DRAWN),
        with::<Aes256Gcm, 4>(DRAWN),
        with::<ChaCha20Poly1305, 0>(DRAWN),
        with::<ChaCha20Poly1305, 1>(DRAWN),
        with::<ChaCha20Poly1305, 4>(DRAWN),
    ];
    let sum: u32 = forged.iter().sum();
    println!("frames: {sum} forged, 0 opened, and every 16 the true one did");
    assert!(sum >= 10_000_000, "{sum}");
}

/// Drawn frames for each kind of link.
const DRAWN: u32 = 1_668_000;

#[test]
fn a_frame_opens_once_and_not_on_the_way_back() {
    fn with<S: Suite, const WORDS: usize>() {
        let mut direction = Direction::<S, WORDS>::new(3);
        let mut other = Direction::<S, WORDS>::new(4);
        let frames: Vec<_> = (0..100).map(|byte| direction.seal(&[byte])).collect();
        for frame in &frames {
            direction.open(frame).unwrap();
            let again = direction.open(frame).unwrap_err();
            let expected = if WORDS == 0 { ReceiveError::Forged } else { ReceiveError::Replayed };
            assert_eq!(again, expected);
            assert_eq!(other.open(frame), Err(ReceiveError::Forged));
        }
        assert!(frames.iter().all(|frame| direction.open(frame).is_err()));
    }
    with::<Aes256Gcm, 0>();
    with::<Aes256Gcm, 1>();
    with::<ChaCha20Poly1305, 4>();
}

/// Datagrams lost, doubled, late and damaged, over several keys: what arrives is a part of what was sent, each once, and what was lost
/// is counted.
#[test]
fn a_lossy_link_gives_a_part_of_what_was_sent_and_nothing_twice() {
    fn with<S: Suite, const WORDS: usize>(loss: usize) {
        let mut direction = Direction::<S, WORDS>::new(5);
        let mut prng = Prng::new(1);
        let mut flying: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut arrived = BTreeSet::new();
        let (mut late, mut sent) = (0, 0);
        while sent < 3 * KEY_MESSAGES || !flying.is_empty() {
            if sent < 3 * KEY_MESSAGES {
                flying.push((sent, direction.seal(&sent.to_le_bytes())));
                sent += 1;
            }
            if flying.len() < 20 && sent < 3 * KEY_MESSAGES {
                continue;
            }
            let drawn = prng.below(flying.len());
            let (number, frame) = flying.swap_remove(drawn);
            if prng.below(100) < loss {
                continue;
            }
            if flying.len() < 40 && prng.below(16) == 0 {
                flying.push((number, frame.clone()));
            }
            if prng.below(16) == 0 {
                let mut damaged = frame.clone();
                damaged[prng.below(27)] ^= 4;
                direction.open(&damaged).unwrap_err();
            }
            match direction.open(&frame) {
                Ok((opened, body)) => {
                    assert_eq!((opened, &body[..]), (number, &number.to_le_bytes()[..]));
                    assert!(arrived.insert(number), "{number} twice");
                }
                Err(error) => {
                    assert_eq!(
                        error,
                        ReceiveError::Replayed,
                        "{number} at {}",
                        direction.receiver.next()
                    );
                    late += u64::from(!arrived.contains(&number));
                }
            }
        }
        let lost = direction.receiver.next() - u64::try_from(arrived.len()).unwrap();
        assert_eq!(u64::from(direction.receiver.counts().lost), lost);
        println!("W = {}: {} of {sent} arrived, {late} too late", 64 * WORDS, arrived.len());
        assert!(loss > 0 || late > 0 || lost == 0);
        assert!(
            u64::try_from(arrived.len()).unwrap() + late
                > sent * (90 - u64::try_from(loss).unwrap()) / 100
        );
    }
    for loss in [0, 10, 50] {
        with::<ChaCha20Poly1305, 1>(loss);
        with::<ChaCha20Poly1305, 4>(loss);
    }
}

/// At each edge between two keys: in order, exchanged, and after as many lost frames as the number can bridge.
#[test]
fn keys_move_on_with_the_numbers() {
    let mut direction = Direction::<Aes256Gcm, 1>::new(6);
    let mut frames: Vec<_> = (0..KEY_MESSAGES - 2).map(|_| direction.seal(b"")).collect();
    direction.open(&frames.pop().unwrap()).unwrap();
    let [before, last, first, second] = [(); 4].map(|()| direction.seal(b"edge"));
    direction.open(&first).expect("the next key, before the end of the last");
    direction.open(&last).expect("the last key still counts");
    direction.open(&second).unwrap();
    direction.open(&before).unwrap();
    for _ in 0..64 {
        let frame = direction.seal(b"");
        direction.open(&frame).unwrap();
    }
    for old in [before, last, first, second] {
        assert_eq!(direction.open(&old), Err(ReceiveError::Replayed));
    }
    // The longest silence.
    let next = direction.receiver.next();
    for _ in 0..KEY_MESSAGES - 1 {
        direction.seal(b"");
    }
    let frame = direction.seal(b"after");
    assert_eq!(direction.open(&frame), Ok((next + KEY_MESSAGES - 1, b"after".to_vec())));
    // One more, and the number says too little: the link is over, and nobody is let in.
    for _ in 0..KEY_MESSAGES {
        direction.seal(b"");
    }
    let frame = direction.seal(b"too late");
    direction.open(&frame).unwrap_err();
}

#[test]
fn bits_without_a_meaning_are_refused() {
    let mut direction = Direction::<Aes256Gcm, 0>::new(7);
    let frame = direction.seal(b"x");
    for first in 0..=0xff_u8 {
        let mut changed = frame.clone();
        changed[0] = first;
        let expected = match first {
            0x81 => continue,
            0x80 | 0x82..=0x85 | 0x90..=0x95 => ReceiveError::Forged,
            _ => ReceiveError::Layout,
        };
        assert_eq!(direction.open(&changed), Err(expected), "{first:#x}");
    }
    assert_eq!(direction.open(&frame), Ok((0, b"x".to_vec())));
}

#[test]
fn a_frame_that_does_not_fit_uses_no_number() {
    let mut direction = Direction::<Aes256Gcm, 1>::new(8);
    for length in 0..24 {
        let mut buffer = vec![0; length];
        let refused = direction.sender.seal(Channel::App, true, b"12345", &mut buffer);
        assert_eq!(refused.unwrap_err(), SendError::Length);
    }
    assert_eq!(direction.sender.sealed(), 0);
    let frame = direction.seal(b"12345");
    assert_eq!(direction.open(&frame), Ok((0, b"12345".to_vec())));
    assert_eq!(format!("{:?}", direction.sender), "Sender { sealed: 1, .. }");
    assert_eq!(format!("{:?}", direction.receiver), "Receiver { next: 1, .. }");
}

/// The bytes of each kind of link, also behind the edges between keys, as a second implementation has them.
#[test]
fn frames_are_those_of_the_format() {
    fn check<S: Suite, const WORDS: usize>(rows: &[Vec<&str>]) {
        let mut direction = Direction::<S, WORDS>::new(7);
        for row in rows {
            let [number, channel, is_last] = [row[2], row[3], row[4]].map(|n| n.parse().unwrap());
            while direction.sender.sealed() < number {
                let frame = direction.seal(b"");
                direction.open(&frame).unwrap();
            }
            let channel = Channel::ALL[usize::try_from(channel).unwrap()];
            let body = if row[5] == "-" { Vec::new() } else { bytes(row[5]) };
            let mut frame = vec![0; body.len() + overhead::<WORDS>()];
            direction.sender.seal(channel, is_last == 1_u64, &body, &mut frame).unwrap();
            assert_eq!(frame, bytes(row[6]), "{row:?}");
            direction.open(&frame).unwrap();
        }
    }
    let golden = include_str!("golden/frame_v1.txt");
    let rows = golden.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Vec<&str>> = rows.map(|line| line.split(' ').collect()).collect();
    let mut kinds = 0;
    for rows in rows.chunk_by(|one, other| one[..2] == other[..2]) {
        match (rows[0][0], rows[0][1]) {
            ("1", "0") => check::<Aes256Gcm, 0>(rows),
            ("1", "64") => check::<Aes256Gcm, 1>(rows),
            ("1", "256") => check::<Aes256Gcm, 4>(rows),
            ("2", "0") => check::<ChaCha20Poly1305, 0>(rows),
            ("2", "64") => check::<ChaCha20Poly1305, 1>(rows),
            _ => check::<ChaCha20Poly1305, 4>(rows),
        }
        kinds += rows.len();
    }
    assert_eq!(kinds, 36);
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// What was dropped and why, to the one.
#[test]
fn what_is_dropped_is_counted() {
    let mut direction = Direction::<Aes256Gcm, 1>::new(9);
    let frames: Vec<_> = (0..6).map(|byte| direction.seal(&[byte])).collect();
    let mut changed = frames[0].clone();
    changed[3] ^= 1;
    for _ in 0..3 {
        assert_eq!(direction.open(&changed), Err(ReceiveError::Forged));
    }
    direction.open(&frames[0]).unwrap();
    for _ in 0..2 {
        assert_eq!(direction.open(&frames[0]), Err(ReceiveError::Replayed));
    }
    assert_eq!(direction.open(&[0; 40]), Err(ReceiveError::Layout));
    direction.open(&frames[5]).unwrap();
    assert_eq!(direction.receiver.counts(), Counts { lost: 4, replayed: 2, forged: 3 });
    direction.open(&frames[2]).unwrap();
    assert_eq!(direction.receiver.counts(), Counts { lost: 3, replayed: 2, forged: 3 });
}
