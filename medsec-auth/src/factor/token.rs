//! The possession factor of a token that signs (Ed25519): a challenge of this device, for one person, link and act.
//!
//! # Message
//! The token signs the context `medsec/v1/auth/token`, padded with zeros to 32 bytes, and these 93 bytes, little-endian:
//!
//! | offset | size | name | meaning |
//! |---|---|---|---|
//! | 0 | 16 | device id | of the device that asks |
//! | 16 | 32 | nonce | fresh from the device |
//! | 48 | 32 | binding | handshake hash of the link on which the answer comes; zeros at the device itself |
//! | 80 | 8 | principal | who is asked |
//! | 88 | 1 | intent | what for |
//! | 89 | 4 | permissions | mask of what it is for; zeros are none in particular |
//!
//! # Security
//! Nothing on the device makes an answer, so a dump of it is worth none. An answer is for one device, link, person and act: it cannot be
//! passed on to another. A person who holds a token without a screen, and is fooled into touching it at the right time, is not helped.
//!
//! The link's own key is no token: enrolment refuses a key that stands in a certificate, or the theft of one file would be two factors.

use core::hint::black_box;

use medsec_core::codec::{DecodeError, Reader, Writer};
use medsec_core::hal::EntropySource;
use medsec_core::key::{Context, KID_BYTES, PublicKey, SIGNATURE_BYTES};
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::NotAuthentic;
use medsec_core::time::Ticks;

use crate::verdict::{Verdict, word};

/// Bytes of a [`Token`].
pub const TOKEN_BYTES: usize = 48;

/// Bytes of what is signed beside the context.
pub const MESSAGE_BYTES: usize = 93;

/// For how long an answer is waited for, in milliseconds.
pub const CHALLENGE_MS_MAX: u64 = 60_000;

const VERSION: u8 = 1;
/// Ed25519.
const KIND: u8 = 1;

/// The base point of the curve (RFC 8032 §5.1), in place of a key that there is not. Anyone can sign under it.
const NOBODY: [u8; 32] = {
    let mut key = [0x66; 32];
    let [first, ..] = &mut key;
    *first = 0x58;
    key
};

/// Why bytes are no [`Token`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TokenError {
    /// Not of its length.
    Length,
    /// Another version.
    Version,
    /// Another kind of key.
    Kind,
    /// A byte that has no meaning is not zero.
    Reserved,
    /// No key, or one with another id.
    Key,
}

impl core::fmt::Display for TokenError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "record of a token has another length",
            Self::Version => "record of a token has another version",
            Self::Kind => "record of a token has another kind of key",
            Self::Reserved => "reserved byte is not zero",
            Self::Key => "record of a token has no key, or one with another id",
        })
    }
}

impl core::error::Error for TokenError {}

impl From<DecodeError> for TokenError {
    fn from(error: DecodeError) -> Self {
        if error == DecodeError::Reserved { Self::Reserved } else { Self::Length }
    }
}

/// Why a token was not enrolled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EnrollError {
    /// No point of the curve, not its one encoding, or one of small order.
    Key,
    /// It stands in a certificate, or is another principal's token.
    Known,
}

impl core::fmt::Display for EnrollError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Key => "no key of a token",
            Self::Known => "key has another use already",
        })
    }
}

impl core::error::Error for EnrollError {}

/// What is kept of a token: its public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token(PublicKey);

impl Token {
    /// Takes a token's public key.
    ///
    /// `is_known` says whether a key has another use: that of an anchor, an issuer, the device, a peer whose certificate was
    /// seen, or of another principal's token.
    /// That the person holds the token is shown by an answer with [`Intent::Enroll`], before the record is stored.
    ///
    /// # Errors
    /// [`EnrollError`], as it says.
    pub fn enroll(
        key: &[u8; 32],
        is_known: impl FnOnce(&PublicKey) -> bool,
    ) -> Result<Self, EnrollError> {
        let key = PublicKey::parse(key).map_err(|_| EnrollError::Key)?;
        if is_known(&key) { Err(EnrollError::Known) } else { Ok(Self(key)) }
    }

    /// Reads a record.
    ///
    /// # Trust
    /// The bytes are those of a store that has authenticated them.
    ///
    /// # Errors
    /// [`TokenError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(TokenError::Version);
        }
        if reader.u8()? != KIND {
            return Err(TokenError::Kind);
        }
        reader.zeros(2)?;
        let kid: [u8; KID_BYTES] = reader.array()?;
        let key = PublicKey::parse(&reader.array()?).map_err(|_| TokenError::Key)?;
        reader.zeros(4)?;
        reader.finish()?;
        if key.kid() == kid { Ok(Self(key)) } else { Err(TokenError::Key) }
    }

    /// The bytes that are stored.
    #[must_use]
    pub fn encode(&self) -> [u8; TOKEN_BYTES] {
        let mut bytes = [0; TOKEN_BYTES];
        let mut writer = Writer::new(&mut bytes);
        // They fit: 4, 8 and 32 bytes, and 4 that stay zero.
        [&[VERSION, KIND, 0, 0][..], &self.0.kid(), &self.0.to_bytes()]
            .iter()
            .try_for_each(|part| writer.bytes(part))
            .unwrap_or_default();
        bytes
    }

    /// The id by which a token's key is named in records and events.
    #[must_use]
    pub fn kid(&self) -> [u8; KID_BYTES] {
        self.0.kid()
    }
}

/// What a person answers for. A token with a screen shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Intent {
    /// A session begins.
    LogIn,
    /// A session that goes on is allowed more.
    StepUp,
    /// A second person agrees to what the first asked for.
    Approve,
    /// The token is enrolled.
    Enroll,
}

impl Intent {
    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::LogIn => 1,
            Self::StepUp => 2,
            Self::Approve => 3,
            Self::Enroll => 4,
        }
    }
}

/// Whom and what an answer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The device's id.
    pub device: [u8; 16],
    /// The handshake hash of the link on which the answer comes; zeros at the device itself.
    pub binding: [u8; 32],
    /// Who is asked.
    pub principal: [u8; 8],
    /// What for.
    pub intent: Intent,
    /// Mask of the permissions it is for; zero is none in particular.
    pub permissions: u32,
}

impl Request {
    /// What the token signs, beside the context.
    #[must_use]
    pub fn message(&self, nonce: &[u8; 32]) -> [u8; MESSAGE_BYTES] {
        let mut bytes = [0; MESSAGE_BYTES];
        let mut writer = Writer::new(&mut bytes);
        let (intent, permissions) = ([self.intent.code()], self.permissions.to_le_bytes());
        let parts: [&[u8]; 6] =
            [&self.device, nonce, &self.binding, &self.principal, &intent, &permissions];
        // They fit: 16, 32, 32, 8, 1 and 4 bytes.
        parts.iter().try_for_each(|part| writer.bytes(part)).unwrap_or_default();
        bytes
    }
}

/// What was asked, once. It lies in RAM, is gone with the boot, and there is no `Clone`.
///
/// ```compile_fail,E0382
/// use medsec_auth::factor::token::{Challenge, Request, Token};
/// use medsec_core::time::Ticks;
/// fn twice(challenge: Challenge, token: Token, answer: [u8; 64], request: Request, now: Ticks) {
///     let _ = challenge.verify(Some(&token), &answer, &request, now, &[0; 32]);
///     let _ = challenge.verify(Some(&token), &answer, &request, now, &[0; 32]);
/// }
/// ```
pub struct Challenge {
    request: Request,
    nonce: [u8; 32],
    from: Ticks,
}

impl Challenge {
    /// Asks.
    ///
    /// # Errors
    /// [`RandomError`]: there is no fresh nonce, and nothing is asked.
    pub fn ask<E: EntropySource>(
        request: Request,
        random: &mut Random<E>,
        now: Ticks,
    ) -> Result<Self, RandomError> {
        let mut nonce = [0; 32];
        random.fill(&mut nonce)?;
        Ok(Self { request, nonce, from: now })
    }

    /// The nonce, which is no secret, to be sent to the token's holder.
    #[must_use]
    pub const fn nonce(&self) -> &[u8; 32] {
        &self.nonce
    }

    /// Whether an answer is still waited for. Ticks that went back are no time that is left.
    #[must_use]
    pub fn is_open(&self, now: Ticks) -> bool {
        now >= self.from && now.millis_since(self.from) < CHALLENGE_MS_MAX
    }

    /// Whether `answer` is the token's to this challenge, and the challenge is for `request`: for the link that the answer came on, and the
    /// person and act that it is about to count for. Without a token, the principal is not known or has none.
    ///
    /// The attempt is on the flash before this is called, and `blind` says whether it is ([the module above](super)). The
    /// challenge is used up by it.
    ///
    /// # Trust
    /// The answer is the attacker's; the request is what the device knows of its own.
    ///
    /// # Limits
    /// Two signatures to verify; none if it is late or for something else, which the attacker knows.
    /// Without a token a key is parsed besides, as a known one is when its record is read.
    pub fn verify(
        self,
        token: Option<&Token>,
        answer: &[u8; SIGNATURE_BYTES],
        request: &Request,
        now: Ticks,
        blind: &[u8; 32],
    ) -> Verdict {
        if !self.is_open(now) || self.request != *request {
            return Verdict::no();
        }
        // Nobody has no token: what is verified in its place counts for nothing.
        let (key, refused) = match token {
            Some(Token(key)) => (*key, 0),
            None => match PublicKey::parse(&NOBODY) {
                Ok(key) => (key, u32::MAX),
                Err(NotAuthentic) => return Verdict::no(),
            },
        };
        let shown = Shown { key, refused, answer, blind };
        let first = asked(black_box(&self), black_box(&shown));
        let second = present(black_box(&self), black_box(&shown), black_box(request));
        Verdict::join(first, second)
    }

    /// The nonce that is verified: another one if the attempt is not on the flash.
    fn blinded(&self, blind: &[u8; 32]) -> [u8; 32] {
        let mut nonce = self.nonce;
        for (nonce, blind) in nonce.iter_mut().zip(black_box(blind)) {
            *nonce ^= blind;
        }
        nonce
    }
}

impl core::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Challenge")
    }
}

/// What is verified.
struct Shown<'a> {
    key: PublicKey,
    /// All ones if the key is nobody's, else zero.
    refused: u32,
    answer: &'a [u8; SIGNATURE_BYTES],
    blind: &'a [u8; 32],
}

/// The first evaluation: the message as it was asked for.
#[inline(never)]
fn asked(challenge: &Challenge, shown: &Shown<'_>) -> u32 {
    let message = challenge.request.message(&challenge.blinded(shown.blind));
    // A no unless the signature says otherwise.
    let mut difference = u32::MAX;
    if shown.key.verify(Context::AuthToken, &[&message], shown.answer).is_ok() {
        difference = black_box(0);
    }
    word(difference | black_box(shown.refused))
}

/// The second evaluation: the message as the device knows itself now, key and all read again.
#[inline(never)]
fn present(challenge: &Challenge, shown: &Shown<'_>, request: &Request) -> u32 {
    let message = request.message(&challenge.blinded(shown.blind));
    let refused = black_box(shown.refused);
    match shown.key.verify(Context::AuthToken, &[&message], shown.answer) {
        Ok(()) => word(refused),
        Err(NotAuthentic) => word(!black_box(0) | refused),
    }
}
