//! A flash part in RAM, which takes no time: what is counted on it is the software alone.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use medsec_core::hal::Flash;

use super::flash::{PAGE_BYTES, WORD_BYTES};

/// Outside the part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfBounds;

impl NorFlashError for OutOfBounds {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

/// The part. It can be lent to one board after the other, as a part is to its boots.
#[derive(Debug)]
pub struct RamFlash<'a>(&'a mut [u8]);

impl<'a> RamFlash<'a> {
    /// A part with this content.
    #[must_use]
    pub const fn new(content: &'a mut [u8]) -> Self {
        Self(content)
    }

    fn part(&mut self, offset: u32, length: usize) -> Result<&mut [u8], OutOfBounds> {
        let start = usize::try_from(offset).map_err(|_| OutOfBounds)?;
        let end = start.checked_add(length).ok_or(OutOfBounds)?;
        self.0.get_mut(start..end).ok_or(OutOfBounds)
    }
}

impl ErrorType for RamFlash<'_> {
    type Error = OutOfBounds;
}

impl ReadNorFlash for RamFlash<'_> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), OutOfBounds> {
        bytes.copy_from_slice(self.part(offset, bytes.len())?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.0.len()
    }
}

impl NorFlash for RamFlash<'_> {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = PAGE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), OutOfBounds> {
        let length = usize::try_from(to.saturating_sub(from)).map_err(|_| OutOfBounds)?;
        self.part(from, length)?.fill(0xFF);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), OutOfBounds> {
        self.part(offset, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }
}

impl Flash for RamFlash<'_> {}
