//! Packets through the air, from whoever is near.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ChannelLost, PacketChannel};

use super::{Tap, crossed, held};
use crate::prng::Prng;

/// Packets that a direction holds.
const QUEUE_PACKETS: usize = 64;

/// From how far behind a packet overtakes.
const OVERTAKING: usize = 8;

/// What happens to packets: so many of 100 each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Weather {
    /// Do not come.
    pub lost: usize,
    /// Come twice.
    pub doubled: usize,
    /// Come with one to three bits changed.
    pub damaged: usize,
    /// Are overtaken by one of the next eight that are on their way.
    pub late: usize,
}

/// What a direction did to packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Carried {
    /// Packets that were sent.
    pub sent: u64,
    /// Of these, lost.
    pub lost: u64,
    /// Of these, doubled.
    pub doubled: u64,
    /// Of these, damaged, each copy by itself.
    pub damaged: u64,
}

struct Direction {
    packets: VecDeque<Vec<u8>>,
    weather: Weather,
    prng: Prng,
    carried: Carried,
}

impl Direction {
    fn carry(&mut self, packet: &[u8]) {
        self.carried.sent += 1;
        if self.prng.one(self.weather.lost, 100) {
            self.carried.lost += 1;
            return;
        }
        let is_doubled = self.prng.one(self.weather.doubled, 100);
        self.carried.doubled += u64::from(is_doubled);
        for _ in 0..=usize::from(is_doubled) {
            let mut packet = packet.to_vec();
            if self.prng.one(self.weather.damaged, 100) {
                self.carried.damaged += 1;
                let bits = 1 + self.prng.below(3);
                // Of different bytes, so that none is changed back.
                for byte in packet.iter_mut().rev().step_by(7).take(bits) {
                    *byte ^= 1 << self.prng.below(8);
                }
            }
            self.packets.push_back(packet);
        }
    }
}

/// One end of what may be a way between two.
pub struct Radio {
    to: Arc<Mutex<Direction>>,
    from: Arc<Mutex<Direction>>,
    packet_bytes: usize,
    tap: Option<Tap>,
}

impl Radio {
    /// Both ends, with packets of up to `packet_bytes` bytes.
    #[must_use]
    pub fn pair(packet_bytes: usize, weather: Weather, seed: u64) -> [Self; 2] {
        let [there, back] = [seed, !seed].map(|seed| Direction {
            packets: VecDeque::new(),
            weather,
            prng: Prng::new(seed),
            carried: Carried::default(),
        });
        crossed(there, back).map(|[to, from]| Self { to, from, packet_bytes, tap: None })
    }

    /// Lets `tap` hear what this end sends.
    pub fn set_tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// Another weather for what this end sends from now on.
    pub fn set_weather(&mut self, weather: Weather) {
        held(&self.to).weather = weather;
    }

    /// What became of what this end sent.
    #[must_use]
    pub fn carried(&self) -> Carried {
        held(&self.to).carried
    }
}

impl PacketChannel for Radio {
    fn packet_bytes(&self) -> Result<usize, ChannelLost> {
        Ok(self.packet_bytes)
    }

    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost> {
        let mut direction = held(&self.to);
        if direction.packets.len() >= QUEUE_PACKETS || packet.bytes().len() > self.packet_bytes {
            return Ok(false);
        }
        if let Some(tap) = &mut self.tap {
            tap(packet.bytes());
        }
        direction.carry(packet.bytes());
        Ok(true)
    }

    fn receive(&mut self, packet: &mut [u8]) -> Result<usize, ChannelLost> {
        let mut direction = held(&self.from);
        let behind = direction.packets.len().min(1 + OVERTAKING).saturating_sub(1);
        let late = direction.weather.late;
        let is_late = direction.prng.one(late, 100);
        let drawn = if is_late && behind > 0 { 1 + direction.prng.below(behind) } else { 0 };
        let Some(come) = direction.packets.remove(drawn) else { return Ok(0) };
        let Some(to) = packet.get_mut(..come.len()) else { return Ok(0) };
        to.copy_from_slice(&come);
        Ok(come.len())
    }
}
