//! Small packets: a frame, or a message of a handshake, in parts.
//!
//! What is divided is sealed already. Who puts a packet in between can spoil one frame, which ends a link without numbers on the wire, and
//! reaches nothing behind it; whether a frame is whole is for its tag to say.
//!
//! | bits of the first byte | are |
//! |---|---|
//! | 7 | the first packet of a frame |
//! | 6 | the last packet of a frame |
//! | 5 to 0 | number of the packet in its frame, counted from 0 again after 63 |

use crate::frame::{Outgoing, SendError};
use crate::hal::{ChannelLost, PacketChannel};

const FIRST: u8 = 0x80;
const LAST: u8 = 0x40;
const NUMBER: u8 = 0x3f;

/// A frame on its way to a channel of packets, for a loop that does not wait.
///
/// # Limits
/// It takes frames that are shorter than `BYTES`, one at a time.
pub struct Outbox<const BYTES: usize> {
    /// A byte for the head of the first packet, then the frame.
    buffer: [u8; BYTES],
    /// Bytes of the frame.
    length: usize,
    sent: usize,
    /// Number of the next packet.
    number: u8,
}

impl<const BYTES: usize> Outbox<BYTES> {
    /// Without a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; BYTES], length: 0, sent: 0, number: 0 }
    }

    /// Takes `frame`, to be sent.
    ///
    /// # Errors
    /// [`SendError::Busy`]: the frame before was not sent whole. [`SendError::Length`]: it is longer than the buffer.
    pub fn put(&mut self, frame: &Outgoing<'_>) -> Result<(), SendError> {
        if !self.is_empty() {
            return Err(SendError::Busy);
        }
        let (_, room) = self.buffer.split_first_mut().ok_or(SendError::Length)?;
        room.get_mut(..frame.0.len()).ok_or(SendError::Length)?.copy_from_slice(frame.0);
        self.length = frame.0.len();
        self.again();
        Ok(())
    }

    /// Hands over as many packets as the channel takes now, each as long as it takes them; whether nothing is left.
    ///
    /// # Errors
    /// [`ChannelLost`], as the channel says.
    pub fn send<C: PacketChannel>(&mut self, channel: &mut C) -> Result<bool, ChannelLost> {
        while !self.is_empty() {
            let left = self.length.saturating_sub(self.sent);
            let part = channel.packet_bytes()?.saturating_sub(1).min(left);
            let end = self.sent.saturating_add(part);
            let first = if self.sent == 0 { FIRST } else { 0 };
            let last = if part == left { LAST } else { 0 };
            // The head takes the place of the byte before, which was sent, and is put back: the frame may be sent again.
            let packet = self.buffer.get_mut(self.sent..=end).filter(|_| part > 0);
            let Some(packet) = packet else { return Ok(false) };
            let Some(head) = packet.first_mut() else { return Ok(false) };
            let before = core::mem::replace(head, first | last | self.number);
            let taken = channel.send(&Outgoing(packet));
            if let Some(head) = packet.first_mut() {
                *head = before;
            }
            if !taken? {
                return Ok(false);
            }
            self.sent = end;
            self.number = self.number.wrapping_add(1) & NUMBER;
        }
        Ok(true)
    }

    /// Sends the frame that was put last once more, from its beginning: a message of a handshake that may be lost, or over a new connection.
    pub const fn again(&mut self) {
        (self.sent, self.number) = (0, 0);
    }

    /// Drops the frame.
    pub const fn clear(&mut self) {
        (self.length, self.sent, self.number) = (0, 0, 0);
    }

    /// Whether nothing is left to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sent == self.length
    }
}

impl<const BYTES: usize> Default for Outbox<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> core::fmt::Debug for Outbox<BYTES> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let left = self.length.saturating_sub(self.sent);
        f.debug_struct("Outbox").field("left", &left).finish_non_exhaustive()
    }
}

/// Why a packet was dropped, and with it what there was of its frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SegmentError {
    /// Not the packet that was due: one is missing, or somebody put it in between.
    Order,
    /// The frame is longer than the buffer.
    TooLong,
    /// A packet without a byte of a frame.
    Empty,
}

impl core::fmt::Display for SegmentError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Order => "packet out of order",
            Self::TooLong => "frame longer than the buffer",
            Self::Empty => "empty packet",
        })
    }
}

impl core::error::Error for SegmentError {}

/// Puts packets together to frames of up to `BYTES` bytes.
pub struct Assembler<const BYTES: usize> {
    buffer: [u8; BYTES],
    length: usize,
    /// Number of the packet that is due; none before the first.
    due: Option<u8>,
}

impl<const BYTES: usize> Assembler<BYTES> {
    /// Waits for a first packet.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; BYTES], length: 0, due: None }
    }

    /// Drops what there is of a frame: after a connection was lost, and when a link ends.
    pub const fn clear(&mut self) {
        self.due = None;
    }

    /// Takes a packet, and returns the frame that it ends. A first packet drops what there was of another frame.
    ///
    /// # Errors
    /// [`SegmentError`], as it says; what there was of the frame is dropped, and the next first packet begins another.
    pub fn push(&mut self, packet: &[u8]) -> Result<Option<&mut [u8]>, SegmentError> {
        let taken = self.take(packet);
        if taken != Ok(false) {
            self.due = None;
        }
        if taken? { Ok(self.buffer.get_mut(..self.length)) } else { Ok(None) }
    }

    /// Whether the packet ends a frame.
    fn take(&mut self, packet: &[u8]) -> Result<bool, SegmentError> {
        let (head, part) = packet.split_first().ok_or(SegmentError::Empty)?;
        if part.is_empty() {
            return Err(SegmentError::Empty);
        }
        let number = head & NUMBER;
        if head & FIRST != 0 {
            (self.length, self.due) = (0, Some(0));
        }
        if self.due != Some(number) {
            return Err(SegmentError::Order);
        }
        let room = self.buffer.get_mut(self.length..).unwrap_or_default();
        room.get_mut(..part.len()).ok_or(SegmentError::TooLong)?.copy_from_slice(part);
        self.length = self.length.saturating_add(part.len());
        self.due = Some(number.wrapping_add(1) & NUMBER);
        Ok(head & LAST != 0)
    }
}

impl<const BYTES: usize> Default for Assembler<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> core::fmt::Debug for Assembler<BYTES> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Assembler").field("length", &self.length).finish_non_exhaustive()
    }
}
