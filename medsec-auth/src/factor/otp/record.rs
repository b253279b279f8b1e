//! What is kept of a one-time password device.

use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Reader, Writer};
use medsec_core::hal::EntropySource;
use medsec_core::rng::{Random, RandomError};

/// Bytes of an [`Otp`].
pub const OTP_BYTES: usize = 48;

/// Shortest secret that is imported (RFC 4226 §4, R6).
pub const SECRET_BYTES_MIN: usize = 16;

const VERSION: u8 = 1;
const SECRET_BYTES_MAX: usize = 32;

/// The hash under the codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1, which RFC 4226 has and every device knows. Its collisions are of no use against HMAC.
    Sha1,
    /// SHA-256 (RFC 6238 §1.2).
    Sha256,
}

impl Hash {
    /// Bytes of a secret: those of the hash (RFC 6238 §3, R6 of RFC 4226).
    #[must_use]
    pub const fn secret_bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::Sha1 => 1,
            Self::Sha256 => 2,
        }
    }
}

/// How many digits a code has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Digits {
    /// 6
    Six,
    /// 7
    Seven,
    /// 8
    Eight,
}

impl Digits {
    /// The number.
    #[must_use]
    pub const fn count(self) -> u8 {
        match self {
            Self::Six => 6,
            Self::Seven => 7,
            Self::Eight => 8,
        }
    }

    pub(super) const fn modulus(self) -> u32 {
        match self {
            Self::Six => 1_000_000,
            Self::Seven => 10_000_000,
            Self::Eight => 100_000_000,
        }
    }
}

/// What moves from one code to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Moving {
    /// HOTP: a counter. The next `ahead` steps match.
    Counter {
        /// 3, 5 or 10.
        ahead: u8,
    },
    /// TOTP: the time. The present step matches, and so many on either side.
    Time {
        /// 30 or 60 seconds a step.
        period_seconds: u8,
        /// 1 or 2 steps on either side.
        window: u8,
    },
}

/// How codes are made and looked for. Only combinations that may be used exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings {
    moving: Moving,
    hash: Hash,
    digits: Digits,
}

impl Settings {
    /// What every authenticator application takes: SHA-1, 6 digits, 30 seconds; one step on either side.
    pub const TOTP: Self = Self {
        moving: Moving::Time { period_seconds: 30, window: 1 },
        hash: Hash::Sha1,
        digits: Digits::Six,
    };

    /// SHA-1, 6 digits, ten steps ahead.
    pub const HOTP: Self =
        Self { moving: Moving::Counter { ahead: 10 }, hash: Hash::Sha1, digits: Digits::Six };

    /// Settings; none if the numbers of `moving` are not among those it lists.
    #[must_use]
    pub const fn new(moving: Moving, hash: Hash, digits: Digits) -> Option<Self> {
        // Any two values of one byte differ in at least two bits.
        let is_legal = match moving {
            Moving::Counter { ahead } => matches!(ahead, 3 | 5 | 10),
            Moving::Time { period_seconds, window } => {
                matches!(period_seconds, 30 | 60) && matches!(window, 1 | 2)
            }
        };
        if is_legal { Some(Self { moving, hash, digits }) } else { None }
    }

    /// What moves.
    #[must_use]
    pub const fn moving(self) -> Moving {
        self.moving
    }

    /// The hash.
    #[must_use]
    pub const fn hash(self) -> Hash {
        self.hash
    }

    /// The digits.
    #[must_use]
    pub const fn digits(self) -> Digits {
        self.digits
    }
}

/// Why a secret was not imported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// Below [`SECRET_BYTES_MIN`] bytes.
    TooShort,
    /// Longer than [`Hash::secret_bytes`].
    TooLong,
    /// All bytes are equal: no secret at all.
    Constant,
}

impl core::fmt::Display for ImportError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooShort => "secret of one-time passwords is too short",
            Self::TooLong => "secret of one-time passwords is too long",
            Self::Constant => "secret of one-time passwords is one byte over and over",
        })
    }
}

impl core::error::Error for ImportError {}

/// Why bytes are no [`Otp`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OtpError {
    /// Not of its length.
    Length,
    /// Another version.
    Version,
    /// Kind, hash, digits, period or window that are none.
    Settings,
    /// A byte that has no meaning is not zero.
    Reserved,
    /// The secret is none.
    Secret,
}

impl core::fmt::Display for OtpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Length => "record of one-time passwords has another length",
            Self::Version => "record of one-time passwords has another version",
            Self::Settings => "record of one-time passwords has settings that are none",
            Self::Reserved => "reserved byte is not zero",
            Self::Secret => "record of one-time passwords has no secret",
        })
    }
}

impl core::error::Error for OtpError {}

impl From<DecodeError> for OtpError {
    fn from(error: DecodeError) -> Self {
        if error == DecodeError::Reserved { Self::Reserved } else { Self::Length }
    }
}

/// What is kept of a one-time password device: its settings and the secret it shares with this device.
///
/// # Security
/// Who reads it makes codes. It is kept sealed; [`Otp::key`] is shown once, to the person it is enrolled for.
pub struct Otp {
    settings: Settings,
    /// Zeros behind the key: HMAC pads a key with them, so a shorter key that was imported is the same key.
    secret: Secret<SECRET_BYTES_MAX>,
}

impl Otp {
    /// A fresh secret.
    ///
    /// # Errors
    /// [`RandomError`]: there is no randomness for keys.
    pub fn generate<E: EntropySource>(
        settings: Settings,
        random: &mut Random<E>,
    ) -> Result<Self, RandomError> {
        let mut secret = Secret::new([0; SECRET_BYTES_MAX]);
        if let Some(key) = secret.expose_mut().get_mut(..settings.hash.secret_bytes()) {
            random.fill(key)?;
        }
        Ok(Self { settings, secret })
    }

    /// The secret of a hardware device, from its maker. A key shorter than the hash's is padded with zeros, as HMAC does.
    ///
    /// # Errors
    /// [`ImportError`], as it says.
    pub fn import(settings: Settings, key: &[u8]) -> Result<Self, ImportError> {
        if key.len() < SECRET_BYTES_MIN {
            return Err(ImportError::TooShort);
        }
        if key.len() > settings.hash.secret_bytes() {
            return Err(ImportError::TooLong);
        }
        let mut secret = Secret::new([0; SECRET_BYTES_MAX]);
        for (to, from) in secret.expose_mut().iter_mut().zip(key) {
            *to = *from;
        }
        if is_constant(key) { Err(ImportError::Constant) } else { Ok(Self { settings, secret }) }
    }

    /// Reads a record.
    ///
    /// # Trust
    /// The bytes are those of a store that has authenticated them.
    ///
    /// # Errors
    /// [`OtpError`], as it says.
    pub fn parse(bytes: &[u8]) -> Result<Self, OtpError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != VERSION {
            return Err(OtpError::Version);
        }
        let [kind, hash, digits, period_seconds, window] = reader.array()?;
        let moving = match (kind, period_seconds) {
            (1, 0) => Moving::Counter { ahead: window },
            (2, _) => Moving::Time { period_seconds, window },
            _ => return Err(OtpError::Settings),
        };
        let hash = match hash {
            1 => Hash::Sha1,
            2 => Hash::Sha256,
            _ => return Err(OtpError::Settings),
        };
        let digits = match digits {
            6 => Digits::Six,
            7 => Digits::Seven,
            8 => Digits::Eight,
            _ => return Err(OtpError::Settings),
        };
        let settings = Settings::new(moving, hash, digits).ok_or(OtpError::Settings)?;
        reader.zeros(10)?;
        let mut secret = Secret::new([0; SECRET_BYTES_MAX]);
        let key = reader.bytes(hash.secret_bytes())?;
        for (to, from) in secret.expose_mut().iter_mut().zip(key) {
            *to = *from;
        }
        reader.zeros(SECRET_BYTES_MAX.saturating_sub(hash.secret_bytes()))?;
        reader.finish()?;
        if is_constant(key) { Err(OtpError::Secret) } else { Ok(Self { settings, secret }) }
    }

    /// The bytes that are stored.
    #[must_use]
    pub fn encode(&self) -> Secret<OTP_BYTES> {
        let (kind, period, window) = match self.settings.moving {
            Moving::Counter { ahead } => (1, 0, ahead),
            Moving::Time { period_seconds, window } => (2, period_seconds, window),
        };
        let (hash, digits) = (self.settings.hash.code(), self.settings.digits.count());
        let mut bytes = Secret::new([0; OTP_BYTES]);
        let mut writer = Writer::new(bytes.expose_mut());
        // They fit: 6, 10 and 32 bytes.
        [&[VERSION, kind, hash, digits, period, window][..], &[0; 10], self.secret.expose()]
            .iter()
            .try_for_each(|part| writer.bytes(part))
            .unwrap_or_default();
        bytes
    }

    /// How codes are made and looked for.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        self.settings
    }

    /// The secret, to be shown once to the person it is enrolled for.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.secret.expose().get(..self.settings.hash.secret_bytes()).unwrap_or_default()
    }
}

impl core::fmt::Debug for Otp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Otp")
    }
}

/// Whether all bytes are the first one.
fn is_constant(key: &[u8]) -> bool {
    key.iter().fold(0, |all, byte| all | (byte ^ key.first().unwrap_or(byte))) == 0
}
