//! Geometry of pages, and the four things done to them: read, program, program and read back, erase.

use super::{Error, ErrorKind, Operation, Region};
use crate::hal::{EraseProgress, Flash};
use crate::secret::Secret;

/// Largest program unit supported, in bytes.
pub const UNIT_BYTES_MAX: usize = 256;

/// Largest record programmed in one operation, in bytes, padding included.
pub const RECORD_BYTES_MAX: usize = 256;

/// Why a region cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum GeometryError {
    /// The part's words are larger than [`UNIT_BYTES_MAX`], not a power of two, or its reads larger than 8 bytes.
    Unit,
    /// The region does not start and end at pages of the part, or lies outside it.
    Region,
    /// Too few, too many or too small pages for what is to be kept in them.
    Pages,
}

impl core::fmt::Display for GeometryError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unit => "word size of the part is not supported",
            Self::Region => "region is not made of whole pages of the part",
            Self::Pages => "too few, too many or too small pages",
        })
    }
}

impl core::error::Error for GeometryError {}

/// Page size, number of pages and program unit of a region on a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    region: Region,
    page_bytes: u32,
    unit: u32,
    pages: u32,
}

impl Geometry {
    /// The geometry of `region` on a part of type `F`.
    ///
    /// # Errors
    /// [`GeometryError::Unit`] or [`GeometryError::Region`], as they say.
    pub fn of<F: Flash>(flash: &F, region: Region) -> Result<Self, GeometryError> {
        let (write, read) = (F::WRITE_SIZE, F::READ_SIZE);
        if !write.is_power_of_two() || write > UNIT_BYTES_MAX || !read.is_power_of_two() || read > 8
        {
            return Err(GeometryError::Unit);
        }
        let unit = u32::try_from(write.max(read).max(4)).map_err(|_| GeometryError::Unit)?;
        let page_bytes = u32::try_from(F::ERASE_SIZE).map_err(|_| GeometryError::Region)?;
        let end = region.offset().checked_add(region.bytes()).ok_or(GeometryError::Region)?;
        let pages = region.bytes().checked_div(page_bytes).ok_or(GeometryError::Region)?;
        let whole = |bytes: u32| bytes.checked_rem(page_bytes) == Some(0);
        let inside = usize::try_from(end).is_ok_and(|end| end <= flash.capacity());
        if pages == 0 || !whole(region.offset()) || !whole(region.bytes()) || !inside {
            return Err(GeometryError::Region);
        }
        if page_bytes.checked_rem(unit) != Some(0) {
            return Err(GeometryError::Unit);
        }
        Ok(Self { region, page_bytes, unit, pages })
    }

    /// The geometry of an image on a host, where no part is at hand.
    ///
    /// # Errors
    /// [`GeometryError`]: the sizes do not fit together.
    pub fn of_image(page_bytes: u32, unit: u32, pages: u32) -> Result<Self, GeometryError> {
        if !unit.is_power_of_two() || !(4..=256).contains(&unit) {
            return Err(GeometryError::Unit);
        }
        let bytes = page_bytes.checked_mul(pages).ok_or(GeometryError::Region)?;
        if bytes == 0 || page_bytes.checked_rem(unit) != Some(0) {
            return Err(GeometryError::Region);
        }
        Ok(Self { region: Region::new(0, bytes), page_bytes, unit, pages })
    }

    /// The same region in `frames` frames of as many whole pages each, as if a frame were one page; nothing if the
    /// pages do not divide.
    pub(super) const fn in_frames(&self, frames: u32) -> Option<Self> {
        let (Some(0), Some(each)) =
            (self.pages.checked_rem(frames), self.pages.checked_div(frames))
        else {
            return None;
        };
        let page_bytes = self.page_bytes.saturating_mul(each);
        Some(Self { region: self.region, page_bytes, unit: self.unit, pages: frames })
    }

    /// Bytes in a page.
    #[must_use]
    pub const fn page_bytes(&self) -> u32 {
        self.page_bytes
    }

    /// The unit all offsets and lengths are rounded up to: max(word, read, 4), in bytes.
    #[must_use]
    pub const fn unit(&self) -> u32 {
        self.unit
    }

    /// Number of pages.
    #[must_use]
    pub const fn pages(&self) -> u32 {
        self.pages
    }

    /// `bytes` rounded up to the unit.
    #[must_use]
    pub const fn round_up(&self, bytes: u32) -> u32 {
        let mask = self.unit.saturating_sub(1);
        bytes.saturating_add(mask) & !mask
    }

    /// Byte offset in the part of byte `offset` of page `index`.
    #[must_use]
    pub const fn at(&self, index: u32, offset: u32) -> u32 {
        self.region
            .offset()
            .saturating_add(index.saturating_mul(self.page_bytes))
            .saturating_add(offset)
    }
}

/// Reads `out.len()` bytes (a multiple of the part's read size).
///
/// # Errors
/// The part's; a torn word of a part with ECC may answer this way, so mounts take it as "not valid".
pub fn read<F: Flash>(flash: &mut F, offset: u32, out: &mut [u8]) -> Result<(), Error> {
    flash.read(offset, out).map_err(|error| Error::new(&error, Operation::Read, offset))
}

/// Programs `record` in one operation, padded with FF to the unit. At most [`RECORD_BYTES_MAX`] bytes.
///
/// # Errors
/// The part's, or [`ErrorKind::OutOfBounds`] for a record that is too long.
pub fn program<F: Flash>(
    flash: &mut F,
    geometry: &Geometry,
    offset: u32,
    record: &[u8],
) -> Result<(), Error> {
    let too_long = Error { kind: ErrorKind::OutOfBounds, operation: Operation::Program, offset };
    // A record may hold a secret, so both buffers are wiped.
    let mut padded = Secret::new([0xFF; RECORD_BYTES_MAX]);
    padded.expose_mut().get_mut(..record.len()).ok_or(too_long)?.copy_from_slice(record);
    let length = u32::try_from(record.len()).map_err(|_| too_long)?;
    let length = usize::try_from(geometry.round_up(length)).map_err(|_| too_long)?;
    let words = padded.expose().get(..length).ok_or(too_long)?;
    flash.write(offset, words).map_err(|error| Error::new(&error, Operation::Program, offset))
}

/// Programs `record` as [`program`] does and reads it back.
///
/// # Errors
/// As [`program`] and [`read`]; [`ErrorKind::ReadBack`] if the words differ.
pub fn program_checked<F: Flash>(
    flash: &mut F,
    geometry: &Geometry,
    offset: u32,
    record: &[u8],
) -> Result<(), Error> {
    program(flash, geometry, offset, record)?;
    let differs = Error { kind: ErrorKind::ReadBack, operation: Operation::Program, offset };
    let mut back = Secret::new([0; RECORD_BYTES_MAX]);
    let length = u32::try_from(record.len()).map_err(|_| differs)?;
    let length = usize::try_from(geometry.round_up(length)).map_err(|_| differs)?;
    let words = back.expose_mut().get_mut(..length).ok_or(differs)?;
    read(flash, offset, words)?;
    if words.get(..record.len()) == Some(record) { Ok(()) } else { Err(differs) }
}

/// Erases page `index` whole. For the factory; a device in use erases in steps.
///
/// # Errors
/// The part's; the page may then read as anything.
pub fn erase<F: Flash>(flash: &mut F, geometry: &Geometry, index: u32) -> Result<(), Error> {
    let (start, end) = (geometry.at(index, 0), geometry.at(index, geometry.page_bytes()));
    flash.erase(start, end).map_err(|error| Error::new(&error, Operation::Erase, start))
}

/// Goes on erasing page `index` for at most about `ms_max` milliseconds.
///
/// # Errors
/// The part's; the page may then read as anything.
pub fn erase_step<F: Flash>(
    flash: &mut F,
    geometry: &Geometry,
    index: u32,
    ms_max: u32,
) -> Result<EraseProgress, Error> {
    let offset = geometry.at(index, 0);
    flash.erase_step(offset, ms_max).map_err(|error| Error::new(&error, Operation::Erase, offset))
}
