//! Frames: what goes over a link once it is established. `docs/formats.md` has the layout.
//!
//! | `WORDS` | for | number on the wire | a lost frame | bytes beside the body |
//! |---|---|---|---|---|
//! | 0 | bytes that arrive in order and all: TCP, USB, acknowledged BLE | none | ends the link | 17 |
//! | 1 | datagrams that arrive late by up to 64 | 16 bits | is counted | 19 |
//! | 4 | the same, up to 256 | 16 bits | is counted | 19 |
//!
//! Each direction has its own key, which moves on after [`KEY_MESSAGES`] frames; the number says when, so nothing is agreed on the way.

use medsec_core::suite::{
    CipherState, MESSAGES_MAX, ReceiveKey, SealError, Suite, TAG_BYTES, Verified,
};

use crate::replay::{Stale, Window};

/// Frames under one key. No number that still counts lies further ahead, so a key ahead is the next one.
pub const KEY_MESSAGES: u64 = 1 << 15;

/// The bit that tells a frame from a message of a handshake.
const FRAME: u8 = 0x80;
/// More of the same message follows.
const MORE: u8 = 0x10;
const CHANNEL: u8 = 0x07;

/// What a frame is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Channel {
    /// The link itself.
    Control,
    /// The maker's application.
    App,
    /// The audit log.
    Audit,
    /// Updates.
    Update,
    /// Settings.
    Config,
    /// Time.
    Time,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Control, Self::App, Self::Audit, Self::Update, Self::Config, Self::Time];

    /// The three bits that stand for it. 6 and 7 stay unused.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Control => 0,
            Self::App => 1,
            Self::Audit => 2,
            Self::Update => 3,
            Self::Config => 4,
            Self::Time => 5,
        }
    }

    fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.code() == code)
    }
}

/// Bytes that may leave the device: sealed, or a message of a handshake. Nothing outside this crate makes one.
#[derive(Debug)]
pub struct Outgoing<'m>(pub(crate) &'m [u8]);

impl Outgoing<'_> {
    /// The bytes, for the wire.
    #[must_use]
    pub const fn bytes(&self) -> &[u8] {
        self.0
    }
}

/// Why no frame was sealed, or none goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The frame does not fit the buffer.
    Length,
    /// The link has sent as many frames as it may, or one of the sides has ended it.
    Over,
    /// The frame before is still on its way.
    Busy,
    /// The peer has to speak first: until then it is not proven ([`Link::peer`](crate::link::Link::peer)).
    Unconfirmed,
}

impl core::fmt::Display for SendError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "frame does not fit",
            Self::Over => "link is over",
            Self::Busy => "frame before is on its way",
            Self::Unconfirmed => "peer has not spoken yet",
        })
    }
}

impl core::error::Error for SendError {}

impl From<SealError> for SendError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::TooLong => Self::Length,
            SealError::NumberUsed | _ => Self::Over,
        }
    }
}

/// Why a frame was dropped. But for [`Unknown`](Self::Unknown) nothing moved: the next frame of the peer opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReceiveError {
    /// No frame: too short, or a bit is set that has no meaning.
    Layout,
    /// Its number was received before, or lies too far back.
    Replayed,
    /// Not sealed by the peer, or changed since.
    Forged,
    /// The peer says something of the link itself that this side does not know. Its number was taken.
    Unknown,
}

impl core::fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Layout => "no frame",
            Self::Replayed => "replayed",
            Self::Forged => "forged",
            Self::Unknown => "unknown",
        })
    }
}

impl core::error::Error for ReceiveError {}

/// Bytes that a frame has beside its body.
#[must_use]
pub const fn overhead<const WORDS: usize>() -> usize {
    let number = if WORDS == 0 { 0 } else { 2 };
    1_usize.saturating_add(number).saturating_add(TAG_BYTES)
}

/// Seals frames of one direction.
pub struct Sender<S: Suite, const WORDS: usize> {
    cipher: CipherState<S>,
}

impl<S: Suite, const WORDS: usize> Sender<S, WORDS> {
    /// The sending end of a key that a handshake has made.
    #[must_use]
    pub const fn new(cipher: CipherState<S>) -> Self {
        Self { cipher }
    }

    /// Seals `body` to the front of `out`.
    ///
    /// `is_last` says that the message on this channel ends with it.
    ///
    /// # Errors
    /// [`SendError`], as it says; no number was used then.
    pub fn seal<'m>(
        &mut self,
        channel: Channel,
        is_last: bool,
        body: &[u8],
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, SendError> {
        let number = self.cipher.number();
        let length = body.len().checked_add(overhead::<WORDS>()).ok_or(SendError::Length)?;
        let frame = out.get_mut(..length).ok_or(SendError::Length)?;
        if number >= MESSAGES_MAX {
            return Err(SendError::Over);
        }
        if number > 0 && number.is_multiple_of(KEY_MESSAGES) {
            self.cipher.rekey()?;
        }
        let more = if is_last { 0 } else { MORE };
        let first = FRAME | more | channel.code();
        let [low, high, ..] = number.to_le_bytes();
        let header = [first, low, high];
        let (header, _) = header.split_at_checked(header_bytes::<WORDS>()).unwrap_or_default();
        let (front, rest) = frame.split_at_mut_checked(header.len()).ok_or(SendError::Length)?;
        front.copy_from_slice(header);
        let (text, tag) = rest.split_last_chunk_mut::<TAG_BYTES>().ok_or(SendError::Length)?;
        text.copy_from_slice(body);
        *tag = self.cipher.encrypt_with_ad(header, text)?;
        Ok(Outgoing(frame))
    }

    /// Frames sealed so far.
    #[must_use]
    pub const fn sealed(&self) -> u64 {
        self.cipher.number()
    }
}

/// What a receiver has dropped or missed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Numbers that were skipped and did not come later.
    pub lost: u32,
    /// Frames whose number had come before, or lay too far back.
    pub replayed: u32,
    /// Frames that the peer did not seal.
    pub forged: u32,
}

/// A frame that was opened.
#[derive(PartialEq, Eq, Debug)]
pub struct Opened<'m> {
    /// What it is about.
    pub channel: Channel,
    /// Whether its message ends with it.
    pub is_last: bool,
    /// Its number: that of a frame before and 1, or higher if frames between are missing.
    pub number: u64,
    /// What it says.
    pub body: &'m mut [u8],
}

/// Opens frames of one direction.
///
/// # Security
/// What cannot be opened moves nothing, so nobody without the key can shift the window or end the link.
pub struct Receiver<S: Suite, const WORDS: usize> {
    key: ReceiveKey<S>,
    /// The key before, as long as a number below the present key's first still counts.
    before: Option<ReceiveKey<S>>,
    window: Window<WORDS>,
    counts: Counts,
}

impl<S: Suite, const WORDS: usize> Receiver<S, WORDS> {
    /// The receiving end of a key that a handshake has made.
    #[must_use]
    pub fn new(cipher: CipherState<S>) -> Self {
        let counts = Counts::default();
        Self { key: cipher.into_receiver(), before: None, window: Window::new(), counts }
    }

    /// What was dropped or missed so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// One above the highest number that was opened.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.window.next()
    }

    /// Opens a frame in place.
    ///
    /// # Errors
    /// [`ReceiveError`], as it says; it is counted, and nothing else changed.
    pub fn open<'m>(&mut self, frame: &'m mut [u8]) -> Result<Opened<'m>, ReceiveError> {
        let opened = self.try_open(frame);
        let count = match opened {
            Ok(_) | Err(ReceiveError::Layout | ReceiveError::Unknown) => None,
            Err(ReceiveError::Replayed) => Some(&mut self.counts.replayed),
            Err(ReceiveError::Forged) => Some(&mut self.counts.forged),
        };
        if let Some(count) = count {
            *count = count.saturating_add(1);
        }
        opened
    }

    fn try_open<'m>(&mut self, frame: &'m mut [u8]) -> Result<Opened<'m>, ReceiveError> {
        let bytes = header_bytes::<WORDS>();
        let (header, rest) = frame.split_at_mut_checked(bytes).ok_or(ReceiveError::Layout)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG_BYTES>().ok_or(ReceiveError::Layout)?;
        let (first, number) = header.split_first().ok_or(ReceiveError::Layout)?;
        if first & !(MORE | CHANNEL) != FRAME {
            return Err(ReceiveError::Layout);
        }
        let channel = Channel::of(first & CHANNEL).ok_or(ReceiveError::Layout)?;
        let is_last = first & MORE == 0;
        let number = match number {
            [low, high] => self.whole(u16::from_le_bytes([*low, *high])),
            _ => Some(self.window.next()),
        };
        let number = number.ok_or(ReceiveError::Replayed)?;
        self.window.check(number).map_err(|_: Stale| ReceiveError::Replayed)?;
        self.decrypt(number, header, text, tag)?;
        Ok(Opened { channel, is_last, number, body: text })
    }

    /// Decrypts under the key of the number, and counts the number once that has shown who sealed it.
    fn decrypt(
        &mut self,
        number: u64,
        header: &[u8],
        text: &mut [u8],
        tag: &[u8; TAG_BYTES],
    ) -> Result<(), ReceiveError> {
        let present = age(self.window.next().saturating_sub(1));
        let ahead = if age(number) > present {
            Some(self.key.following().map_err(|_: SealError| ReceiveError::Forged)?)
        } else {
            None
        };
        let key = match (&ahead, &self.before) {
            (Some(ahead), _) => ahead,
            (None, Some(before)) if age(number) < present => before,
            (None, _) => &self.key,
        };
        let verified = key.decrypt(number, header, text, tag).map_err(|_| ReceiveError::Forged)?;
        if let Some(ahead) = ahead {
            self.before = Some(core::mem::replace(&mut self.key, ahead));
        }
        self.count(&verified);
        // Once no number under it counts, the key before is of no use but to a thief.
        let first = age(self.window.next().saturating_sub(1)).saturating_mul(KEY_MESSAGES);
        if self.window.next().saturating_sub(Window::<WORDS>::reach()) >= first {
            self.before = None;
        }
        Ok(())
    }

    fn count(&mut self, verified: &Verified) {
        let (number, next) = (verified.number(), self.window.next());
        let skipped = u32::try_from(number.saturating_sub(next)).unwrap_or(u32::MAX);
        let late = u32::from(number < next);
        self.counts.lost = self.counts.lost.saturating_add(skipped).saturating_sub(late);
        self.window.commit(verified);
    }

    /// The number nearest to the next one that ends in these 16 bits (RFC 9147 §4.2.2); none below 0.
    fn whole(&self, low: u16) -> Option<u64> {
        let next = self.window.next();
        let [first, second, ..] = next.to_le_bytes();
        let ahead = low.wrapping_sub(u16::from_le_bytes([first, second]));
        if ahead < 1 << 15 {
            next.checked_add(u64::from(ahead))
        } else {
            next.checked_sub(u64::from(ahead.wrapping_neg()))
        }
    }
}

/// Which key of a direction a number belongs to.
const fn age(number: u64) -> u64 {
    number / KEY_MESSAGES
}

/// Bytes before the body.
const fn header_bytes<const WORDS: usize>() -> usize {
    if WORDS == 0 { 1 } else { 3 }
}

impl<S: Suite, const WORDS: usize> core::fmt::Debug for Sender<S, WORDS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sender").field("sealed", &self.sealed()).finish_non_exhaustive()
    }
}

impl<S: Suite, const WORDS: usize> core::fmt::Debug for Receiver<S, WORDS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Receiver").field("next", &self.next()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use medsec_core::Secret;
    use medsec_core::suite::ChaCha20Poly1305;

    use super::*;

    /// Whether a receiver still has the key before, after each of these numbers under the second one, each of a new receiver.
    fn keeps<const WORDS: usize>(numbers: &[u64]) -> Vec<bool> {
        let key = Secret::new([1; 32]);
        let kept = |number| {
            let mut sender = Sender::<ChaCha20Poly1305, WORDS>::new(CipherState::new(&key));
            let mut receiver = Receiver::<ChaCha20Poly1305, WORDS>::new(CipherState::new(&key));
            let mut frame = [0; 19];
            while receiver.next() <= number {
                let sealed = sender.seal(Channel::App, true, b"", &mut frame);
                let length = sealed.unwrap().bytes().len();
                let is_before = sender.sealed() <= KEY_MESSAGES;
                if WORDS == 0 || is_before || sender.sealed() > number {
                    receiver.open(&mut frame[..length]).unwrap();
                }
            }
            receiver.before.is_some()
        };
        numbers.iter().map(|number| kept(*number)).collect()
    }

    /// A thief of a receiver opens nothing that came more than a window ago: not in order, and not after the longest silence.
    #[test]
    fn the_key_before_goes_with_the_last_number_under_it() {
        let first = KEY_MESSAGES;
        let last = 2 * KEY_MESSAGES - 1;
        assert_eq!(keeps::<0>(&[first - 1, first, last]), [false; 3]);
        let expected = [false, true, true, false, false];
        assert_eq!(keeps::<1>(&[first - 1, first, first + 62, first + 63, last]), expected);
        assert_eq!(keeps::<4>(&[first - 1, first, first + 254, first + 255, last]), expected);
    }
}
