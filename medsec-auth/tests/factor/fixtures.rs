//! What the tests share.

use medsec_auth::verdict::Accepted;
use medsec_core::Secret;
use medsec_core::rng::Random;
use medsec_core::time::{TimeSource, WallTime};
use medsec_sim::rng::Noise;

pub(crate) const ZERO: [u8; 32] = [0; 32];
pub(crate) const DEVICE: [u8; 16] = [0x11; 16];
pub(crate) const NURSE: [u8; 8] = *b"nurse-07";

pub(crate) fn random(seed: u64) -> Random<Noise> {
    let mut random = Random::new(Noise::good(seed));
    random.start(Secret::new([0x5E; 32]), b"factor tests").unwrap();
    random
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16).unwrap()).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect()
}

/// The lines of a file of vectors, in words.
pub(crate) fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect())
}

pub(crate) fn at(unix_seconds: u64) -> WallTime {
    WallTime { unix_seconds, source: TimeSource::Authenticated, uncertainty_seconds: 1 }
}

/// 32 bytes of which one bit is set.
pub(crate) fn one_bit(bit: usize) -> [u8; 32] {
    let mut blind = [0; 32];
    blind[bit / 8] = 1 << (bit % 8);
    blind
}

pub(crate) fn flipped<const N: usize>(bytes: &[u8; N], bit: usize) -> [u8; N] {
    let mut bytes = *bytes;
    bytes[bit / 8] ^= 1 << (bit % 8);
    bytes
}

/// An accepted factor carries the word, and a test that it was accepted looks at it.
pub(crate) fn is_accepted(accepted: &Accepted) -> bool {
    accepted.word() == Accepted::WORD
}
