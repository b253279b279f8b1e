//! Why a command could not give a verdict.

use medsec::auth::provision::message::Refused as NotMade;
use medsec::link::request::Refused;
use medsec_core::identity::trust::Refusal;
use medsec_transport::link::LinkError;
use medsec_transport::sealed_file::{ReadError as FileError, RecipientsError};

use crate::ca::PASSPHRASE_CHARS_MIN;
use crate::catalogue::CatalogueError;
use crate::code::Code;
use crate::exit::Exit;
use crate::keyfile::KeyFileError;
use crate::layout::LayoutError;
use crate::registry::RegistryError;
use crate::untrusted::Untrusted;

/// Why a command could not give a verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No device key was given, so there is nothing to check against.
    #[error("no trust anchor")]
    NoTrustAnchor,
    /// A file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Read {
        /// The file.
        path: Untrusted,
        /// What the system says.
        reason: Untrusted,
    },
    /// A file is larger than its kind may be.
    #[error("{path} is larger than {bytes_max} bytes")]
    TooLarge {
        /// The file.
        path: Untrusted,
        /// The limit.
        bytes_max: u64,
    },
    /// A device key file is malformed.
    #[error("{path} is no device key: {cause}")]
    DeviceKey {
        /// The file.
        path: Untrusted,
        /// What is wrong with it.
        cause: KeyFileError,
    },
    /// A log authority's key file is malformed.
    #[error("{path} is no secret of a log authority: {cause}")]
    AuthorityKey {
        /// The file.
        path: Untrusted,
        /// What is wrong with it.
        cause: KeyFileError,
    },
    /// A checkpoint file is malformed.
    #[error("{path} is no checkpoint: {cause}")]
    CheckpointFile {
        /// The file.
        path: Untrusted,
        /// What is wrong with it.
        cause: KeyFileError,
    },
    /// A layout file is malformed.
    #[error("{path} is no layout: {cause}")]
    LayoutFile {
        /// The file.
        path: Untrusted,
        /// What is wrong with it.
        cause: LayoutError,
    },
    /// A catalogue file is malformed.
    #[error("{path} is no catalogue: {cause}")]
    CatalogueFile {
        /// The file.
        path: Untrusted,
        /// What is wrong with it.
        cause: CatalogueError,
    },
    /// A pseudonym key file is malformed.
    #[error("{path} is no pseudonym key: {cause}")]
    PseudonymKey {
        /// The file.
        path: Untrusted,
        /// What is wrong with it.
        cause: KeyFileError,
    },
    /// A file of an identity is malformed.
    #[error("{path} is no {what}: {cause}")]
    IdentityFile {
        /// The file.
        path: Untrusted,
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        cause: KeyFileError,
    },
    /// The passphrase does not open a key.
    #[error("the passphrase does not open {path}, or it was changed")]
    Passphrase {
        /// The file.
        path: Untrusted,
    },
    /// The passphrase is too short.
    #[error("a passphrase has at least {PASSPHRASE_CHARS_MIN} characters")]
    WeakPassphrase,
    /// The list of what is revoked holds no more.
    #[error("the list of revoked serial numbers is full")]
    ListFull,
    /// There is no certificate with this serial number.
    #[error("no certificate has the serial number {serial}")]
    UnknownSerial {
        /// What was asked for.
        serial: u32,
    },
    /// A draft of a permit that this authority has no part in, or that was changed.
    #[error("{path} is not for this authority to sign, or the first has not signed it so")]
    NotTheDraft {
        /// The file.
        path: Untrusted,
    },
    /// A registry of units refuses, or cannot be used.
    #[error("{path}: {why}")]
    Registry {
        /// Its folder.
        path: Untrusted,
        /// Why.
        why: RegistryError,
    },
    /// There is no way to the device.
    #[error("no connection to {at}: {reason}")]
    NoConnection {
        /// Where it was looked for.
        at: Untrusted,
        /// What the system says.
        reason: Untrusted,
    },
    /// The link broke, or nobody answers.
    #[error("the link to {at} is lost, or nobody answers there")]
    LinkLost {
        /// Where the device was.
        at: Untrusted,
    },
    /// What answers has not proved that it is a device of the owner.
    #[error("what answers at {at} is not proven: {why}")]
    Unproven {
        /// Where it answers.
        at: Untrusted,
        /// Why not.
        why: LinkError,
    },
    /// The device does not take this holder's certificate.
    #[error("the device does not take this certificate: {why}")]
    NotWelcome {
        /// Why not.
        why: Refusal,
    },
    /// The device does not serve the request.
    #[error("the device refuses: {why}")]
    RequestRefused {
        /// Why.
        why: Refused,
    },
    /// A device that is being made does not do what a station asks.
    #[error("the device is not made: {why}")]
    NotMade {
        /// Why.
        why: NotMade,
    },
    /// The device answered what makes no sense.
    #[error("the device's answer is malformed")]
    OddAnswer,
    /// A sealed file does not open.
    #[error("{path} does not open: {why}")]
    SealedFile {
        /// The file.
        path: Untrusted,
        /// Why not.
        why: FileError,
    },
    /// These are no recipients.
    #[error("no recipients for the device: {why}")]
    Recipients {
        /// Why not.
        why: RecipientsError,
    },
    /// A key would replace a file.
    #[error("{path} exists, and a key replaces no file")]
    OverFile {
        /// The file.
        path: Untrusted,
    },
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The result cannot be written.
    #[error("cannot write {path}: {reason}")]
    Write {
        /// Where to.
        path: Untrusted,
        /// What the system says.
        reason: Untrusted,
    },
    /// The output would replace an input.
    #[error("{path} is an input of this command and is not overwritten")]
    OverInput {
        /// The file.
        path: Untrusted,
    },
    /// The bytes are no log.
    #[error("not a medsec log: {reason}")]
    NotALog {
        /// What was missing.
        reason: Untrusted,
    },
    /// The log belongs to another device than the key.
    #[error("the log belongs to another device than the device key")]
    OtherDevice,
    /// None of the log's checkpoints is signed by the key, and nothing else tells whose log it is.
    #[error(
        "none of the log's checkpoints is signed by the device key: another device wrote the log, \
         or the layout states another model, or every checkpoint was changed"
    )]
    NoneSigned,
    /// The checkpoint was not signed by the device.
    #[error("the anchor was not signed by this device")]
    ForeignAnchor,
    /// The secret does not open this log.
    #[error("the authority key does not open this log")]
    ForeignAuthority,
    /// The log holds no signed checkpoint.
    #[error("the log holds no checkpoint signed by the device")]
    NoCheckpoint,
    /// No error has this code.
    #[error("no error has the code {code}; codes run like E0101")]
    UnknownCode {
        /// What was asked for.
        code: Untrusted,
    },
    /// No schema has this name.
    #[error("no schema is called {name}; there are {known}")]
    UnknownSchema {
        /// What was asked for.
        name: Untrusted,
        /// What there is.
        known: String,
    },
    /// The command line does not make sense.
    #[error("{reason}")]
    Usage {
        /// Why.
        reason: Untrusted,
    },
    /// Something that should be impossible.
    #[error("internal error: {what}")]
    Bug {
        /// What happened.
        what: &'static str,
    },
}

impl Error {
    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NoTrustAnchor => Code::NO_TRUST_ANCHOR,
            Self::Read { .. } => Code::READ,
            Self::TooLarge { .. } => Code::TOO_LARGE,
            Self::DeviceKey { .. } => Code::DEVICE_KEY,
            Self::AuthorityKey { .. } => Code::AUTHORITY_KEY,
            Self::CheckpointFile { .. } => Code::CHECKPOINT_FILE,
            Self::Write { .. } => Code::WRITE,
            Self::OverInput { .. } => Code::OVER_INPUT,
            Self::LayoutFile { .. } => Code::LAYOUT_FILE,
            Self::CatalogueFile { .. } => Code::CATALOGUE_FILE,
            Self::PseudonymKey { .. } => Code::PSEUDONYM_KEY,
            Self::OverFile { .. } => Code::OVER_FILE,
            Self::NoRandomness => Code::NO_RANDOMNESS,
            Self::IdentityFile { .. } => Code::IDENTITY_FILE,
            Self::Passphrase { .. } => Code::PASSPHRASE,
            Self::WeakPassphrase => Code::WEAK_PASSPHRASE,
            Self::ListFull => Code::LIST_FULL,
            Self::UnknownSerial { .. } => Code::UNKNOWN_SERIAL,
            Self::NotTheDraft { .. } => Code::NOT_THE_DRAFT,
            Self::Registry { why, .. } => why.code(),
            Self::NoConnection { .. } => Code::NO_CONNECTION,
            Self::LinkLost { .. } => Code::LINK_LOST,
            Self::Unproven { .. } => Code::UNPROVEN,
            Self::NotWelcome { .. } => Code::NOT_WELCOME,
            Self::RequestRefused { .. } | Self::NotMade { .. } => Code::REQUEST_REFUSED,
            Self::OddAnswer => Code::ODD_ANSWER,
            Self::SealedFile { .. } => Code::SEALED_FILE,
            Self::Recipients { .. } => Code::RECIPIENTS,
            Self::NotALog { .. } => Code::NOT_A_LOG,
            Self::OtherDevice | Self::NoneSigned => Code::OTHER_DEVICE,
            Self::ForeignAnchor => Code::FOREIGN_ANCHOR,
            Self::ForeignAuthority => Code::FOREIGN_AUTHORITY,
            Self::NoCheckpoint => Code::NO_CHECKPOINT,
            Self::UnknownCode { .. } => Code::UNKNOWN_CODE,
            Self::UnknownSchema { .. } => Code::UNKNOWN_SCHEMA,
            Self::Usage { .. } => Code::USAGE,
            Self::Bug { .. } => Code::BUG,
        }
    }

    /// What the process ends with.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::NoTrustAnchor
            | Self::OtherDevice
            | Self::NoneSigned
            | Self::ForeignAnchor
            | Self::ForeignAuthority
            | Self::NoCheckpoint => Exit::Undecided,
            Self::OverInput { .. }
            | Self::OverFile { .. }
            | Self::Passphrase { .. }
            | Self::NotTheDraft { .. }
            | Self::ListFull
            | Self::Recipients { .. }
            | Self::Unproven { .. }
            | Self::NotWelcome { .. }
            | Self::NotMade { .. }
            | Self::RequestRefused { why: Refused::Denied } => Exit::Refused,
            Self::Read { .. }
            | Self::TooLarge { .. }
            | Self::DeviceKey { .. }
            | Self::AuthorityKey { .. }
            | Self::CheckpointFile { .. }
            | Self::LayoutFile { .. }
            | Self::CatalogueFile { .. }
            | Self::PseudonymKey { .. }
            | Self::IdentityFile { .. }
            | Self::NotALog { .. } => Exit::Input,
            Self::Registry { why, .. } => why.exit(),
            Self::SealedFile { .. } => Exit::Negative,
            Self::Write { .. }
            | Self::NoRandomness
            | Self::NoConnection { .. }
            | Self::LinkLost { .. }
            | Self::RequestRefused { .. }
            | Self::OddAnswer => Exit::Device,
            Self::UnknownCode { .. }
            | Self::UnknownSchema { .. }
            | Self::UnknownSerial { .. }
            | Self::WeakPassphrase
            | Self::Usage { .. } => Exit::Usage,
            Self::Bug { .. } => Exit::Bug,
        }
    }
}
