//! What a peer can ask a device for over a link, and the answers. `docs/formats.md` has the bytes.

use medsec_audit::export::Cursor;
use medsec_core::codec::{DecodeError, Overflow, Reader, Writer};
use medsec_transport::frame::Channel;

use crate::audit::DeviceId;

/// Bytes of the longest request.
pub const REQUEST_BYTES_MAX: usize = 17;
/// Bytes of the longest answer.
pub const ANSWER_BYTES_MAX: usize = 512;
/// Most bytes of a log in one answer.
pub const PART_BYTES_MAX: usize = ANSWER_BYTES_MAX - 17;

const ABOUT: u8 = 0x01;
const EXPORT_START: u8 = 0x02;
const EXPORT_READ: u8 = 0x03;
const CHECKPOINT: u8 = 0x04;
/// The bit that tells an answer from its request.
const ANSWER: u8 = 0x80;
const REFUSED: u8 = 0xff;
const ABOUT_ANSWER: u8 = ABOUT | ANSWER;
const EXPORT_STARTED: u8 = EXPORT_START | ANSWER;
const PART: u8 = EXPORT_READ | ANSWER;
const NOTED: u8 = CHECKPOINT | ANSWER;

/// What a peer asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Request {
    /// What the device is and how it is.
    About,
    /// Where an export of the log as it is now begins.
    ExportStart,
    /// The next part of an export.
    ExportRead(Cursor),
    /// That the log is signed up to here, when there is time for it.
    Checkpoint,
}

impl Request {
    /// The channel of the link that it is asked on, and answered on.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::About => Channel::Config,
            Self::ExportStart | Self::ExportRead(_) | Self::Checkpoint => Channel::Audit,
        }
    }

    /// Writes it to the front of `out`, and returns that part.
    ///
    /// # Errors
    /// [`Overflow`]: `out` is shorter than the request, of which the longest has [`REQUEST_BYTES_MAX`] bytes.
    pub fn encode<'m>(&self, out: &'m mut [u8]) -> Result<&'m [u8], Overflow> {
        write(out, |writer| match self {
            Self::About => writer.u8(ABOUT),
            Self::ExportStart => writer.u8(EXPORT_START),
            Self::ExportRead(cursor) => {
                writer.u8(EXPORT_READ)?;
                write_cursor(writer, cursor)
            }
            Self::Checkpoint => writer.u8(CHECKPOINT),
        })
    }

    /// Parses a request that came on `channel`.
    ///
    /// # Errors
    /// [`DecodeError`]: it is none, or none of this channel.
    pub fn parse(channel: Channel, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let request = match reader.u8()? {
            ABOUT => Self::About,
            EXPORT_START => Self::ExportStart,
            EXPORT_READ => Self::ExportRead(read_cursor(&mut reader)?),
            CHECKPOINT => Self::Checkpoint,
            _ => return Err(DecodeError::Reserved),
        };
        reader.finish()?;
        if request.channel() == channel { Ok(request) } else { Err(DecodeError::Reserved) }
    }
}

/// How a device is, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Condition(u8);

impl Condition {
    /// Its log records.
    pub const RECORDING: Self = Self(1);
    /// Its random source serves keys.
    pub const RANDOM: Self = Self(2);
    /// A record was refused in this boot.
    pub const RECORDS_LOST: Self = Self(4);
    /// The part failed in this boot.
    pub const FLASH_FAULT: Self = Self(8);

    /// This, and `other` if it holds.
    #[must_use]
    pub const fn with(self, other: Self, holds: bool) -> Self {
        if holds { Self(self.0 | other.0) } else { self }
    }

    /// Whether `other` is among it.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a device is and how it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct About {
    /// Model number.
    pub model: u32,
    /// The device.
    pub device: DeviceId,
    /// The algorithm suite of its log and its links.
    pub suite: u8,
    /// How it is.
    pub condition: Condition,
    /// Sessions that the log has begun.
    pub sessions: u32,
    /// Per mille of a blocking log that are used; 0 for one that overwrites.
    pub used_per_mille: u16,
    /// Bytes of an export of the log.
    pub export_bytes: u32,
    /// Milliseconds since power-on.
    pub uptime_ms: u64,
}

/// Why a request was not served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// No request that this device knows, or not in one frame.
    Unknown,
    /// The peer may not have it.
    Denied,
    /// The log has gone on too far since the export began: begin again.
    Changed,
    /// It cannot be recorded or done now: ask again.
    NotReady,
}

impl Refused {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Denied, Self::Changed, Self::NotReady];

    /// The byte that stands for it.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 1,
            Self::Denied => 2,
            Self::Changed => 3,
            Self::NotReady => 4,
        }
    }
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the device does not know this request",
            Self::Denied => "the peer may not have it",
            Self::Changed => "the log has gone on too far since the export began",
            Self::NotReady => "not ready",
        })
    }
}

impl core::error::Error for Refused {}

/// What a device answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Answer<'m> {
    /// To [`Request::About`].
    About(About),
    /// To [`Request::ExportStart`]: where to read, and the bytes of the whole export.
    ExportStarted(Cursor, u32),
    /// To [`Request::ExportRead`]: where to read on, and the part; an empty one is the end.
    Part(Cursor, &'m [u8]),
    /// To [`Request::Checkpoint`]: it will be signed.
    Noted,
    /// To any request.
    Refused(Refused),
}

impl<'m> Answer<'m> {
    /// Writes it to the front of `out`, and returns that part.
    ///
    /// # Errors
    /// [`Overflow`]: `out` is shorter than the answer, of which the longest has [`ANSWER_BYTES_MAX`] bytes.
    pub fn encode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Overflow> {
        write(out, |writer| match self {
            Self::About(about) => {
                writer.u8(ABOUT_ANSWER)?;
                write_about(writer, about)
            }
            Self::ExportStarted(cursor, bytes) => {
                writer.u8(EXPORT_STARTED)?;
                write_cursor(writer, cursor)?;
                writer.u32(*bytes)
            }
            Self::Part(cursor, part) => {
                writer.u8(PART)?;
                write_cursor(writer, cursor)?;
                writer.bytes(part)
            }
            Self::Noted => writer.u8(NOTED),
            Self::Refused(why) => writer.bytes(&[REFUSED, why.code()]),
        })
    }

    /// Parses an answer.
    ///
    /// # Trust
    /// A device that has proved its key says it; whether it is right is another matter. What comes as a part is verified as a log.
    ///
    /// # Errors
    /// [`DecodeError`]: it is none.
    pub fn parse(bytes: &'m [u8]) -> Result<Self, DecodeError> {
        let (kind, rest) = bytes.split_first().ok_or(DecodeError::Short)?;
        let mut reader = Reader::new(rest);
        if *kind == PART {
            let (front, part) = rest.split_first_chunk::<16>().ok_or(DecodeError::Short)?;
            if part.len() > PART_BYTES_MAX {
                return Err(DecodeError::Reserved);
            }
            return Ok(Self::Part(read_cursor(&mut Reader::new(front))?, part));
        }
        let answer = match *kind {
            ABOUT_ANSWER => Self::About(read_about(&mut reader)?),
            EXPORT_STARTED => Self::ExportStarted(read_cursor(&mut reader)?, reader.u32()?),
            NOTED => Self::Noted,
            REFUSED => {
                let code = reader.u8()?;
                let why = Refused::ALL.into_iter().find(|why| why.code() == code);
                Self::Refused(why.ok_or(DecodeError::Reserved)?)
            }
            _ => return Err(DecodeError::Reserved),
        };
        reader.finish()?;
        Ok(answer)
    }
}

/// What `fill` writes to the front of `out`.
fn write(
    out: &mut [u8],
    fill: impl FnOnce(&mut Writer<'_>) -> Result<(), Overflow>,
) -> Result<&[u8], Overflow> {
    let mut writer = Writer::new(out);
    fill(&mut writer)?;
    let length = writer.written();
    out.get(..length).ok_or(Overflow)
}

fn write_cursor(writer: &mut Writer<'_>, cursor: &Cursor) -> Result<(), Overflow> {
    writer.u32(cursor.offset)?;
    writer.u32(cursor.page)?;
    writer.u32(cursor.end)?;
    writer.u32(cursor.index)
}

fn read_cursor(reader: &mut Reader<'_>) -> Result<Cursor, DecodeError> {
    Ok(Cursor {
        offset: reader.u32()?,
        page: reader.u32()?,
        end: reader.u32()?,
        index: reader.u32()?,
    })
}

fn write_about(writer: &mut Writer<'_>, about: &About) -> Result<(), Overflow> {
    writer.u32(about.model)?;
    writer.bytes(&about.device)?;
    writer.bytes(&[about.suite, about.condition.0])?;
    writer.u32(about.sessions)?;
    writer.u16(about.used_per_mille)?;
    writer.u32(about.export_bytes)?;
    writer.u64(about.uptime_ms)
}

fn read_about(reader: &mut Reader<'_>) -> Result<About, DecodeError> {
    let (model, device, suite) = (reader.u32()?, reader.array()?, reader.u8()?);
    let condition = reader.u8()?;
    if condition & 0xf0 != 0 {
        return Err(DecodeError::Reserved);
    }
    Ok(About {
        model,
        device,
        suite,
        condition: Condition(condition),
        sessions: reader.u32()?,
        used_per_mille: reader.u16()?,
        export_bytes: reader.u32()?,
        uptime_ms: reader.u64()?,
    })
}
