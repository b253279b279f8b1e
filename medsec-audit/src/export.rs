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

/// How far an export has come, and of which moment it is: 16 bytes that a maker can keep over a reboot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cursor {
    /// Bytes given so far.
    pub offset: u32,
    /// Newest page when the export began.
    pub page: u32,
    /// Offset behind its last record then.
    pub end: u32,
    /// Index of the next session then.
    pub index: u32,
}

/// Why an export gave no bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The state in the cell is damaged.
    State,
    /// The log has gone on too far since the export began: begin again.
    Changed,
}

impl core::fmt::Display for ExportError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::State => "state of the log is damaged",
            Self::Changed => "log has gone on too far since the export began",
        })
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

    /// Begins an export of the log as it is now.
    ///
    /// # Errors
    /// [`ExportError::State`].
    pub fn export_start(&self) -> Result<Cursor, ExportError> {
        let (page, end) = self.end();
        let index = self.next_index().ok_or(ExportError::State)?;
        Ok(Cursor { offset: 0, page, end, index })
    }

    /// Copies the next bytes of an export into `out` and moves `cursor`; gives their number, 0 at the end.
    ///
    /// The export is of the moment it began: what was recorded since is left out, also over reboots, and an export that broke
    /// off goes on where it stopped. Once the log records in a further page, the page after that is erased: by then the page
    /// in its slot must have been copied. Reads only.
    ///
    /// # Errors
    /// [`ExportError`]. Words that the part cannot read are given as zeros, for the host to judge.
    pub fn export<F: Flash>(
        &self,
        flash: &mut F,
        model: u32,
        cursor: &mut Cursor,
        out: &mut [u8],
    ) -> Result<usize, ExportError> {
        let header = self.export_header(model).ok_or(ExportError::State)?;
        let from = usize::try_from(cursor.offset).unwrap_or(usize::MAX);
        let rest = header.get(from..).unwrap_or_default();
        let in_header = !rest.is_empty();
        let stale = in_header && self.next_index() != Some(cursor.index);
        if stale || self.is_lost(cursor) {
            return Err(ExportError::Changed);
        }
        let count = if in_header { copy(out, rest) } else { self.export_pages(flash, cursor, out) };
        let moved = u32::try_from(count).unwrap_or(u32::MAX);
        cursor.offset = cursor.offset.saturating_add(moved);
        Ok(count)
    }

    fn export_pages<F: Flash>(&self, flash: &mut F, cursor: &Cursor, out: &mut [u8]) -> usize {
        let geometry = *self.plan().geometry();
        let at = cursor.offset.saturating_sub(168);
        let left = self.export_bytes().saturating_sub(cursor.offset);
        let count = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let mut done = 0_usize;
        // Unit by unit, so that an unreadable word costs no more than itself.
        let step = usize::try_from(geometry.unit()).unwrap_or(usize::MAX);
        while done < count {
            let offset = at.saturating_add(u32::try_from(done).unwrap_or(u32::MAX));
            let skip = offset.checked_rem(geometry.unit()).unwrap_or(0);
            let start = offset.saturating_sub(skip);
            let mut unit = [0; page::UNIT_BYTES_MAX];
            let words = unit.get_mut(..step).unwrap_or_default();
            if self.is_later(cursor, start) {
                words.fill(0xFF);
            } else if page::read(flash, geometry.at(0, start), words).is_err() {
                words.fill(0);
            }
            let words = words.get(usize::try_from(skip).unwrap_or(0)..).unwrap_or_default();
            let copied = copy(out.get_mut(done..count).unwrap_or_default(), words);
            done = done.saturating_add(copied.max(1));
        }
        count
    }

    /// Whether the log has gone on so far that a page of the export was erased before it was copied.
    fn is_lost(&self, cursor: &Cursor) -> bool {
        let (page, _) = self.end();
        let further = page.saturating_sub(cursor.page);
        let geometry = self.plan().geometry();
        let slot = self.plan().slot(cursor.page.saturating_add(2));
        let copied = slot.saturating_add(1).saturating_mul(geometry.page_bytes());
        // A page that there is not yet: the log was made anew since.
        cursor.page > page
            || further > 1
            || (further == 1 && cursor.offset.saturating_sub(168) < copied)
    }

    /// Whether byte `offset` of the ring lies behind the end that the log had, or in the page it opened or erases next.
    ///
    /// That page is given as it is as long as nothing was recorded: the last entry before may have been in flight, and a
    /// host that does not see it still expects what lies there.
    fn is_later(&self, cursor: &Cursor, offset: u32) -> bool {
        let plan = self.plan();
        let page_bytes = plan.geometry().page_bytes();
        let slot = offset.checked_div(page_bytes).unwrap_or(0);
        let in_page = offset.checked_rem(page_bytes).unwrap_or(0);
        let went_on = self.has_entry() || self.end().0 > cursor.page;
        (went_on && slot == plan.slot(cursor.page.saturating_add(1)))
            || (slot == plan.slot(cursor.page) && in_page >= cursor.end)
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

/// Copies as much of `from` as `to` has room for, and says how much.
fn copy(to: &mut [u8], from: &[u8]) -> usize {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
    to.len().min(from.len())
}
