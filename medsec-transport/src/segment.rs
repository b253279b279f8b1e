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

use crate::frame::Outgoing;

const FIRST: u8 = 0x80;
const LAST: u8 = 0x40;
const NUMBER: u8 = 0x3f;

/// Divides a frame into packets.
#[derive(Debug)]
pub struct Segments<'m> {
    rest: &'m [u8],
    first: u8,
    number: u8,
}

impl<'m> Segments<'m> {
    /// The packets of `frame`.
    #[must_use]
    pub const fn of(frame: &Outgoing<'m>) -> Self {
        Self { rest: frame.0, first: FIRST, number: 0 }
    }

    /// Writes the next packet, as long as `packet` if the frame has so much left, and returns it; none if the frame was sent whole, or
    /// a packet has no room for a byte of it.
    ///
    /// The length may differ from packet to packet: what a connection takes is known once it is made, and again after each.
    pub fn next<'p>(&mut self, packet: &'p mut [u8]) -> Option<Outgoing<'p>> {
        let room = packet.len().checked_sub(1)?;
        let length = room.min(self.rest.len());
        let (part, rest) = self.rest.split_at_checked(length)?;
        if part.is_empty() {
            return None;
        }
        let last = if rest.is_empty() { LAST } else { 0 };
        let (head, body) = packet.get_mut(..=length)?.split_first_mut()?;
        *head = self.first | last | self.number;
        body.copy_from_slice(part);
        (self.rest, self.first) = (rest, 0);
        self.number = self.number.wrapping_add(1) & NUMBER;
        packet.get(..=length).map(Outgoing)
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
        let end = self.length.saturating_add(part.len());
        self.buffer.get_mut(self.length..end).ok_or(SegmentError::TooLong)?.copy_from_slice(part);
        self.length = end;
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
