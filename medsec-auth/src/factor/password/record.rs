//! What is kept of a secret.

use medsec_core::Secret;
use medsec_core::codec::DecodeError;
use medsec_core::codec::{Reader, Writer};

use super::stretch::Stretch;

/// Bytes of a [`Knowledge`].
pub const KNOWLEDGE_BYTES: usize = 56;

/// Bytes before the salt. All of them are Argon2's associated data.
pub(super) const HEADER_BYTES: usize = 8;

const VERSION: u8 = 1;
/// Argon2id, version 0x13, one lane; then HMAC under the pepper.
const ALGORITHM: u8 = 1;
const FLAG_MUST_CHANGE: u8 = 0b01;

/// How long a secret had to be when it was enrolled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LengthClass {
    /// At least 15 characters: it may stand alone.
    OnlyFactor,
    /// At least 8 characters, beside a factor of another kind.
    BesideAnother,
    /// At least 6 characters, such as digits of a keypad, beside a factor of another kind.
    Pin,
}

impl LengthClass {
    /// Fewest characters.
    #[must_use]
    pub const fn characters_min(self) -> usize {
        match self {
            Self::OnlyFactor => 15,
            Self::BesideAnother => 8,
            Self::Pin => 6,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::OnlyFactor => 1,
            Self::BesideAnother => 2,
            Self::Pin => 3,
        }
    }
}

/// Why bytes are no [`Knowledge`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KnowledgeError {
    /// Not of its length.
    Length,
    /// Another version.
    Version,
    /// Another algorithm.
    Algorithm,
    /// Memory or passes that are not within the bounds of [`Stretch::new`].
    Stretch,
    /// No class of lengths.
    Class,
    /// A flag that is not defined.
    Flags,
}

impl core::fmt::Display for KnowledgeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "record of a secret has another length",
            Self::Version => "record of a secret has another version",
            Self::Algorithm => "record of a secret names another algorithm",
            Self::Stretch => "record of a secret asks for work out of bounds",
            Self::Class => "record of a secret has no class of lengths",
            Self::Flags => "record of a secret has an unknown flag",
        })
    }
}

impl core::error::Error for KnowledgeError {}

impl From<DecodeError> for KnowledgeError {
    fn from(_: DecodeError) -> Self {
        Self::Length
    }
}

/// What is kept of a secret: the salt and the verifier. Only [`super::Passwords::enroll`] and [`Knowledge::parse`] make one.
///
/// # Security
/// It is not the secret, and lets who also has the pepper guess it. It is kept sealed and is not shown.
pub struct Knowledge {
    pub(super) stretch: Stretch,
    pub(super) class: LengthClass,
    pub(super) must_change: bool,
    pub(super) salt: [u8; 16],
    pub(super) verifier: Secret<32>,
}

impl Knowledge {
    /// Reads a record.
    ///
    /// # Trust
    /// The bytes are those of a store that has authenticated them. What is asked for is bounded all the same.
    ///
    /// # Errors
    /// [`KnowledgeError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, KnowledgeError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(KnowledgeError::Version);
        }
        if reader.u8()? != ALGORITHM {
            return Err(KnowledgeError::Algorithm);
        }
        let (m_kib, passes) = (reader.u16()?, reader.u16()?);
        let stretch = Stretch::new(m_kib, passes).ok_or(KnowledgeError::Stretch)?;
        let class = match reader.u8()? {
            1 => LengthClass::OnlyFactor,
            2 => LengthClass::BesideAnother,
            3 => LengthClass::Pin,
            _ => return Err(KnowledgeError::Class),
        };
        let flags = reader.u8()?;
        if flags & !FLAG_MUST_CHANGE != 0 {
            return Err(KnowledgeError::Flags);
        }
        let salt = reader.array()?;
        let mut verifier = Secret::new([0; 32]);
        verifier.expose_mut().copy_from_slice(reader.bytes(32)?);
        reader.finish()?;
        let must_change = flags != 0;
        Ok(Self { stretch, class, must_change, salt, verifier })
    }

    /// The bytes that are stored.
    #[must_use]
    pub fn encode(&self) -> Secret<KNOWLEDGE_BYTES> {
        let mut bytes = Secret::new([0; KNOWLEDGE_BYTES]);
        let mut writer = Writer::new(bytes.expose_mut());
        // They fit: 8, 16 and 32 bytes.
        [&self.header()[..], &self.salt, self.verifier.expose()]
            .iter()
            .try_for_each(|part| writer.bytes(part))
            .unwrap_or_default();
        bytes
    }

    /// The bytes before the salt.
    pub(super) fn header(&self) -> [u8; HEADER_BYTES] {
        let [m_low, m_high] = self.stretch.m_kib().to_le_bytes();
        let [t_low, t_high] = self.stretch.passes().to_le_bytes();
        let flags = if self.must_change { FLAG_MUST_CHANGE } else { 0 };
        [VERSION, ALGORITHM, m_low, m_high, t_low, t_high, self.class.code(), flags]
    }

    /// The work of one guess.
    #[must_use]
    pub const fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// How long the secret had to be.
    #[must_use]
    pub const fn class(&self) -> LengthClass {
        self.class
    }

    /// Whether it opens nothing but its own change.
    #[must_use]
    pub const fn must_change(&self) -> bool {
        self.must_change
    }

    /// The record of nobody, over which an unknown principal's secret is stretched. Its verifier is that of no secret.
    pub(super) const fn nobody(stretch: Stretch) -> Self {
        Self {
            stretch,
            class: LengthClass::OnlyFactor,
            must_change: false,
            salt: [0x6E; 16],
            // Not zero: that is what a computation would leave which did not happen.
            verifier: Secret::new([0x9A; 32]),
        }
    }
}

impl core::fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Knowledge")
    }
}
