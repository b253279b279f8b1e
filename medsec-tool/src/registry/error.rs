//! Why a registry refused.

use crate::code::Code;
use crate::exit::Exit;
use crate::keyfile::KeyFileError;
use crate::registry::State;
use crate::untrusted::Untrusted;

/// Why a registry refused, or could not be used. After an error nothing has changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The transaction was used before, with other values.
    #[error("the transaction was used before, with other values")]
    Transaction,
    /// A public key is in the registry: a random source repeats itself, and the batch has to stop.
    #[error(
        "a public key of the unit is in the registry already: stop the batch, a random source repeats itself"
    )]
    Key,
    /// The chip is that of another unit.
    #[error("the chip is that of another unit")]
    Chip,
    /// The serial number is that of another unit.
    #[error("the serial number is that of another unit")]
    Serial,
    /// The device id is that of another unit.
    #[error("the device id is that of another unit")]
    DeviceId,
    /// The number of the certificate is another unit's.
    #[error("the number of the certificate is that of another")]
    CertificateNumber,
    /// The claim code was used before.
    #[error("the claim code was used before")]
    ClaimCode,
    /// The device id is not that of model and key, or a key is none.
    #[error("the device id is not that of the model and the key, or a key is none")]
    OddUnit,
    /// Nobody was named who certifies.
    #[error("nobody was named who certifies")]
    NoIssuer,
    /// The issuer has no number left.
    #[error("the issuer has no number left for a certificate")]
    NumbersUsedUp,
    /// No unit has this transaction or serial number.
    #[error("no such unit is in the registry")]
    UnknownUnit,
    /// The unit is in a state in which this is not done.
    #[error("the unit is {is}")]
    State {
        /// The state.
        is: State,
    },
    /// The unit has no certificate yet.
    #[error("the unit has no certificate yet")]
    NotCertified,
    /// The unit has no claim code yet.
    #[error("the unit has no claim code yet")]
    NotLabelled,
    /// The unit has another certificate.
    #[error("the unit has another certificate, and keeps it")]
    OtherCertificate,
    /// The certificate is not for the unit, or not with its number.
    #[error("the certificate is not for this unit, not with its number, or not of its issuer")]
    ForeignCertificate,
    /// The unit was sealed with another receipt.
    #[error("the unit was sealed with another receipt")]
    OtherReceipt,
    /// A receipt or a reason is empty or too long.
    #[error("a receipt or a reason is empty or too long")]
    Length,
    /// There is something in this place.
    #[error("there is something in this place already")]
    Exists,
    /// There is no registry of this version.
    #[error("it is no registry of this version: {what}")]
    NotARegistry {
        /// What is missing.
        what: &'static str,
    },
    /// The registry was changed behind its back.
    #[error("the registry was changed: {0}")]
    Changed(Fault),
    /// A file beside the registry is malformed.
    #[error("a file of the registry is malformed: {0}")]
    File(KeyFileError),
    /// Somebody else has been writing for too long.
    #[error("another program has been writing to it for too long")]
    Busy,
    /// The system or the database refuses.
    #[error("it cannot be used: {reason}")]
    Unavailable {
        /// What it says.
        reason: Untrusted,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl RegistryError {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Transaction
            | Self::Key
            | Self::Chip
            | Self::Serial
            | Self::DeviceId
            | Self::CertificateNumber
            | Self::ClaimCode => Code::COLLISION,
            Self::State { .. }
            | Self::NotCertified
            | Self::NotLabelled
            | Self::OtherCertificate
            | Self::ForeignCertificate
            | Self::OtherReceipt
            | Self::OddUnit
            | Self::NoIssuer
            | Self::NumbersUsedUp => Code::NOT_IN_THIS_STATE,
            Self::UnknownUnit => Code::UNKNOWN_UNIT,
            Self::Length => Code::USAGE,
            Self::Exists => Code::REGISTRY_EXISTS,
            Self::File(KeyFileError::Passphrase) => Code::PASSPHRASE,
            Self::NotARegistry { .. } | Self::File(_) => Code::NOT_A_REGISTRY,
            Self::Changed(_) => Code::REGISTRY_CHANGED,
            Self::Busy | Self::Unavailable { .. } => Code::REGISTRY_UNAVAILABLE,
            Self::NoRandomness => Code::NO_RANDOMNESS,
        }
    }

    /// What the process ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Transaction
            | Self::Key
            | Self::Chip
            | Self::Serial
            | Self::DeviceId
            | Self::CertificateNumber
            | Self::ClaimCode
            | Self::State { .. }
            | Self::NotCertified
            | Self::NotLabelled
            | Self::OtherCertificate
            | Self::ForeignCertificate
            | Self::OtherReceipt
            | Self::OddUnit
            | Self::NoIssuer
            | Self::NumbersUsedUp
            | Self::Exists
            | Self::File(KeyFileError::Passphrase) => Exit::Refused,
            Self::UnknownUnit | Self::Length => Exit::Usage,
            Self::NotARegistry { .. } | Self::File(_) => Exit::Input,
            Self::Changed(_) => Exit::Negative,
            Self::Busy | Self::Unavailable { .. } => Exit::Registry,
            Self::NoRandomness => Exit::Device,
        }
    }
}

/// What a check of a registry found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// A table, index or trigger is another.
    #[error("a table, an index or a trigger is not as it was made")]
    Schema,
    /// The database is damaged.
    #[error("the file of the database is damaged")]
    Storage,
    /// An event was changed, dropped or moved.
    #[error("event {number} was changed, dropped or moved")]
    Chain {
        /// Its number.
        number: u64,
    },
    /// The event makes no sense after those before it.
    #[error("event {number} does not follow from those before it")]
    Story {
        /// Its number.
        number: u64,
    },
    /// A row is not what the events say.
    #[error("a row of {table} is not what the events say")]
    Row {
        /// The table.
        table: &'static str,
    },
    /// Something that is one unit's alone is there twice.
    #[error("a {what} is there twice")]
    Twice {
        /// What it is.
        what: &'static str,
    },
    /// The key of the tags beside it belongs to another registry.
    #[error("the key of the tags beside it is another registry's")]
    TagKey,
    /// A statement from earlier is not borne out.
    #[error(
        "a signed statement from earlier is not borne out: events after it were cut off or replaced"
    )]
    Anchor,
    /// A file of a backup is not the one that was written.
    #[error("a file of the backup is not the one that was written")]
    Backup,
}

/// What each constraint of the schema says when it fails, as SQLite names it.
const COLLISIONS: [(&str, RegistryError); 7] = [
    ("UNIQUE constraint failed: unit.txn", RegistryError::Transaction),
    ("UNIQUE constraint failed: public_key.bytes", RegistryError::Key),
    ("UNIQUE constraint failed: unit.chip_id", RegistryError::Chip),
    ("UNIQUE constraint failed: unit.serial", RegistryError::Serial),
    ("UNIQUE constraint failed: unit.device_id", RegistryError::DeviceId),
    (
        "UNIQUE constraint failed: certificate.issuer, certificate.number",
        RegistryError::CertificateNumber,
    ),
    ("UNIQUE constraint failed: claim.tag", RegistryError::ClaimCode),
];

impl From<rusqlite::Error> for RegistryError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let code = error.sqlite_error_code();
        if matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)) {
            return Self::Busy;
        }
        if code == Some(ErrorCode::NotADatabase) {
            return Self::NotARegistry { what: "the file is no database" };
        }
        // A value of a kind or length that is never written is no fault of the reader.
        let is_odd = matches!(
            error,
            rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::FromSqlConversionFailure(..)
        );
        if is_odd || code == Some(ErrorCode::DatabaseCorrupt) {
            return Self::Changed(Fault::Storage);
        }
        let reason = error.to_string();
        let collision = COLLISIONS.iter().find(|(says, _)| *says == reason);
        collision.map_or_else(
            || Self::Unavailable { reason: Untrusted::new(reason.as_str()) },
            |(_, why)| why.clone(),
        )
    }
}

impl From<std::io::Error> for RegistryError {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::AlreadyExists {
            return Self::Exists;
        }
        Self::Unavailable { reason: Untrusted::new(error.to_string()) }
    }
}
