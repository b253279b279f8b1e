//! Carrying the log from the device to a host: the pages as they are, behind a header that says how to read them.
//!
//! Records stay encrypted and every byte is verified by the host, so the export needs no trust in whoever carries it.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic "MSE1" |
//! | 4 | 1 | version 1 |
//! | 5 | 1 | suite |
//! | 6 | 1 | ring id |
//! | 7 | 1 | retention: 1 overwrite, 2 block |
//! | 8 | 4 | model |
//! | 12 | 16 | device id |
//! | 28 | 4 | bytes in a page |
//! | 32 | 4 | unit: all offsets and lengths are rounded up to it |
//! | 36 | 4 | number of pages |
//! | 40 | 2 | longest body of an entry |
//! | 42 | 2 | zero |
//! | 44 | 124 | public part of the state in the cell |
//! | 168 | … | the pages, slot by slot; words that could not be read are zero |

use medsec_core::codec::{DecodeError, Overflow, Reader, Writer};
use medsec_core::flash::page;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{Plan, Retention};
use medsec_core::hal::Flash;
use medsec_core::suite::Suite;

use crate::DeviceId;
use crate::log::{Log, RING_ID};
use crate::record::BODY_BYTES_MAX;
use crate::state::PUBLIC_BYTES;

/// First bytes of an export: "MSE1".
pub const MAGIC: u32 = 0x3145_534D;
/// Version of the layout.
pub const VERSION: u8 = 1;
/// Bytes before the pages.
pub const EXPORT_HEADER_BYTES: usize = 168;

/// What an export says before its pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ExportHeader {
    /// Suite of the log.
    pub suite: u8,
    /// Id of its ring.
    pub ring: u8,
    /// What it does when full.
    pub retention: Retention,
    /// Model of the device.
    pub model: u32,
    /// The device.
    pub device: DeviceId,
    /// Bytes in a page.
    pub page_bytes: u32,
    /// Unit of the part.
    pub unit: u32,
    /// Number of pages.
    pub pages: u32,
    /// Longest body of an entry.
    pub body_bytes_max: u16,
    /// Public part of the state in the cell.
    pub state: [u8; PUBLIC_BYTES],
}

impl ExportHeader {
    /// Its bytes.
    ///
    /// # Errors
    /// None in practice; the layout is as long as its buffer.
    pub fn encode(&self) -> Result<[u8; EXPORT_HEADER_BYTES], Overflow> {
        let mut bytes = [0; EXPORT_HEADER_BYTES];
        let mut writer = Writer::new(&mut bytes);
        writer.u32(MAGIC)?;
        writer.u8(VERSION)?;
        writer.u8(self.suite)?;
        writer.u8(self.ring)?;
        writer.u8(match self.retention {
            Retention::Block => 2,
            Retention::Overwrite | _ => 1,
        })?;
        writer.u32(self.model)?;
        writer.bytes(&self.device)?;
        writer.u32(self.page_bytes)?;
        writer.u32(self.unit)?;
        writer.u32(self.pages)?;
        writer.u32(u32::from(self.body_bytes_max))?;
        writer.bytes(&self.state)?;
        Ok(bytes)
    }

    /// Parses the front of an export, and gives the rest: its pages.
    ///
    /// # Errors
    /// [`DecodeError`]: not an export of this version, or not as long as its header says.
    pub fn parse(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader::new(bytes);
        if reader.u32()? != MAGIC || reader.u8()? != VERSION {
            return Err(DecodeError::Reserved);
        }
        let suite = reader.u8()?;
        let ring = reader.u8()?;
        let retention = match reader.u8()? {
            1 => Retention::Overwrite,
            2 => Retention::Block,
            _ => return Err(DecodeError::Reserved),
        };
        let header = Self {
            suite,
            ring,
            retention,
            model: reader.u32()?,
            device: reader.array()?,
            page_bytes: reader.u32()?,
            unit: reader.u32()?,
            pages: reader.u32()?,
            body_bytes_max: reader.u16()?,
            state: {
                reader.zeros(2)?;
                reader.array()?
            },
        };
        let length = header.page_bytes.checked_mul(header.pages).ok_or(DecodeError::Short)?;
        let pages = reader.bytes(usize::try_from(length).map_err(|_| DecodeError::Short)?)?;
        reader.finish()?;
        Ok((header, pages))
    }

    /// Where things lie in the pages.
    ///
    /// # Errors
    /// [`medsec_core::flash::page::GeometryError`]: the sizes do not fit together.
    pub fn plan(&self) -> Result<Plan, page::GeometryError> {
        let geometry = Geometry::of_image(self.page_bytes, self.unit, self.pages)?;
        Plan::new(geometry, u32::from(self.body_bytes_max))
    }
}

/// Why an export gave no bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The state in the cell is damaged.
    State,
}

impl core::fmt::Display for ExportError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("state of the log is damaged")
    }
}

impl core::error::Error for ExportError {}

impl<S: Suite> Log<S> {
    /// The length of an export, in bytes.
    #[must_use]
    pub fn export_bytes(&self) -> u32 {
        let geometry = self.plan().geometry();
        let pages = geometry.page_bytes().saturating_mul(geometry.pages());
        pages.saturating_add(168)
    }

    /// Copies the bytes of an export from byte `cursor` on into `out`; gives their number, 0 at the end.
    ///
    /// The cursor is a plain offset, so an export that broke off goes on where it stopped, also after a reboot. Records
    /// appended meanwhile are in it or not; a page given up meanwhile is seen by the host as policy. Reads only.
    ///
    /// # Errors
    /// [`ExportError::State`]. Words that the part cannot read are given as zeros, for the host to judge.
    pub fn export<F: Flash>(
        &self,
        flash: &mut F,
        model: u32,
        cursor: u32,
        out: &mut [u8],
    ) -> Result<usize, ExportError> {
        let header = self.export_header(model).ok_or(ExportError::State)?;
        let from = usize::try_from(cursor).unwrap_or(usize::MAX);
        if let Some(rest) = header.get(from..).filter(|rest| !rest.is_empty()) {
            let count = rest.len().min(out.len());
            for (to, from) in out.iter_mut().zip(rest) {
                *to = *from;
            }
            return Ok(count);
        }
        let geometry = *self.plan().geometry();
        let at = cursor.saturating_sub(168);
        let left = self.export_bytes().saturating_sub(cursor);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        let count = out.len().min(left);
        let mut done = 0_usize;
        // Unit by unit, so that an unreadable word costs no more than itself.
        let step = usize::try_from(geometry.unit()).unwrap_or(usize::MAX);
        while done < count {
            let offset = at.saturating_add(u32::try_from(done).unwrap_or(u32::MAX));
            let skip = offset.checked_rem(geometry.unit()).unwrap_or(0);
            let mut unit = [0; page::UNIT_BYTES_MAX];
            let words = unit.get_mut(..step).unwrap_or_default();
            let start = geometry.at(0, offset.saturating_sub(skip));
            if page::read(flash, start, words).is_err() {
                words.fill(0);
            }
            let words = words.iter().skip(usize::try_from(skip).unwrap_or(0));
            let mut copied = 0_usize;
            for (to, from) in out.iter_mut().take(count).skip(done).zip(words) {
                *to = *from;
                copied = copied.saturating_add(1);
            }
            done = done.saturating_add(copied.max(1));
        }
        Ok(count)
    }

    fn export_header(&self, model: u32) -> Option<[u8; EXPORT_HEADER_BYTES]> {
        let plan = self.plan();
        let geometry = plan.geometry();
        ExportHeader {
            suite: S::ID,
            ring: RING_ID,
            retention: self.retention(),
            model,
            device: self.device(),
            page_bytes: geometry.page_bytes(),
            unit: geometry.unit(),
            pages: geometry.pages(),
            body_bytes_max: BODY_BYTES_MAX,
            state: *self.public_bytes()?,
        }
        .encode()
        .ok()
    }
}
