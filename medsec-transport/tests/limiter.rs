//! A flood of first messages, and the honest one in it.
#![expect(clippy::print_stdout, reason = "the counts are evidence")]

use medsec_core::Secret;
use medsec_core::suite::{Aes256Gcm, CipherState};
use medsec_core::time::Ticks;
use medsec_sim::prng::Prng;
use medsec_transport::frame::{Channel, SendError, Sender};
use medsec_transport::limiter::{
    AdmissionError, AdmissionKey, Limiter, SEEN, TOKEN_MS, TOKENS_MAX,
};

fn key(byte: u8) -> AdmissionKey {
    AdmissionKey::derive(&Secret::new([byte; 32]))
}

/// What a channel takes has its tag behind it.
#[test]
fn a_first_message_goes_out_with_its_tag() {
    let mut sender = Sender::<Aes256Gcm, 0>::new(CipherState::new(&Secret::new([2; 32])));
    let mut buffers = [[0; 60]; 2];
    let [message, whole] = &mut buffers;
    let message = sender.seal(Channel::App, true, b"as long as one first", message).unwrap();
    for length in 0..53 {
        let refused = key(1).append(&message, whole.split_at_mut(length).0);
        assert_eq!(refused.unwrap_err(), SendError::Length);
    }
    let whole = key(1).append(&message, whole).unwrap();
    assert_eq!(whole.bytes(), [message.bytes(), &key(1).tag(message.bytes())].concat());
    assert_eq!(admit(&mut Limiter::new(Ticks::from_millis(0)), 0, whole.bytes()), Ok(37));
}

/// A first message with its tag.
fn first(number: u32, key: &AdmissionKey) -> Vec<u8> {
    let mut message = vec![1, 1, 2, 0];
    message.extend([0x5a; 28]);
    message.extend(number.to_le_bytes());
    let tag = key.tag(&message);
    message.extend(tag);
    message
}

fn admit(limiter: &mut Limiter, now: u64, message: &[u8]) -> Result<usize, AdmissionError> {
    let mut message = message.to_vec();
    limiter.admit(&key(1), Ticks::from_millis(now), &mut message).map(|first| first.len())
}

#[test]
fn a_flood_of_strangers_uses_up_nothing() {
    let mut limiter = Limiter::new(Ticks::from_millis(0));
    let mut prng = Prng::new(1);
    let mut message = [0; 52];
    let floods = 1_000_000;
    for number in 0..floods {
        prng.fill(&mut message);
        let refused = limiter.admit(key_once(), Ticks::from_millis(0), &mut message);
        assert_eq!(refused.unwrap_err(), AdmissionError::Stranger, "{number}");
    }
    println!("limiter: {floods} strangers refused before any agreement, no token used");
    for number in 0..u32::from(TOKENS_MAX) {
        assert_eq!(admit(&mut limiter, 0, &first(number, &key(1))), Ok(36));
    }
}

/// The key is derived once: a million derivations are not what is tried here.
fn key_once() -> &'static AdmissionKey {
    static KEY: std::sync::LazyLock<AdmissionKey> = std::sync::LazyLock::new(|| key(1));
    &KEY
}

#[test]
fn a_changed_or_replayed_first_message_is_refused() {
    let mut limiter = Limiter::new(Ticks::from_millis(0));
    let message = first(0, &key(1));
    for bit in 0..message.len() * 8 {
        let mut changed = message.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(admit(&mut limiter, 0, &changed), Err(AdmissionError::Stranger), "bit {bit}");
    }
    for length in 0..message.len() {
        assert_eq!(
            admit(&mut limiter, 0, message.split_at(length).0),
            Err(AdmissionError::Stranger)
        );
    }
    assert_eq!(admit(&mut limiter, 0, &first(0, &key(2))), Err(AdmissionError::Stranger));
    // As long as the longest first message, and longer.
    for (length, admitted) in [(52, Ok(52)), (53, Err(AdmissionError::Stranger))] {
        let long = vec![1; length];
        let message = [&long[..], &key(1).tag(&long)].concat();
        assert_eq!(admit(&mut Limiter::new(Ticks::from_millis(0)), 0, &message), admitted);
    }
    assert_eq!(admit(&mut limiter, 0, &message), Ok(36));
    // A replay is no reason to wait for anybody else.
    for _ in 0..1_000 {
        assert_eq!(admit(&mut limiter, 0, &message), Err(AdmissionError::Seen));
    }
    assert_eq!(admit(&mut limiter, 0, &first(1, &key(1))), Ok(36));
}

#[test]
fn holders_of_the_key_are_let_in_at_a_rate() {
    let mut limiter = Limiter::new(Ticks::from_millis(0));
    let mut number = 0;
    let mut next = || {
        number += 1;
        first(number, &key(1))
    };
    for _ in 0..TOKENS_MAX {
        assert_eq!(admit(&mut limiter, 5, &next()), Ok(36));
    }
    assert_eq!(admit(&mut limiter, TOKEN_MS - 1, &next()), Err(AdmissionError::Busy));
    // One that was refused for the time was not taken.
    let late = next();
    assert_eq!(admit(&mut limiter, TOKEN_MS - 1, &late), Err(AdmissionError::Busy));
    assert_eq!(admit(&mut limiter, TOKEN_MS, &late), Ok(36));
    assert_eq!(admit(&mut limiter, TOKEN_MS, &next()), Err(AdmissionError::Busy));
    // Half of the next token has passed when this one is taken.
    assert_eq!(admit(&mut limiter, 2 * TOKEN_MS + TOKEN_MS / 2, &next()), Ok(36));
    assert_eq!(admit(&mut limiter, 3 * TOKEN_MS - 1, &next()), Err(AdmissionError::Busy));
    assert_eq!(admit(&mut limiter, 3 * TOKEN_MS, &next()), Ok(36));
    // A clock that goes back gives none.
    assert_eq!(admit(&mut limiter, 0, &next()), Err(AdmissionError::Busy));
    // After any time there are no more than at first.
    for _ in 0..TOKENS_MAX {
        assert_eq!(admit(&mut limiter, 1 << 40, &next()), Ok(36));
    }
    assert_eq!(admit(&mut limiter, 1 << 40, &next()), Err(AdmissionError::Busy));
    assert_eq!(limiter.take(Ticks::from_millis(1 << 40)), Err(AdmissionError::Busy));
    assert_eq!(limiter.take(Ticks::from_millis((1 << 40) + TOKEN_MS)), Ok(()));
}

/// The last 32 are remembered, and the one before them is not.
#[test]
fn so_many_are_remembered() {
    let mut limiter = Limiter::new(Ticks::from_millis(0));
    let count = u32::try_from(SEEN).unwrap_or(0);
    let mut now = 0;
    for number in 0..=count {
        now += TOKEN_MS;
        assert_eq!(admit(&mut limiter, now, &first(number, &key(1))), Ok(36));
    }
    for number in 1..=count {
        assert_eq!(admit(&mut limiter, now, &first(number, &key(1))), Err(AdmissionError::Seen));
    }
    assert_eq!(admit(&mut limiter, now + TOKEN_MS, &first(0, &key(1))), Ok(36));
    assert!(size_of::<Limiter>() <= 272);
    assert_eq!(format!("{:?}", key(1)), "AdmissionKey");
}
