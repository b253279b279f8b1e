//! The bytes of a ring: page header, entry header, and the record with which a session resumes.
//!
//! Little-endian throughout. A verifier on a host parses with the same functions as the device does.

use crc::{Crc, NoTable};

use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::flash::page::{Geometry, GeometryError, RECORD_BYTES_MAX};
use crate::key::MacKey;

/// First bytes of a page: "MSR1".
pub const MAGIC: u32 = 0x3152_534D;
/// Version of all layouts of this module.
pub const VERSION: u8 = 1;
/// Bytes of a page header.
pub const HEADER_BYTES: usize = 112;
/// Bytes of an entry's header.
pub const ENTRY_HEADER_BYTES: usize = 8;
/// Bytes that an entry adds to its body: header and tag.
pub const ENTRY_OVERHEAD_BYTES: usize = 24;
/// Bytes of a resume record, header and tag included.
pub const RESUME_BYTES: usize = 96;
/// Bytes of a resume record's body.
pub const RESUME_BODY_BYTES: usize = 72;
/// Class of a resume record.
pub const CLASS_RESUME: u8 = 0xB0;
/// Bytes of the commitment, and of the MAC behind it, at the end of a page header and of a resume record.
pub const COMMIT_BYTES: usize = 16;

/// Most pages of a ring. A host that reads an image of unknown origin looks for missing pages in a time that grows with the
/// square of their number.
pub const PAGES_MAX: u32 = 4096;

const ENTRY_CRC: Crc<u16, NoTable> = Crc::<u16, NoTable>::new(&crc::CRC_16_IBM_3740);

/// Where things may lie in the pages of a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    geometry: Geometry,
    header: u32,
    cell: u32,
    body_max: u32,
}

impl Plan {
    /// The plan for entries of up to `body_bytes_max` bytes in `geometry`.
    ///
    /// # Errors
    /// [`GeometryError::Pages`]: fewer than 3 pages or more than [`PAGES_MAX`], fewer than 9 cells in a page, or entries
    /// that do not fit one program of [`RECORD_BYTES_MAX`] bytes.
    pub fn new(geometry: Geometry, body_bytes_max: u32) -> Result<Self, GeometryError> {
        let header = geometry.round_up(112);
        let cell = geometry.round_up(body_bytes_max.saturating_add(24).max(96));
        let cells = geometry
            .page_bytes()
            .checked_sub(header)
            .and_then(|room| room.checked_div(cell))
            .ok_or(GeometryError::Pages)?;
        let fits = usize::try_from(cell).is_ok_and(|cell| cell <= RECORD_BYTES_MAX);
        if !(3..=PAGES_MAX).contains(&geometry.pages()) || cells < 9 || !fits {
            return Err(GeometryError::Pages);
        }
        Ok(Self { geometry, header, cell, body_max: body_bytes_max })
    }

    /// The geometry beneath.
    #[must_use]
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Bytes that a page's header takes, padding included.
    #[must_use]
    pub const fn header_bytes(&self) -> u32 {
        self.header
    }

    /// Bytes that a resume record takes, padding included.
    #[must_use]
    pub const fn resume_bytes(&self) -> u32 {
        self.geometry.round_up(96)
    }

    /// Bytes between two places where a session may resume; also the guard gap before one.
    #[must_use]
    pub const fn cell_bytes(&self) -> u32 {
        self.cell
    }

    /// Longest body of an entry, in bytes.
    #[must_use]
    pub const fn body_bytes_max(&self) -> u32 {
        self.body_max
    }

    /// The slot that page `sequence` lives in.
    #[must_use]
    pub fn slot(&self, sequence: u32) -> u32 {
        sequence.checked_rem(self.geometry.pages()).unwrap_or(0)
    }

    /// Byte offset in the part of byte `offset` of page `sequence`.
    #[must_use]
    pub fn at(&self, sequence: u32, offset: u32) -> u32 {
        self.geometry.at(self.slot(sequence), offset)
    }

    /// Bytes that an entry with a body of `length` bytes takes, padding included.
    #[must_use]
    pub const fn entry_bytes(&self, length: u32) -> u32 {
        self.geometry.round_up(length.saturating_add(24))
    }

    /// Offset of cell `number` of a page.
    #[must_use]
    pub const fn cell_offset(&self, number: u32) -> u32 {
        self.header.saturating_add(number.saturating_mul(self.cell))
    }

    /// Number of whole cells in a page.
    #[must_use]
    pub fn cells(&self) -> u32 {
        let room = self.geometry.page_bytes().saturating_sub(self.header);
        room.checked_div(self.cell).unwrap_or(0)
    }

    /// The first cell that leaves a guard of one cell behind byte `end`, and three more for each session since
    /// that left nothing behind.
    #[must_use]
    pub fn resume_offset(&self, end: u32, silent_sessions: u32) -> Option<u32> {
        let beyond = end.checked_add(self.cell)?.checked_sub(self.header)?;
        let first = beyond.checked_add(self.cell.checked_sub(1)?)?.checked_div(self.cell)?;
        let number = first.checked_add(silent_sessions.checked_mul(3)?)?;
        let offset = self.header.checked_add(number.checked_mul(self.cell)?)?;
        let needed = self.geometry.round_up(96).checked_add(self.cell)?;
        (offset.checked_add(needed)? <= self.geometry.page_bytes()).then_some(offset)
    }
}

/// What opens a page.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | magic "MSR1" |
/// | 4 | 1 | version 1 |
/// | 5 | 1 | ring id |
/// | 6 | 2 | page sequence − floor: pages below the floor may be in any state |
/// | 8 | 4 | page sequence |
/// | 12 | 4 | session index, not FFFF FFFF |
/// | 16 | 4 | ordinal of the segment in its session |
/// | 20 | 1 | suite |
/// | 21 | 3 | zero |
/// | 24 | 8 | first sequence number |
/// | 32 | 16 | salt of the session |
/// | 48 | 32 | hash over what the session stored up to the end of the page before, zeros if it stored nothing there |
/// | 80 | 16 | commitment to the segment's keys, made of bytes 0..80 |
/// | 96 | 16 | MAC for the device's own mount, over bytes 0..96 |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// Which ring of the device.
    pub ring: u8,
    /// Lowest page that is still promised.
    pub floor: u32,
    /// Sequence number of the page.
    pub page: u32,
    /// Session that wrote it.
    pub session: u32,
    /// Ordinal of the segment in its session.
    pub ordinal: u32,
    /// Suite of the session.
    pub suite: u8,
    /// Sequence number of the first entry.
    pub first_seq: u64,
    /// Salt of the session.
    pub salt: [u8; 16],
    /// Hash over what the session stored before, or zeros.
    pub previous: [u8; 32],
    /// Commitment to the segment's keys.
    pub commit: [u8; 16],
}

impl Header {
    /// The header's bytes, its MAC left zero.
    ///
    /// # Errors
    /// [`Overflow`]: the floor is above the page or more than 65,535 pages below it.
    pub fn encode(&self) -> Result<[u8; HEADER_BYTES], Overflow> {
        let mut bytes = [0; HEADER_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.u32(MAGIC)?;
        writer.u8(VERSION)?;
        writer.u8(self.ring)?;
        let below = self.page.checked_sub(self.floor).ok_or(Overflow)?;
        writer.u16(u16::try_from(below).map_err(|_| Overflow)?)?;
        writer.u32(self.page)?;
        writer.u32(self.session)?;
        writer.u32(self.ordinal)?;
        writer.u32(u32::from(self.suite))?;
        writer.u64(self.first_seq)?;
        writer.bytes(&self.salt)?;
        writer.bytes(&self.previous)?;
        writer.bytes(&self.commit)?;
        Ok(bytes)
    }

    /// Parses the bytes of a header. Whether they are authentic is for the caller to find out.
    ///
    /// # Errors
    /// [`DecodeError`]: not a header of this version.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.u32()? != MAGIC || reader.u8()? != VERSION {
            return Err(DecodeError::Reserved);
        }
        let ring = reader.u8()?;
        let below = u32::from(reader.u16()?);
        let page = reader.u32()?;
        let session = session_index(&mut reader)?;
        let ordinal = reader.u32()?;
        let suite = reader.u8()?;
        reader.zeros(3)?;
        Ok(Self {
            ring,
            floor: page.checked_sub(below).ok_or(DecodeError::Reserved)?,
            page,
            session,
            ordinal,
            suite,
            first_seq: reader.u64()?,
            salt: reader.array()?,
            previous: reader.array()?,
            commit: reader.array()?,
        })
    }
}

/// What an entry says about itself.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 2 | length of the body |
/// | 2 | 1 | class |
/// | 3 | 1 | zero |
/// | 4 | 2 | low half of the sequence number's low word |
/// | 6 | 2 | CRC-16/IBM-3740 over bytes 0..6, page sequence u32, offset u32: finds the end, protects nothing |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EntryHeader {
    /// Bytes of the body.
    pub length: u16,
    /// What kind of entry it is.
    pub class: u8,
    /// The low 16 bits of its sequence number.
    pub seq_low: u16,
}

impl EntryHeader {
    /// The header's bytes for an entry at byte `offset` of page `page`.
    #[must_use]
    pub fn encode(&self, page: u32, offset: u32) -> [u8; ENTRY_HEADER_BYTES] {
        let [length_0, length_1] = self.length.to_le_bytes();
        let [seq_0, seq_1] = self.seq_low.to_le_bytes();
        let head = [length_0, length_1, self.class, 0, seq_0, seq_1];
        let [crc_0, crc_1] = check(&head, page, offset).to_le_bytes();
        [length_0, length_1, self.class, 0, seq_0, seq_1, crc_0, crc_1]
    }

    /// Parses the header of an entry at byte `offset` of page `page`.
    ///
    /// # Errors
    /// [`DecodeError::Reserved`]: the CRC or the zero byte is wrong: no entry starts here.
    pub fn parse(
        bytes: &[u8; ENTRY_HEADER_BYTES],
        page: u32,
        offset: u32,
    ) -> Result<Self, DecodeError> {
        let [length_0, length_1, class, zero, seq_0, seq_1, crc_0, crc_1] = *bytes;
        let head = [length_0, length_1, class, zero, seq_0, seq_1];
        if zero != 0 || check(&head, page, offset) != u16::from_le_bytes([crc_0, crc_1]) {
            return Err(DecodeError::Reserved);
        }
        Ok(Self {
            length: u16::from_le_bytes([length_0, length_1]),
            class,
            seq_low: u16::from_le_bytes([seq_0, seq_1]),
        })
    }
}

fn check(head: &[u8; 6], page: u32, offset: u32) -> u16 {
    let mut digest = ENTRY_CRC.digest();
    digest.update(head);
    digest.update(&page.to_le_bytes());
    digest.update(&offset.to_le_bytes());
    digest.finalize()
}

/// The stretch of entries that a new session found at the end of the log and goes on from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Adopted {
    /// Page of the segment; 0 if the ring was empty.
    pub page: u32,
    /// Offset of the segment in its page: of its resume record, or of the first entry behind the page header.
    pub offset: u32,
    /// Session of the segment.
    pub session: u32,
    /// Number of its entries.
    pub count: u32,
    /// Offset behind its last entry.
    pub end: u32,
}

/// What a session writes before its first entry.
///
/// An entry of class `B0` whose body is in clear and whose tag is the MAC for the device's own mount, over page sequence
/// u32, offset u32 and the first 80 bytes of the entry. The commitment is made of the first 64 bytes of the entry.
///
/// | offset in the body | bytes | field |
/// |---|---|---|
/// | 0 | 4 | session index, not FFFF FFFF |
/// | 4 | 4 | ordinal of the segment in its session |
/// | 8 | 8 | sequence number of this record |
/// | 16 | 16 | salt of the session |
/// | 32 | 20 | adopted: page, offset, session, count, end, u32 each |
/// | 52 | 1 | suite |
/// | 53 | 3 | zero |
/// | 56 | 16 | commitment to the segment's keys |
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Resume {
    /// Session that resumes.
    pub session: u32,
    /// Ordinal of the segment in its session.
    pub ordinal: u32,
    /// Sequence number of this record.
    pub seq: u64,
    /// Salt of the session.
    pub salt: [u8; 16],
    /// The segment it goes on from.
    pub adopted: Adopted,
    /// Suite of the session.
    pub suite: u8,
    /// Commitment to the segment's keys.
    pub commit: [u8; 16],
}

impl Resume {
    /// The entry's bytes at byte `offset` of page `page`, its tag left zero.
    ///
    /// # Errors
    /// None in practice; the layout is smaller than its buffer.
    pub fn encode(&self, page: u32, offset: u32) -> Result<[u8; RESUME_BYTES], Overflow> {
        let header = EntryHeader { length: 72, class: CLASS_RESUME, seq_low: seq_low(self.seq) };
        let mut bytes = [0; RESUME_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.bytes(&header.encode(page, offset))?;
        writer.u32(self.session)?;
        writer.u32(self.ordinal)?;
        writer.u64(self.seq)?;
        writer.bytes(&self.salt)?;
        for field in [
            self.adopted.page,
            self.adopted.offset,
            self.adopted.session,
            self.adopted.count,
            self.adopted.end,
            u32::from(self.suite),
        ] {
            writer.u32(field)?;
        }
        writer.bytes(&self.commit)?;
        Ok(bytes)
    }

    /// Parses the entry at byte `offset` of page `page`. Whether it is authentic is for the caller to find out.
    ///
    /// # Errors
    /// [`DecodeError`]: no resume record lies here.
    pub fn parse(bytes: &[u8; RESUME_BYTES], page: u32, offset: u32) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let header = EntryHeader::parse(&reader.array()?, page, offset)?;
        if header.class != CLASS_RESUME || header.length != 72 {
            return Err(DecodeError::Reserved);
        }
        let session = session_index(&mut reader)?;
        let ordinal = reader.u32()?;
        let seq = reader.u64()?;
        if header.seq_low != seq_low(seq) {
            return Err(DecodeError::Reserved);
        }
        let salt = reader.array()?;
        let adopted = Adopted {
            page: reader.u32()?,
            offset: reader.u32()?,
            session: reader.u32()?,
            count: reader.u32()?,
            end: reader.u32()?,
        };
        let suite = reader.u8()?;
        reader.zeros(3)?;
        Ok(Self { session, ordinal, seq, salt, adopted, suite, commit: reader.array()? })
    }
}

/// The index of a session: no session has the one that a word reads as which was never programmed. Without this a record
/// torn before that word would be of the newest session to a reader that has no key to its tag.
fn session_index(reader: &mut Reader<'_>) -> Result<u32, DecodeError> {
    reader
        .u32()
        .and_then(|index| if index == u32::MAX { Err(DecodeError::Reserved) } else { Ok(index) })
}

/// The tag of a resume record for the device's own mount.
pub(super) fn resume_tag(mac: &MacKey, page: u32, offset: u32, bytes: &[u8]) -> [u8; 16] {
    mac.tag(&[&page.to_le_bytes(), &offset.to_le_bytes(), bytes])
}

/// The low 16 bits of a sequence number.
#[must_use]
pub const fn seq_low(seq: u64) -> u16 {
    let [low, high, ..] = seq.to_le_bytes();
    u16::from_le_bytes([low, high])
}
