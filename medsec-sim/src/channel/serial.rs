//! A serial line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ByteChannel, ChannelLost};

use super::{Tap, crossed, held};
use crate::prng::Prng;

/// Bytes that a direction holds: what a UART and its driver have of queues.
const QUEUE_BYTES: usize = 64;

/// What a line does to bytes: so many of 100,000 each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LineNoise {
    /// Come as another byte.
    pub changed: usize,
    /// Do not come.
    pub dropped: usize,
    /// Have one before them that nobody sent.
    pub inserted: usize,
}

impl LineNoise {
    /// None.
    pub const QUIET: Self = Self { changed: 0, dropped: 0, inserted: 0 };
}

struct Direction {
    bytes: VecDeque<u8>,
    noise: LineNoise,
    prng: Prng,
    faults: u64,
    is_cut: bool,
}

impl Direction {
    const fn new(noise: LineNoise, seed: u64) -> Self {
        Self { bytes: VecDeque::new(), noise, prng: Prng::new(seed), faults: 0, is_cut: false }
    }

    fn carry(&mut self, byte: u8) {
        let LineNoise { changed, dropped, inserted } = self.noise;
        if self.prng.one(inserted, 100_000) {
            let [drawn, ..] = self.prng.word().to_le_bytes();
            self.bytes.push_back(drawn);
            self.faults += 1;
        }
        if self.prng.one(dropped, 100_000) {
            self.faults += 1;
            return;
        }
        let flip = if self.prng.one(changed, 100_000) {
            self.faults += 1;
            1 << self.prng.below(8)
        } else {
            0
        };
        self.bytes.push_back(byte ^ flip);
    }
}

/// One end of a serial line.
pub struct Serial {
    to: Arc<Mutex<Direction>>,
    from: Arc<Mutex<Direction>>,
    tap: Option<Tap>,
}

impl Serial {
    /// Both ends of a line with this noise.
    #[must_use]
    pub fn pair(noise: LineNoise, seed: u64) -> [Self; 2] {
        let directions = [seed, !seed].map(|seed| Direction::new(noise, seed));
        let [there, back] = directions;
        crossed(there, back).map(|[to, from]| Self { to, from, tap: None })
    }

    /// Lets `tap` hear what this end sends.
    pub fn set_tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// Another noise on what this end sends, from the next byte on.
    pub fn set_noise(&mut self, noise: LineNoise) {
        held(&self.to).noise = noise;
    }

    /// Faults so far on what this end sent.
    #[must_use]
    pub fn faults(&self) -> u64 {
        held(&self.to).faults
    }

    /// Cuts the line.
    pub fn cut(&mut self) {
        held(&self.to).is_cut = true;
        held(&self.from).is_cut = true;
    }
}

impl ByteChannel for Serial {
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        let mut direction = held(&self.to);
        if direction.is_cut {
            return Err(ChannelLost);
        }
        let room = QUEUE_BYTES.saturating_sub(direction.bytes.len());
        let taken = &outgoing.bytes()[..room.min(outgoing.bytes().len())];
        if let Some(tap) = &mut self.tap {
            tap(taken);
        }
        taken.iter().for_each(|byte| direction.carry(*byte));
        Ok(taken.len())
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost> {
        let mut direction = held(&self.from);
        let come = direction.bytes.len().min(bytes.len());
        if come == 0 && direction.is_cut && !bytes.is_empty() {
            return Err(ChannelLost);
        }
        for (to, byte) in bytes.iter_mut().zip(direction.bytes.drain(..come)) {
            *to = byte;
        }
        Ok(come)
    }
}
