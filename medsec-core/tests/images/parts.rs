//! A part that misbehaves in ways that no power cut explains.

use core::ops::Range;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use medsec_core::hal::Flash;
use medsec_sim::flash::FaultFlash;

pub(crate) type Part = FaultFlash<4, 4, 1024>;

pub(crate) struct Odd {
    pub(crate) part: Part,
    /// A read of so many bytes gives the right ones, with an error.
    pub(crate) unsure: Option<usize>,
    /// One bit of what is programmed from here to there does not take, and nothing is said of it.
    pub(crate) sticks: Range<u32>,
}

impl Odd {
    /// `part` as it is.
    pub(crate) fn of(part: Part) -> Self {
        Self { part, unsure: None, sticks: 0..0 }
    }
}

impl ErrorType for Odd {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for Odd {
    const READ_SIZE: usize = Part::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        self.part.read(offset, bytes).map_err(|_| NorFlashErrorKind::Other)?;
        if self.unsure == Some(bytes.len()) { Err(NorFlashErrorKind::Other) } else { Ok(()) }
    }

    fn capacity(&self) -> usize {
        self.part.capacity()
    }
}

impl NorFlash for Odd {
    const WRITE_SIZE: usize = Part::WRITE_SIZE;
    const ERASE_SIZE: usize = Part::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        self.part.erase(from, to).map_err(|_| NorFlashErrorKind::Other)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        let mut kept = bytes.to_vec();
        if let Some(first) = kept.first_mut().filter(|_| self.sticks.contains(&offset)) {
            *first |= 0x80;
        }
        self.part.write(offset, &kept).map_err(|_| NorFlashErrorKind::Other)
    }
}

impl Flash for Odd {}
