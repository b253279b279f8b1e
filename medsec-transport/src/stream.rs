//! Channels of bytes: where a frame, or a message of a handshake, begins and ends.
//!
//! A frame is written without the byte 0, which then stands before and behind each (consistent overhead byte stuffing; `docs/formats.md` has
//! it). So there is no length that could be wrong: noise costs the frames that it meets and no other, and who begins to listen in the middle
//! of a frame has the next one.
//!
//! # Example
//! ```
//! use medsec_transport::frame::Outgoing;
//! use medsec_transport::hal::{ByteChannel, ChannelLost};
//! use medsec_transport::stream::{Inbox, StreamError};
//!
//! /// What a main loop does with what has come.
//! fn poll(
//!     line: &mut impl ByteChannel,
//!     inbox: &mut Inbox<300>,
//!     mut take: impl FnMut(&mut [u8]),
//! ) -> Result<(), ChannelLost> {
//!     let mut buffer = [0; 64];
//!     let length = line.receive(&mut buffer)?;
//!     let mut bytes = &buffer[..length];
//!     while !bytes.is_empty() {
//!         match inbox.push(&mut bytes) {
//!             Ok(Some(frame)) => take(frame),
//!             Ok(None) => {}
//!             Err(_spoilt) => {}
//!         }
//!     }
//!     Ok(())
//! }
//!
//! struct Line(&'static [u8]);
//!
//! impl ByteChannel for Line {
//!     fn send(&mut self, _: &Outgoing<'_>) -> Result<usize, ChannelLost> {
//!         Err(ChannelLost)
//!     }
//!
//!     fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost> {
//!         let (come, rest) = self.0.split_at(self.0.len().min(bytes.len()));
//!         bytes[..come.len()].copy_from_slice(come);
//!         self.0 = rest;
//!         Ok(come.len())
//!     }
//! }
//!
//! let mut frames = Vec::new();
//! let mut line = Line(b"\x07\0\x03ab\x02c\0");
//! poll(&mut line, &mut Inbox::new(), |frame| frames.push(frame.to_vec())).unwrap();
//! assert_eq!(frames, [b"ab\0c"]);
//! ```

use crate::frame::{Outgoing, SendError};
use crate::hal::{ByteChannel, ChannelLost};

/// Stands between frames, and nowhere in them.
const END: u8 = 0;
/// Bytes that follow a code at most.
const BLOCK_BYTES: usize = 254;
/// The code of a block that ends because it is full, and not where the frame has a 0.
const FULL: u8 = 0xff;

/// Bytes that a frame takes on a channel: 3 more than it has, and one for each 254 after the first.
#[must_use]
pub const fn stream_bytes(frame_bytes: usize) -> usize {
    let blocks = frame_bytes.saturating_sub(1) / BLOCK_BYTES;
    frame_bytes.saturating_add(blocks).saturating_add(3)
}

/// A frame on its way to a channel of bytes, for a loop that does not wait.
///
/// # Limits
/// It takes frames of which [`stream_bytes`] is at most `BYTES`, one at a time.
pub struct Outbox<const BYTES: usize> {
    buffer: [u8; BYTES],
    length: usize,
    sent: usize,
}

impl<const BYTES: usize> Outbox<BYTES> {
    /// Without a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; BYTES], length: 0, sent: 0 }
    }

    /// Takes `frame`, to be sent.
    ///
    /// # Errors
    /// [`SendError::Busy`]: the frame before was not sent whole. [`SendError::Length`]: it is longer than the buffer.
    pub fn put(&mut self, frame: &Outgoing<'_>) -> Result<(), SendError> {
        if !self.is_empty() {
            return Err(SendError::Busy);
        }
        (self.length, self.sent) = (0, 0);
        let length = encode(frame.0, &mut self.buffer).ok_or(SendError::Length)?;
        self.length = length;
        Ok(())
    }

    /// Hands over as much as the channel takes now; whether nothing is left.
    ///
    /// # Errors
    /// [`ChannelLost`], as the channel says.
    pub fn send<C: ByteChannel>(&mut self, channel: &mut C) -> Result<bool, ChannelLost> {
        if let Some(rest) = self.buffer.get(self.sent..self.length)
            && !rest.is_empty()
        {
            let taken = channel.send(&Outgoing(rest))?;
            self.sent = self.sent.saturating_add(taken).min(self.length);
        }
        Ok(self.is_empty())
    }

    /// Sends the frame that was put last once more, from its beginning: a message of a handshake that may be lost.
    pub const fn again(&mut self) {
        self.sent = 0;
    }

    /// Drops the frame, as for a new channel.
    pub const fn clear(&mut self) {
        (self.length, self.sent) = (0, 0);
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

/// Writes `frame` with its two ends, and returns the length; none if it does not fit.
fn encode(frame: &[u8], out: &mut [u8]) -> Option<usize> {
    let (first, mut free) = out.split_first_mut()?;
    *first = END;
    let mut length = 1_usize;
    let mut rest = Some(frame);
    while let Some(left) = rest {
        let room = left.get(..BLOCK_BYTES).unwrap_or(left);
        let zero = room.iter().position(|byte| *byte == END);
        let (block, behind) = left.split_at_checked(zero.unwrap_or(room.len()))?;
        rest = match zero {
            Some(_) => behind.get(1..),
            None => (!behind.is_empty()).then_some(behind),
        };
        let bytes = block.len().checked_add(1)?;
        let (to, after) = core::mem::take(&mut free).split_at_mut_checked(bytes)?;
        let (code, body) = to.split_first_mut()?;
        *code = u8::try_from(bytes).ok()?;
        body.copy_from_slice(block);
        free = after;
        length = length.checked_add(bytes)?;
    }
    *free.first_mut()? = END;
    length.checked_add(1)
}

/// Why a frame was dropped. The next one has its own beginning.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The frame is longer than the buffer.
    TooLong,
    /// It ends too early, or was not written as this format has it.
    Layout,
}

impl core::fmt::Display for StreamError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "frame longer than the buffer",
            Self::Layout => "spoilt frame",
        })
    }
}

impl core::error::Error for StreamError {}

/// Finds frames of up to `BYTES` bytes in what comes.
///
/// # Security
/// What it finds is whole if nobody changed it, and no more is said: that is for its tag to say. Spoilt frames are noise on a serial line. On a
/// channel that loses nothing they are an attack or a fault, and its owner ends the link.
pub struct Inbox<const BYTES: usize> {
    buffer: [u8; BYTES],
    length: usize,
    /// Whether an end was seen, since which nothing was wrong.
    is_inside: bool,
    /// The last code of the frame, and the one before; 0 for none.
    codes: [u8; 2],
    /// Bytes up to the next code.
    left: u8,
}

impl<const BYTES: usize> Inbox<BYTES> {
    /// Waits for the beginning of a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: [0; BYTES], length: 0, is_inside: false, codes: [0; 2], left: 0 }
    }

    /// Takes from the front of `bytes` up to the end of a frame, and returns that; none if it ends none.
    ///
    /// Call it until nothing is left of `bytes`.
    ///
    /// # Errors
    /// [`StreamError`], as it says, once for each spoilt frame. What is left of `bytes` still counts.
    pub fn push(&mut self, bytes: &mut &[u8]) -> Result<Option<&mut [u8]>, StreamError> {
        while let Some((byte, rest)) = bytes.split_first() {
            *bytes = rest;
            if *byte == END {
                if self.end()? {
                    return Ok(self.buffer.get_mut(..self.length));
                }
            } else if self.is_inside {
                self.is_inside = self.take(*byte).is_some();
                if !self.is_inside {
                    return Err(StreamError::TooLong);
                }
            }
        }
        Ok(None)
    }

    /// Drops what there is of a frame: for a new channel.
    pub const fn clear(&mut self) {
        (self.is_inside, self.codes, self.left) = (false, [0; 2], 0);
    }

    /// Takes a byte of a frame.
    fn take(&mut self, byte: u8) -> Option<()> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return self.put(byte);
        }
        let [last, _] = self.codes;
        match last {
            0 => self.length = 0,
            FULL => {}
            _ => self.put(END)?,
        }
        (self.codes, self.left) = ([byte, last], byte.saturating_sub(1));
        Some(())
    }

    fn put(&mut self, byte: u8) -> Option<()> {
        *self.buffer.get_mut(self.length)? = byte;
        self.length = self.length.checked_add(1)?;
        Some(())
    }

    /// Whether a frame ends where the other side has put an end.
    fn end(&mut self) -> Result<bool, StreamError> {
        let (was_inside, codes, left) = (self.is_inside, self.codes, self.left);
        (self.is_inside, self.codes, self.left) = (true, [0; 2], 0);
        match codes {
            _ if !was_inside => Ok(false),
            [0, _] => Ok(false),
            // The full block has said that the frame ends with it.
            [1, FULL] => Err(StreamError::Layout),
            _ if left > 0 => Err(StreamError::Layout),
            _ => Ok(true),
        }
    }
}

impl<const BYTES: usize> Default for Inbox<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> core::fmt::Debug for Inbox<BYTES> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inbox").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]
mod tests {
    extern crate std;

    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn written(frame: &[u8]) -> Vec<u8> {
        let mut out = vec![0; stream_bytes(frame.len())];
        let length = encode(frame, &mut out).unwrap();
        // One byte less, and it does not fit.
        assert_eq!(encode(frame, &mut out[..length - 1]), None);
        out.truncate(length);
        out
    }

    fn arrives(frame: &[u8]) {
        let bytes = written(frame);
        assert!(bytes[1..bytes.len() - 1].iter().all(|byte| *byte != END));
        let mut inbox = Inbox::<800>::new();
        let mut rest = &bytes[..];
        assert_eq!(inbox.push(&mut rest).unwrap().unwrap(), frame);
        assert!(rest.is_empty());
    }

    #[test]
    fn written_as_the_format_says() {
        assert_eq!(written(b""), [0, 1, 0]);
        assert_eq!(written(b"\0"), [0, 1, 1, 0]);
        assert_eq!(written(b"ab\0c"), *b"\0\x03ab\x02c\0");
        assert_eq!(written(b"\0a\0"), *b"\0\x01\x02a\x01\0");
        let full = [7; 254];
        assert_eq!(written(&full), [&[0, 0xff], &full[..], &[0]].concat());
        assert_eq!(
            written(&[&full[..], &[0]].concat()),
            [&[0, 0xff], &full[..], &[1, 1, 0]].concat()
        );
        assert_eq!(
            written(&[&full[..], b"x"].concat()),
            [&[0, 0xff], &full[..], &[2, b'x', 0]].concat()
        );
    }

    /// Zeros on each pair of places around the ends of blocks, in frames that end there too.
    #[test]
    fn every_edge_of_a_block_arrives() {
        let mut frames = 0;
        for length in (0..4).chain(252..258).chain(506..512) {
            arrives(&vec![7; length]);
            for one in (0..length).filter(|at| !(4..248).contains(&(at % 254))) {
                for other in (one..length).filter(|at| !(4..248).contains(&(at % 254))) {
                    let mut frame = vec![7; length];
                    (frame[one], frame[other]) = (0, 0);
                    arrives(&frame);
                    frames += 1;
                }
            }
        }
        assert!(frames > 1_500, "{frames}");
    }

    /// A full block at the end has no empty one behind it.
    #[test]
    fn a_frame_is_written_in_one_way() {
        let full = [&[0, 0xff], &[7; 254][..], &[1, 0]].concat();
        assert_eq!(Inbox::<800>::new().push(&mut &full[..]), Err(StreamError::Layout));
    }
}
