//! Reading the fields of a stored event back. For hosts; needs neither `std` nor the maker's catalogue.

use crate::codec::{self, Reader};
use crate::event::catalogue::{EventInfo, Privacy};
use crate::event::field::{Count, DeviceRef, Digest8, Duration, Kind, Metric, PrincipalId, Unit};
use crate::event::field::{PADDED_BYTES_MAX, SEALED_STEP_BYTES};
use crate::suite::TAG_BYTES;
use crate::time::{TimeSource, WallTime};

/// The bytes are not the fields of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// They end inside a field.
    Short,
    /// A kind byte that does not exist.
    UnknownKind,
    /// A unit or a time source that does not exist, or a code that the catalogue does not list.
    UnknownValue,
    /// A sealed value whose length is no whole number of steps.
    Length,
    /// The padding of an opened personal value is not zero or not minimal.
    Padding,
    /// A field of another kind than the catalogue says.
    WrongKind,
    /// Fewer fields than the catalogue says.
    Missing,
    /// More fields than the catalogue says.
    Trailing,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Short => "event ends inside a field",
            Self::UnknownKind => "unknown kind of field",
            Self::UnknownValue => "unknown unit, time source or code",
            Self::Length => "sealed value of an impossible length",
            Self::Padding => "wrong padding of a personal value",
            Self::WrongKind => "field of another kind than the catalogue says",
            Self::Missing => "fewer fields than the catalogue says",
            Self::Trailing => "more fields than the catalogue says",
        })
    }
}

impl core::error::Error for DecodeError {}

impl From<codec::DecodeError> for DecodeError {
    fn from(error: codec::DecodeError) -> Self {
        match error {
            codec::DecodeError::Short => Self::Short,
            codec::DecodeError::Trailing => Self::Trailing,
            codec::DecodeError::Reserved => Self::Padding,
        }
    }
}

/// One field as it was stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FieldValue<'a> {
    /// A value of a closed list; the catalogue has its name.
    Code(u8),
    /// A measured or set value.
    Metric(Metric),
    /// A number of things.
    Count(Count),
    /// A length of time.
    Duration(Duration),
    /// A person, service or station.
    Principal(PrincipalId),
    /// A device.
    Device(DeviceRef),
    /// The head of a hash.
    Digest(Digest8),
    /// A wall time with its quality.
    Time(WallTime),
    /// A personal value that was left out.
    Omitted,
    /// A personal value, encrypted.
    Sealed {
        /// The ciphertext; opened, it goes through [`unpad`].
        ciphertext: &'a [u8],
        /// Its tag.
        tag: [u8; TAG_BYTES],
    },
}

impl FieldValue<'_> {
    /// The kind byte it was stored with.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Code(_) => Kind::Code,
            Self::Metric(_) => Kind::Metric,
            Self::Count(_) => Kind::Count,
            Self::Duration(_) => Kind::Duration,
            Self::Principal(_) => Kind::Principal,
            Self::Device(_) => Kind::Device,
            Self::Digest(_) => Kind::Digest,
            Self::Time(_) => Kind::Time,
            Self::Omitted => Kind::Omitted,
            Self::Sealed { .. } => Kind::Sealed,
        }
    }
}

/// The fields of a stored event, one after the other. It ends after the first error.
///
/// # Trust
/// The bytes may be anything. Whether they are what the device wrote, the record's tag says, before they come here.
#[derive(Clone)]
pub struct Fields<'a> {
    rest: Reader<'a>,
}

impl<'a> Fields<'a> {
    /// The fields in `bytes`, which hold them and nothing else.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: Reader::new(bytes) }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<FieldValue<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.remaining() == 0 {
            return None;
        }
        let field = parse(&mut self.rest);
        if field.is_err() {
            self.rest = Reader::new(&[]);
        }
        Some(field)
    }
}

impl core::iter::FusedIterator for Fields<'_> {}

fn parse<'a>(reader: &mut Reader<'a>) -> Result<FieldValue<'a>, DecodeError> {
    let kind = Kind::from_code(reader.u8()?).ok_or(DecodeError::UnknownKind)?;
    Ok(match kind {
        Kind::Code => FieldValue::Code(reader.u8()?),
        Kind::Metric => {
            let value = i32::from_le_bytes(reader.array()?);
            let unit = Unit::from_code(reader.u8()?).ok_or(DecodeError::UnknownValue)?;
            FieldValue::Metric(Metric::new(value, unit))
        }
        Kind::Count => FieldValue::Count(Count::new(reader.u32()?)),
        Kind::Duration => FieldValue::Duration(Duration::from_millis(reader.u32()?)),
        Kind::Principal => FieldValue::Principal(PrincipalId::new(reader.array()?)),
        Kind::Device => FieldValue::Device(DeviceRef::new(reader.array()?)),
        Kind::Digest => FieldValue::Digest(Digest8::from_head(reader.array()?)),
        Kind::Time => FieldValue::Time(WallTime {
            unix_seconds: reader.u64()?,
            source: source(reader.u8()?)?,
            uncertainty_seconds: reader.u16()?,
        }),
        Kind::Omitted => FieldValue::Omitted,
        Kind::Sealed => {
            let bytes = usize::from(reader.u8()?);
            verify_padded_length(bytes)?;
            FieldValue::Sealed { ciphertext: reader.bytes(bytes)?, tag: reader.array()? }
        }
    })
}

fn source(code: u8) -> Result<TimeSource, DecodeError> {
    [TimeSource::Unknown, TimeSource::Person, TimeSource::RealTimeClock, TimeSource::Authenticated]
        .into_iter()
        .find(|source| source.code() == code)
        .ok_or(DecodeError::UnknownValue)
}

const fn verify_padded_length(bytes: usize) -> Result<(), DecodeError> {
    if bytes == 0 || bytes > PADDED_BYTES_MAX || !bytes.is_multiple_of(SEALED_STEP_BYTES) {
        return Err(DecodeError::Length);
    }
    Ok(())
}

/// The personal value in `padded`, the opened plaintext of a sealed field.
///
/// # Errors
/// - [`DecodeError::Length`]: no whole number of steps.
/// - [`DecodeError::Padding`]: the length byte does not fit it, or a byte after the value is not zero.
pub fn unpad(padded: &[u8]) -> Result<&[u8], DecodeError> {
    verify_padded_length(padded.len())?;
    let mut reader = Reader::new(padded);
    let bytes = usize::from(reader.u8()?);
    let value = reader.bytes(bytes).map_err(|_| DecodeError::Padding)?;
    if reader.remaining() >= SEALED_STEP_BYTES {
        return Err(DecodeError::Padding);
    }
    reader.zeros(reader.remaining())?;
    Ok(value)
}

impl EventInfo {
    /// Checks that `bytes` are the fields of this event: their number, order, kinds and codes.
    ///
    /// # Errors
    /// [`DecodeError`] at the first field that differs.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), DecodeError> {
        let mut fields = Fields::new(bytes);
        for info in self.fields {
            let expected = match info.privacy {
                Privacy::Public(kind) => kind,
                Privacy::Encrypted => Kind::Sealed,
                Privacy::Omitted => Kind::Omitted,
                Privacy::Header => continue,
            };
            let field = fields.next().ok_or(DecodeError::Missing)??;
            if field.kind() != expected {
                return Err(DecodeError::WrongKind);
            }
            if let FieldValue::Code(code) = field
                && info.code_name(code).is_none()
            {
                return Err(DecodeError::UnknownValue);
            }
        }
        fields.rest.finish()?;
        Ok(())
    }
}
