//! Events: what happened, in a form that cannot carry a person's data by mistake.
//!
//! # Purpose
//! Every part of medsec, and the maker's own code, reports what happened through one trait, [`Recorder`];
//! `medsec-audit` implements it. An event is declared once, with [`crate::events!`], and each of its fields states what
//! becomes of it:
//!
//! | word | type | in the record |
//! |---|---|---|
//! | `public` | a [`Field`]: a closed list of names, a measured value with its unit, a count, an opaque id | as it is |
//! | `encrypt` | a [`Personal`] value | encrypted once more, under a key that can be withheld or destroyed |
//! | `omit` | any [`crate::Sensitive`] value | only that there was one |
//! | `header` | [`Outcome`] | in the record's header |
//!
//! Integers, text, byte strings and `bool` are no [`Field`]: a patient number is an integer too, so the author has to
//! say what it is. A field without a word does not compile.
//!
//! # Ids
//! | range | whose |
//! |---|---|
//! | `0x0000` | never used |
//! | `0x0001..=0x0FFF` | core and audit ([`SystemEvent`], [`DeviceEvent`]) |
//! | `0x1000..=0x1FFF` | auth |
//! | `0x2000..=0x2FFF` | update |
//! | `0x3000..=0x3FFF` | transport and the hub |
//! | `0x4000..=0x7FFF` | the maker of the device |
//! | `0x8000..=0xFFFF` | never used |
//!
//! An id is never given to another event, and the fields of an event never change: a changed event is a new one.
//!
//! # Layout of the fields
//! Fields follow each other in the order of their declaration, each as a kind byte and a value whose size the kind gives
//! (little-endian). So a reader without the maker's catalogue still lists typed values.
//!
//! | kind | name | value bytes | value |
//! |---|---|---|---|
//! | `0x01` | code | 1 | a value of a closed list |
//! | `0x02` | metric | 5 | `i32`, unit `u8` ([`Unit`]) |
//! | `0x03` | count | 4 | `u32` |
//! | `0x04` | duration | 4 | milliseconds, `u32` |
//! | `0x05` | principal | 8 | [`PrincipalId`] |
//! | `0x06` | device | 8 | [`DeviceRef`] |
//! | `0x07` | digest | 8 | [`Digest8`] |
//! | `0x08` | time | 11 | seconds since 1970 `u64`, source `u8`, uncertainty in seconds `u16` |
//! | `0x40` | omitted | 0 | a personal value that was left out |
//! | `0x41` | sealed | 1 + n + 16 | n `u8`, ciphertext, tag; n is a multiple of 16 and not 0 |
//!
//! The plaintext of a sealed value is its length `u8`, its bytes, and zeros up to a multiple of 16. An event's fields
//! take at most [`EVENT_FIELDS_BYTES_MAX`] bytes, which is checked where the event is declared.
//!
//! # Source
//! Categories and the result of an event: IEC 62443-4-2 CR 2.8. Outcomes: DICOM PS3.15 A.5, HL7 FHIR `AuditEvent`.

mod catalogue;
mod decode;
mod device;
mod field;
mod system;

pub use catalogue::{
    CodeInfo, EventInfo, FieldInfo, MAKER_ID_MAX, MAKER_ID_MIN, Privacy, SYSTEM_ID_MAX,
    SYSTEM_ID_MIN, catalogues_are_disjoint, check,
};
pub use decode::{DecodeError, FieldValue, Fields, unpad};
pub use device::{
    DeviceEvent, ErasedKind, LifecycleState, PortClosing, PortKind, PortReason, PortRefusal,
    SanitizeOutcome,
};
pub use field::{
    Category, Class, Coded, Count, DeviceRef, Digest8, Duration, Field, Kind, Metric, Outcome,
    PermissionNumber, Personal, PrincipalId, Unit,
};
pub use system::{
    FlashOperation, Pattern, RandomTest, ResetCause, SelfTest, Severity, SystemEvent,
};

use zeroize::Zeroize;

use crate::codec::{Overflow, Writer};
use crate::secret::Sensitive;
use crate::suite::SealError;

/// Most bytes that the fields of one event take.
pub const EVENT_FIELDS_BYTES_MAX: usize = 104;

/// Something that happened. Declared with [`crate::events!`].
pub trait Event {
    /// The id, unique for ever.
    fn id(&self) -> u16;

    /// The category of IEC 62443-4-2 CR 2.8.
    fn category(&self) -> Category;

    /// What happens to the record when space runs out.
    fn class(&self) -> Class;

    /// How it ended.
    fn outcome(&self) -> Outcome;

    /// Writes the fields, in the order of their declaration.
    ///
    /// # Errors
    /// - [`EncodeError::TooLong`]: the buffer is too small.
    /// - [`EncodeError::NotSealed`]: a personal value could not be encrypted.
    ///
    /// After an error the buffer holds no event and is not to be stored.
    fn encode(&self, fields: &mut FieldWriter<'_>) -> Result<(), EncodeError>;
}

/// Why the fields of an event were not written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is too small.
    TooLong,
    /// A personal value could not be encrypted; it is nowhere in the buffer.
    NotSealed(SealError),
}

impl core::fmt::Display for EncodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "buffer too small for the event's fields",
            Self::NotSealed(_) => "personal value could not be encrypted",
        })
    }
}

impl core::error::Error for EncodeError {}

impl From<Overflow> for EncodeError {
    fn from(_: Overflow) -> Self {
        Self::TooLong
    }
}

/// Encrypts personal values as they enter a record.
///
/// # Security
/// An implementation sees each personal value. All there are belong to `medsec-audit`; one elsewhere is an exit like
/// [`Sensitive::expose`] and is reviewed as such.
pub trait PersonalSealer {
    /// Encrypts `padded` in place and gives the tag. Called once per personal value, in the order of the fields; the
    /// implementation binds the ciphertext to the record and to its place within it.
    ///
    /// # Errors
    /// [`SealError`]: nothing was encrypted; the caller wipes `padded`.
    fn seal(&mut self, padded: &mut [u8]) -> Result<[u8; 16], SealError>;
}

impl<S: PersonalSealer + ?Sized> PersonalSealer for &mut S {
    fn seal(&mut self, padded: &mut [u8]) -> Result<[u8; 16], SealError> {
        S::seal(self, padded)
    }
}

/// Takes the fields of one event, and nothing that has no privacy class.
pub struct FieldWriter<'a> {
    out: Writer<'a>,
    sealer: &'a mut dyn PersonalSealer,
}

impl<'a> FieldWriter<'a> {
    /// Writes from the first byte of `buffer`, at most [`EVENT_FIELDS_BYTES_MAX`] bytes.
    #[must_use]
    pub fn new(buffer: &'a mut [u8], sealer: &'a mut dyn PersonalSealer) -> Self {
        let bytes = buffer.len().min(EVENT_FIELDS_BYTES_MAX);
        Self { out: Writer::new(buffer.get_mut(..bytes).unwrap_or_default()), sealer }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.out.written()
    }

    /// Appends a value that says nothing about a person.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn public<F: Field>(&mut self, field: &F) -> Result<(), EncodeError> {
        self.out.u8(F::KIND.code())?;
        Ok(field.write(&mut self.out)?)
    }

    /// Appends a personal value, encrypted.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`], [`EncodeError::NotSealed`]. In neither case is the value in the buffer.
    pub fn encrypt<P: Personal>(&mut self, field: &P) -> Result<(), EncodeError> {
        field.seal(self)
    }

    /// Notes that there was a personal value here, and leaves it out.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`].
    pub fn omit<T: Zeroize>(&mut self, field: &Sensitive<T>) -> Result<(), EncodeError> {
        let _ = field;
        Ok(self.out.u8(Kind::Omitted.code())?)
    }
}

/// Writes the fields of `event` into `buffer` and gives their size in bytes.
///
/// # Errors
/// Those of [`Event::encode`].
pub fn encode<E: Event>(
    event: &E,
    buffer: &mut [u8],
    sealer: &mut dyn PersonalSealer,
) -> Result<usize, EncodeError> {
    let mut fields = FieldWriter::new(buffer, sealer);
    event.encode(&mut fields)?;
    Ok(fields.written())
}

/// Why an event was not recorded.
///
/// Invariant 5 says what follows: the action is denied unless it is essential, and a sticky flag says that a record is
/// missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RecordError {
    /// The log is full and its policy is to keep what it holds. An export makes room.
    Full,
    /// The log needs maintenance, which erases, before it takes more. Run it and record again.
    NotReady,
    /// The event does not fit a record.
    TooLong,
    /// The flash failed, or there is no log.
    Fault,
}

impl core::fmt::Display for RecordError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "log is full",
            Self::NotReady => "log is due for maintenance",
            Self::TooLong => "event does not fit a record",
            Self::Fault => "log is not available",
        })
    }
}

impl core::error::Error for RecordError {}

impl From<EncodeError> for RecordError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::TooLong => Self::TooLong,
            EncodeError::NotSealed(_) => Self::Fault,
        }
    }
}

/// Where events go: the one way to log.
pub trait Recorder {
    /// Records `event`. When it returns `Ok`, the record survives a power cut at any later instant.
    ///
    /// # Errors
    /// [`RecordError`]: nothing was recorded.
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError>;
}

impl<R: Recorder> Recorder for &mut R {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        R::record(self, event)
    }
}
