//! Sealed files, for media that anybody may pick up: what a device exports, readable to its recipients only.
//!
//! The sender signs the header, which names the recipients, and at the end a hash over all that is encrypted. So a recipient, who has the
//! key of the file, cannot make another file of it that still carries the sender's signature. `docs/formats.md` has the layout.
//!
//! A file is read in two passes. The first checks all of it, and gives out nothing; only its outcome can be [opened](Checked::open) for
//! the second, which holds a medium that was changed in between to what the first has seen.
//!
//! A file does not say when it was written, and an old one is read as well: who applies what it holds keeps a number of its own inside.
//!
//! The key of a file is random and lives in RAM only. After a power cut the file has no end, is [`ReadError::Torn`], and is
//! never continued.

mod reader;
mod writer;

pub use self::reader::{Checked, Checking, Opening, ReadError};
pub use self::writer::{FileWriter, Sender, WriteError};

use medsec_core::Secret;
use medsec_core::agreement::AgreementKey;
use medsec_core::identity::certificate::{CERTIFICATE_BYTES, Certificate, Kind};
use medsec_core::identity::trust::{Refusal, Stage, Today, Trust};
use medsec_core::key::{KID_BYTES, Label, SIGNATURE_BYTES, derive, sha256};
use medsec_core::suite::TAG_BYTES;

const MAGIC: [u8; 4] = *b"MSF1";
const VERSION: u8 = 1;
/// Bytes that say how long the header is.
pub const FRONT_BYTES: usize = 8;
/// Bytes before the recipients: front, certificate of the sender, commitment to the key.
const FIXED_BYTES: usize = FRONT_BYTES + CERTIFICATE_BYTES + 32;
/// Bytes for each recipient: the id of its key, and the key of the file, sealed to it.
const RECIPIENT_BYTES: usize = KID_BYTES + 32 + 32 + TAG_BYTES;
/// Most recipients of a file.
pub const RECIPIENTS_MAX: usize = 8;
/// Bytes of the longest header.
pub const HEADER_BYTES_MAX: usize =
    FIXED_BYTES + RECIPIENTS_MAX * RECIPIENT_BYTES + SIGNATURE_BYTES;
/// Most bytes of content in a chunk.
pub const CHUNK_BYTES_MAX: usize = 4096;
/// Bytes that say how long a chunk is, and whether it is the last.
pub const HEAD_BYTES: usize = 2;
/// Bytes that a chunk has beside its content.
pub const CHUNK_OVERHEAD: usize = HEAD_BYTES + TAG_BYTES;
/// Bytes behind the last chunk.
pub const TRAILER_BYTES: usize = SIGNATURE_BYTES;
/// The bit in the head of a chunk that says it is the last.
const LAST: u16 = 0x8000;
/// What the key is sealed for.
const INFO: &[u8] = b"medsec/v1/transport/file";

/// Bytes of a header for so many recipients.
fn header_bytes(recipients: usize) -> usize {
    (FIXED_BYTES + SIGNATURE_BYTES).saturating_add(recipients.saturating_mul(RECIPIENT_BYTES))
}

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Content {
    /// Something of the maker's application.
    App,
    /// The audit log, as its flash holds it.
    Audit,
    /// Settings.
    Config,
}

impl Content {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::App, Self::Audit, Self::Config];

    /// The byte that stands for it: the same as that of the [channel](crate::frame::Channel).
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::App => 1,
            Self::Audit => 2,
            Self::Config => 4,
        }
    }
}

/// The first bytes of a file, which are believed by nobody before the header was checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Front {
    /// The [id](medsec_core::suite::Suite::ID) of its suite.
    pub suite: u8,
    /// What it holds.
    pub content: Content,
    /// How many can read it.
    pub recipients: usize,
}

impl Front {
    /// Parses the first 8 bytes: by them a reader that has both suites chooses one.
    ///
    /// # Errors
    /// [`ReadError::Layout`]: no sealed file, or a byte that has no meaning. [`ReadError::Version`]: a later one.
    pub fn parse(bytes: &[u8; FRONT_BYTES]) -> Result<Self, ReadError> {
        let [m, a, g, i, version, suite, content, recipients] = *bytes;
        if [m, a, g, i] != MAGIC {
            return Err(ReadError::Layout);
        }
        if version != VERSION {
            return Err(ReadError::Version);
        }
        let content = Content::ALL.into_iter().find(|known| known.code() == content);
        let recipients = usize::from(recipients);
        if recipients == 0 || recipients > RECIPIENTS_MAX {
            return Err(ReadError::Layout);
        }
        Ok(Self { suite, content: content.ok_or(ReadError::Layout)?, recipients })
    }
}

/// Who can read a file: one to eight holders of recipient certificates that the device's owner stands behind.
///
/// A device takes them from what it keeps. It never takes a recipient from who asks for the export: that would let whoever may export
/// read, and carry off, all that is exported.
#[derive(Clone, Copy, Debug)]
pub struct Recipients {
    keys: [Option<AgreementKey>; RECIPIENTS_MAX],
}

/// Why there are no recipients.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecipientsError {
    /// None, or more than [`RECIPIENTS_MAX`].
    Count,
    /// Two with the same key.
    Twice,
    /// Not the certificate of a recipient.
    Kind,
    /// Its certificate does not hold, or the maker stands behind it and not the owner.
    Refused(Refusal),
}

impl core::fmt::Display for RecipientsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Count => f.write_str("no recipient, or too many"),
            Self::Twice => f.write_str("two recipients with the same key"),
            Self::Kind => f.write_str("not the certificate of a recipient"),
            Self::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl core::error::Error for RecipientsError {}

impl Recipients {
    /// The holders of these certificates, each judged today.
    ///
    /// Costs one or two signatures to verify for each.
    ///
    /// # Errors
    /// [`RecipientsError`], as it says.
    pub fn judge(
        certificates: &[Certificate],
        trust: Trust<'_>,
        today: Today,
        stage: Stage,
    ) -> Result<Self, RecipientsError> {
        if certificates.is_empty() {
            return Err(RecipientsError::Count);
        }
        let mut keys = [None; RECIPIENTS_MAX];
        for certificate in certificates {
            if certificate.claims().kind != Kind::Recipient {
                return Err(RecipientsError::Kind);
            }
            let key = certificate.agreement_key().ok_or(RecipientsError::Kind)?;
            if keys.contains(&Some(key)) {
                return Err(RecipientsError::Twice);
            }
            // No maker stands behind a recipient, by the rules of certificates.
            trust.judge(certificate, today, stage).map_err(RecipientsError::Refused)?;
            let free = keys.iter_mut().find(|slot| slot.is_none());
            *free.ok_or(RecipientsError::Count)? = Some(key);
        }
        Ok(Self { keys })
    }

    /// Their keys.
    fn keys(&self) -> impl Iterator<Item = &AgreementKey> {
        self.keys.iter().flatten()
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self) -> usize {
        // `count` would check its sum for an overflow that eight keys cannot reach.
        self.keys().fold(0_usize, |count, _| count.saturating_add(1))
    }
}

/// What the header holds of the key, so that no two keys open one file.
fn commitment(key: &Secret<32>) -> [u8; 32] {
    *derive(key, Label::FileCommit, &[]).expose()
}

/// The hash over all of a file up to this chunk, from that over all before it.
fn chained(
    before: &[u8; 32],
    head: [u8; HEAD_BYTES],
    body: &[u8],
    tag: &[u8; TAG_BYTES],
) -> [u8; 32] {
    sha256(&[before, &head, body, tag])
}
