//! Links: from a first message to a peer that is proven, and to the end that it announces.
//!
//! | [`Method`] | pattern | this side knows before | messages, bytes |
//! |---|---|---|---|
//! | [`Certified`](Method::Certified) | XX | anchors | 36, 249, 217 |
//! | [`Labelled`](Method::Labelled) | XXpsk3 | the code of a label | 52, 249, 65 |
//! | [`Pinned`](Method::Pinned) | KK | the peer's certificate | 52, 49 |
//! | [`Uncertified`](Method::Uncertified) | XX | nothing, as a station; its maker's anchor, as a device that is being made | 36, 97, 217 |
//!
//! Nothing is negotiated: what the first message says of method, suite, kind and window, the other side is built for or refuses, and
//! both mix it into the handshake. `docs/formats.md` has the bytes.

mod handshake;
mod side;

pub use handshake::{HALF_OPEN_MS, Handshake, LinkError};
pub(crate) use side::has_suite;
pub use side::{Judging, LabelSecret, MESSAGE_BYTES_MAX, Method, Own};

use medsec_core::identity::peer::ProvenPeer;
use medsec_core::identity::trust::Refusal;
use medsec_core::suite::Suite;

use crate::frame::{Channel, Counts, Opened, Outgoing, ReceiveError, Receiver, SendError, Sender};
use crate::noise::handshake_state::Role;

/// Bodies of frames about the link itself begin with one of these.
const CLOSE: u8 = 0x01;
const ALERT: u8 = 0x02;

/// Whether a peer is told: only one that an issuer of this side has certified is.
const fn is_told(refusal: &Refusal) -> bool {
    !matches!(refusal, Refusal::Issuer | Refusal::Signature)
}

/// What a message on a channel is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Message {
    /// The first of a handshake by certificates.
    Certified,
    /// The first of one by label.
    Labelled,
    /// The first of one by pins.
    Pinned,
    /// The first of one with a device that has no certificate yet.
    Uncertified,
    /// The answer to one of these.
    Second,
    /// The last of a handshake by certificates or label.
    Third,
    /// A frame.
    Frame,
}

impl Message {
    /// What begins with this byte; nothing does with others.
    #[must_use]
    pub const fn of(first: u8) -> Option<Self> {
        match first {
            1 => Some(Self::Certified),
            2 => Some(Self::Labelled),
            3 => Some(Self::Pinned),
            4 => Some(Self::Uncertified),
            handshake::SECOND => Some(Self::Second),
            handshake::THIRD => Some(Self::Third),
            0x80.. => Some(Self::Frame),
            _ => None,
        }
    }
}

/// A message of a handshake that was sent, to send it again as it is. Frames are not kept: none is sent twice.
#[derive(Debug)]
pub struct Kept {
    bytes: [u8; MESSAGE_BYTES_MAX],
    length: usize,
}

impl Kept {
    /// A copy of `message`.
    ///
    /// # Errors
    /// [`SendError::Length`]: it is longer than any of a handshake.
    pub fn of(message: &Outgoing<'_>) -> Result<Self, SendError> {
        let mut bytes = [0; MESSAGE_BYTES_MAX];
        let length = message.0.len();
        bytes.get_mut(..length).ok_or(SendError::Length)?.copy_from_slice(message.0);
        Ok(Self { bytes, length })
    }

    /// Writes it to the front of `out`.
    ///
    /// # Errors
    /// [`SendError::Length`]: `out` is shorter.
    pub fn write<'m>(&self, out: &'m mut [u8]) -> Result<Outgoing<'m>, SendError> {
        let from = self.bytes.get(..self.length).ok_or(SendError::Length)?;
        let to = out.get_mut(..self.length).ok_or(SendError::Length)?;
        to.copy_from_slice(from);
        Ok(Outgoing(to))
    }
}

/// What a frame said.
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Received<'m> {
    /// A part of a message, or all of it.
    Message(Opened<'m>),
    /// The peer has ended the link; all it said before has arrived if no number is missing.
    Closed,
    /// The peer does not take this side's certificate, and says why.
    Refused(Refusal),
}

/// A link with a proven peer.
///
/// # Limits
/// At most 256 bytes beside the ciphers, which are one to send, one to receive, and the one before it. 2^32 frames each way.
///
/// # Security
/// It lives in RAM only. Frames of others are counted and end nothing. As long as [`peer`](Self::peer) can still become somebody, the peer
/// speaks first, and a link that there was is not given up for this one: what it rests on can be a recording.
pub struct Link<S: Suite, const WORDS: usize> {
    sender: Sender<S, WORDS>,
    receiver: Receiver<S, WORDS>,
    peer: Option<ProvenPeer>,
    remote_static: [u8; 32],
    handshake_hash: [u8; 32],
    role: Role,
    is_confirmed: bool,
    /// This side has ended it.
    is_over: bool,
    /// The peer has ended it.
    is_ended: bool,
}

impl<S: Suite, const WORDS: usize> Link<S, WORDS> {
    /// Who is at the other end; none if it knows the label and nothing else, or has no certificate yet; and none yet before its first frame, if only
    /// that shows that it knows the label, or is no recording.
    #[must_use]
    pub const fn peer(&self) -> Option<&ProvenPeer> {
        if self.is_confirmed { self.peer.as_ref() } else { None }
    }

    /// Whether the peer has shown all that it can show.
    #[must_use]
    pub const fn is_confirmed(&self) -> bool {
        self.is_confirmed
    }

    /// The key that the peer has proved: what it says of itself later, on a link by label or of a device without a certificate, is to be for
    /// this key.
    #[must_use]
    pub const fn remote_static(&self) -> &[u8; 32] {
        &self.remote_static
    }

    /// Names the link: the same on both sides, another in each run.
    #[must_use]
    pub const fn handshake_hash(&self) -> &[u8; 32] {
        &self.handshake_hash
    }

    /// What was dropped or missed.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.receiver.counts()
    }

    /// Whether the peer has said that it ends the link. If the channel below ends before, what it said last may be missing.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Seals a part of a message to the front of `out`.
    ///
    /// # Errors
    /// [`SendError`], as it says. [`Channel::Control`] is the link's own, and [`SendError::Over`].
    pub fn seal<'m>(
        &mut self,
        channel: Channel,
        is_last: bool,
        body: &[u8],
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, SendError> {
        if self.is_over || self.is_ended || channel == Channel::Control {
            return Err(SendError::Over);
        }
        if !self.is_confirmed {
            return Err(SendError::Unconfirmed);
        }
        self.sender.seal(channel, is_last, body, out)
    }

    /// Opens a frame in place.
    ///
    /// # Errors
    /// [`ReceiveError`], as it says; [`ReceiveError::Replayed`] for any frame once the peer has ended the link.
    pub fn open<'m>(&mut self, frame: &'m mut [u8]) -> Result<Received<'m>, ReceiveError> {
        if self.is_ended {
            return Err(ReceiveError::Replayed);
        }
        let opened = self.receiver.open(frame)?;
        self.is_confirmed = true;
        if opened.channel != Channel::Control {
            return Ok(Received::Message(opened));
        }
        let received = match *opened.body {
            _ if !opened.is_last => None,
            [CLOSE] => Some(Received::Closed),
            // A responder has said nothing before, and an initiator refuses before there is a link.
            [ALERT, code] if self.role == Role::Initiator && opened.number == 0 => {
                Refusal::of(code).filter(is_told).map(Received::Refused)
            }
            _ => None,
        };
        self.is_ended = received.is_some();
        received.ok_or(ReceiveError::Unknown)
    }

    /// Ends the link on this side, and tells the peer in a frame.
    ///
    /// # Errors
    /// [`SendError`], as it says.
    pub fn close<'m>(&mut self, out: &'m mut [u8]) -> Result<Outgoing<'m>, SendError> {
        if self.is_over || self.is_ended {
            return Err(SendError::Over);
        }
        if !self.is_confirmed {
            return Err(SendError::Unconfirmed);
        }
        let frame = self.sender.seal(Channel::Control, true, &[CLOSE], out)?;
        self.is_over = true;
        Ok(frame)
    }
}

impl<S: Suite, const WORDS: usize> core::fmt::Debug for Link<S, WORDS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Link").field("peer", &self.peer()).finish_non_exhaustive()
    }
}
