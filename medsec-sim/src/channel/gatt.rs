//! BLE: acknowledged writes and indications over one connection at a time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ChannelLost, PacketChannel};

use super::{Tap, crossed, held};

/// Packets that a direction holds: what a BLE stack has of buffers.
const QUEUE_PACKETS: usize = 4;

#[derive(Default)]
struct Direction {
    packets: VecDeque<Vec<u8>>,
    /// Bytes of the longest packet; none without a connection.
    packet_bytes: Option<usize>,
}

/// One end of a connection.
///
/// All packets arrive, in order, as long as there is a connection; what is on its way when it ends does not.
pub struct Gatt {
    to: Arc<Mutex<Direction>>,
    from: Arc<Mutex<Direction>>,
    tap: Option<Tap>,
}

impl Gatt {
    /// Both ends, connected, with packets of up to `packet_bytes` bytes.
    #[must_use]
    pub fn pair(packet_bytes: usize) -> [Self; 2] {
        let ends = crossed(Direction::default(), Direction::default());
        let mut ends = ends.map(|[to, from]| Self { to, from, tap: None });
        ends[0].connect(packet_bytes);
        ends
    }

    /// Connects both ends anew, with packets of up to `packet_bytes` bytes.
    pub fn connect(&mut self, packet_bytes: usize) {
        for direction in [&self.to, &self.from] {
            *held(direction) =
                Direction { packets: VecDeque::new(), packet_bytes: Some(packet_bytes) };
        }
    }

    /// Ends the connection, and drops what is on its way.
    pub fn disconnect(&mut self) {
        for direction in [&self.to, &self.from] {
            *held(direction) = Direction::default();
        }
    }

    /// Lets `tap` hear what this end sends.
    pub fn set_tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }
}

impl PacketChannel for Gatt {
    fn packet_bytes(&self) -> Result<usize, ChannelLost> {
        held(&self.to).packet_bytes.ok_or(ChannelLost)
    }

    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost> {
        let mut direction = held(&self.to);
        let packet_bytes = direction.packet_bytes.ok_or(ChannelLost)?;
        if direction.packets.len() >= QUEUE_PACKETS || packet.bytes().len() > packet_bytes {
            return Ok(false);
        }
        if let Some(tap) = &mut self.tap {
            tap(packet.bytes());
        }
        direction.packets.push_back(packet.bytes().to_vec());
        Ok(true)
    }

    fn receive(&mut self, packet: &mut [u8]) -> Result<usize, ChannelLost> {
        let mut direction = held(&self.from);
        direction.packet_bytes.ok_or(ChannelLost)?;
        let Some(come) = direction.packets.pop_front() else { return Ok(0) };
        let Some(to) = packet.get_mut(..come.len()) else { return Ok(0) };
        to.copy_from_slice(&come);
        Ok(come.len())
    }
}
