//! What a port implements for this crate, and nothing else.
//!
//! A channel is sent [`Outgoing`], which only this crate makes: firmware that hands its own bytes over does not compile.
//! ```compile_fail,E0308
//! # use medsec_transport::hal::ByteChannel;
//! fn tell(line: &mut impl ByteChannel) {
//!     line.send(b"PATIENT-00471193").unwrap();
//! }
//! ```
//! ```compile_fail,E0423
//! # use medsec_transport::{frame::Outgoing, hal::PacketChannel};
//! fn tell(radio: &mut impl PacketChannel) {
//!     radio.send(&Outgoing(b"PATIENT-00471193")).unwrap();
//! }
//! ```
//!
//! | channel | carries | for frames with `WORDS` |
//! |---|---|---|
//! | [`ByteChannel`] | TCP, USB: all bytes in order | 0 |
//! | [`ByteChannel`] | a serial line: bytes in order, but for noise | 1 |
//! | [`PacketChannel`] | acknowledged BLE: all packets in order | 0 |
//! | [`PacketChannel`] | BLE notifications, radio, UDP | 1, 4 |
//!
//! What comes out of a channel is the attacker's until a link has opened it. Nothing here waits: what cannot be done now is for the next call.

use crate::frame::Outgoing;

/// The channel has ended: closed by the other side, unplugged, out of reach.
///
/// Which of these, nobody vouches for, so it is not told. Whether the peer had ended the link says
/// [`Link::is_ended`](crate::link::Link::is_ended). The port makes a new channel in its own time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChannelLost;

impl core::fmt::Display for ChannelLost {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("channel lost")
    }
}

impl core::error::Error for ChannelLost {}

/// A channel that has no packets: a serial line, USB, TCP.
///
/// [`stream`](crate::stream) tells the frames on it apart.
pub trait ByteChannel {
    /// Takes as many bytes from the front of `outgoing` as it can now, and returns how many; 0 if none.
    ///
    /// # Errors
    /// [`ChannelLost`], then and from then on.
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost>;

    /// Writes what has come to the front of `bytes`, and returns how many bytes that are; 0 if none has.
    ///
    /// # Errors
    /// [`ChannelLost`], once all that came was returned.
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost>;
}

impl<C: ByteChannel> ByteChannel for &mut C {
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        C::send(self, outgoing)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost> {
        C::receive(self, bytes)
    }
}

/// A channel of packets, each of which arrives whole or not at all: BLE GATT, radio, UDP.
///
/// [`segment`](crate::segment) divides frames into its packets.
pub trait PacketChannel {
    /// Bytes of the longest packet that it takes now; below 2 if it takes none. It may change at any time, as with a new connection.
    ///
    /// # Errors
    /// [`ChannelLost`], then and from then on.
    fn packet_bytes(&self) -> Result<usize, ChannelLost>;

    /// Takes `packet`, no longer than [`packet_bytes`](Self::packet_bytes), whole; `false` if it cannot now, and nothing was taken.
    ///
    /// # Errors
    /// [`ChannelLost`], then and from then on.
    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost>;

    /// Writes the next packet that has come to the front of `packet`, and returns its length; 0 if none has. One that does not fit is
    /// dropped.
    ///
    /// # Errors
    /// [`ChannelLost`], once all that came was returned.
    fn receive(&mut self, packet: &mut [u8]) -> Result<usize, ChannelLost>;
}

impl<C: PacketChannel> PacketChannel for &mut C {
    fn packet_bytes(&self) -> Result<usize, ChannelLost> {
        C::packet_bytes(self)
    }

    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost> {
        C::send(self, packet)
    }

    fn receive(&mut self, packet: &mut [u8]) -> Result<usize, ChannelLost> {
        C::receive(self, packet)
    }
}
