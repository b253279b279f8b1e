//! First messages are looked at before they cost anything.
//!
//! Each that a responder takes costs it agreements, milliseconds each. So the owner's tools and devices share an admission key, and a first
//! message is followed by 16 bytes that only a holder of the key can make. Without them it costs one MAC and is dropped in silence. With
//! them few are taken in a time, and none again as long as it is remembered.
//!
//! # Security
//! The key keeps floods out; it proves nobody. Who has it, or has recorded more first messages than [`SEEN`] or from before this boot, can
//! use up the tokens and so hold up new links. Links that there are do not notice.

use medsec_core::Secret;
use medsec_core::key::{Label, MacKey};
use medsec_core::suite::TAG_BYTES;
use medsec_core::time::Ticks;

use crate::frame::{Outgoing, SendError};

/// Bytes of the longest first message.
const FIRST_BYTES_MAX: usize = 52;

/// First messages that are taken at once.
pub const TOKENS_MAX: u8 = 4;
/// Milliseconds until there is one more.
pub const TOKEN_MS: u64 = 1_000;
/// First messages that are remembered, and not taken again.
pub const SEEN: usize = 32;

/// What the owner's tools and devices share.
pub struct AdmissionKey(MacKey);

impl AdmissionKey {
    /// The key under the admission secret that the device was given when it was claimed.
    #[must_use]
    pub fn derive(secret: &Secret<32>) -> Self {
        Self(MacKey::derive(secret, Label::LinkAdmission))
    }

    /// Writes `first`, the first message of a handshake, and its tag to the front of `out`.
    ///
    /// # Errors
    /// [`SendError::Length`]: `out` is shorter than that.
    pub fn append<'m>(
        &self,
        first: &Outgoing<'_>,
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, SendError> {
        let length = first.0.len();
        let (front, rest) = out.split_at_mut_checked(length).ok_or(SendError::Length)?;
        front.copy_from_slice(first.0);
        *rest.first_chunk_mut().ok_or(SendError::Length)? = self.tag(first.0);
        out.get(..length.saturating_add(TAG_BYTES)).map(Outgoing).ok_or(SendError::Length)
    }

    /// The 16 bytes that follow a first message.
    #[must_use]
    pub fn tag(&self, first: &[u8]) -> [u8; TAG_BYTES] {
        self.0.tag(&[first])
    }
}

impl core::fmt::Debug for AdmissionKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AdmissionKey")
    }
}

/// Why a first message is dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AdmissionError {
    /// Not from a holder of the admission key.
    Stranger,
    /// Taken before.
    Seen,
    /// Too many in this time.
    Busy,
}

impl core::fmt::Display for AdmissionError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Stranger => "not from a holder of the admission key",
            Self::Seen => "taken before",
            Self::Busy => "too many first messages",
        })
    }
}

impl core::error::Error for AdmissionError {}

/// Lets few first messages in.
///
/// # Limits
/// At most 272 bytes of RAM. A call costs one MAC, and no agreement.
#[derive(Debug)]
pub struct Limiter {
    tokens: u8,
    /// When the last token came.
    since: Ticks,
    /// The front of the MACs of what was taken last, the newest first.
    seen: [u64; SEEN],
}

impl Limiter {
    /// A limiter with all its tokens.
    #[must_use]
    pub const fn new(now: Ticks) -> Self {
        Self { tokens: TOKENS_MAX, since: now, seen: [0; SEEN] }
    }

    /// Lets a first message in, and returns it without its tag.
    ///
    /// # Errors
    /// [`AdmissionError`], as it says. Strangers use up nothing.
    pub fn admit<'m>(
        &mut self,
        key: &AdmissionKey,
        now: Ticks,
        message: &'m mut [u8],
    ) -> Result<&'m mut [u8], AdmissionError> {
        let (first, tag) =
            message.split_last_chunk_mut::<TAG_BYTES>().ok_or(AdmissionError::Stranger)?;
        if first.len() > FIRST_BYTES_MAX {
            return Err(AdmissionError::Stranger);
        }
        key.0.verify(&[first], tag).map_err(|_| AdmissionError::Stranger)?;
        let [front @ .., _, _, _, _, _, _, _, _] = *tag;
        let mark = u64::from_le_bytes(front);
        if self.seen.contains(&mark) {
            return Err(AdmissionError::Seen);
        }
        self.take(now)?;
        self.seen.rotate_right(1);
        if let Some(newest) = self.seen.first_mut() {
            *newest = mark;
        }
        Ok(first)
    }

    /// Takes a token: for a first message from which no admission key can be asked, because the device has no owner yet.
    ///
    /// # Errors
    /// [`AdmissionError::Busy`]: there is none.
    pub fn take(&mut self, now: Ticks) -> Result<(), AdmissionError> {
        let due = now.millis_since(self.since) / TOKEN_MS;
        if due > 0 {
            let due = u8::try_from(due).unwrap_or(u8::MAX);
            self.tokens = self.tokens.saturating_add(due).min(TOKENS_MAX);
            // What of the next token has passed already, counts.
            let passed = u64::from(due).saturating_mul(TOKEN_MS);
            let since = Ticks::from_millis(self.since.as_millis().saturating_add(passed));
            self.since = if self.tokens == TOKENS_MAX { now } else { since };
        }
        self.tokens = self.tokens.checked_sub(1).ok_or(AdmissionError::Busy)?;
        Ok(())
    }
}
