//! TCP, between two sockets of this machine or with anybody.

use core::net::Ipv4Addr;
use std::io::{ErrorKind, Read, Result as IoResult, Write};
use std::net::{TcpListener, TcpStream};

use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ByteChannel, ChannelLost};

use super::Tap;
use crate::prng::Prng;

/// Bytes of the longest piece in which an end of a [`Tcp::pair`] takes or gives anything.
const PIECE_BYTES: usize = 40;

/// One end of a connection.
pub struct Tcp {
    stream: TcpStream,
    /// Cuts into pieces.
    pieces: Option<Prng>,
    tap: Option<Tap>,
}

impl Tcp {
    /// A connection that there is.
    ///
    /// # Errors
    /// Those of the system.
    pub fn of(stream: TcpStream) -> IoResult<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, pieces: None, tap: None })
    }

    /// Both ends of a connection within this machine. Each takes and gives pieces whose lengths the seed draws.
    ///
    /// # Errors
    /// Those of the system.
    pub fn pair(seed: u64) -> IoResult<[Self; 2]> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let mut one = Self::of(TcpStream::connect(listener.local_addr()?)?)?;
        let mut other = Self::of(listener.accept()?.0)?;
        (one.pieces, other.pieces) = (Some(Prng::new(seed)), Some(Prng::new(!seed)));
        Ok([one, other])
    }

    /// Lets `tap` hear what this end sends.
    pub fn set_tap(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    fn piece(&mut self, bytes: usize) -> usize {
        self.pieces.as_mut().map_or(bytes, |prng| bytes.min(1 + prng.below(PIECE_BYTES)))
    }
}

/// How many bytes that were, or that the connection has ended.
fn moved(done: IoResult<usize>) -> Result<usize, ChannelLost> {
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            Ok(0)
        }
        Err(_) | Ok(0) => Err(ChannelLost),
        Ok(bytes) => Ok(bytes),
    }
}

impl ByteChannel for Tcp {
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        let piece = self.piece(outgoing.bytes().len());
        if piece == 0 {
            return Ok(0);
        }
        let taken = moved(self.stream.write(&outgoing.bytes()[..piece]))?;
        if let Some(tap) = &mut self.tap {
            tap(&outgoing.bytes()[..taken]);
        }
        Ok(taken)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost> {
        let piece = self.piece(bytes.len());
        if piece == 0 {
            return Ok(0);
        }
        moved(self.stream.read(&mut bytes[..piece]))
    }
}
