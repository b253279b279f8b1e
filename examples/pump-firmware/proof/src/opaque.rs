//! A flash, a noise source and a lender of time of which the optimiser knows nothing.

use core::hint::black_box;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use medsec_core::hal::{EntropySource, EraseProgress, Flash, SourceFault};

/// A part that may answer anything.
pub struct OpaqueFlash;

fn answer() -> Result<(), NorFlashErrorKind> {
    black_box(Err(NorFlashErrorKind::Other))
}

impl ErrorType for OpaqueFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for OpaqueFlash {
    const READ_SIZE: usize = 4;

    #[inline(never)]
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        black_box((offset, bytes));
        answer()
    }

    fn capacity(&self) -> usize {
        black_box(0)
    }
}

impl NorFlash for OpaqueFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    #[inline(never)]
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        black_box((from, to));
        answer()
    }

    #[inline(never)]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        black_box((offset, bytes));
        answer()
    }
}

impl Flash for OpaqueFlash {
    #[inline(never)]
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, Self::Error> {
        black_box((offset, ms_max));
        answer().map(|()| black_box(EraseProgress::More))
    }
}

/// Noise that may be anything or missing.
pub struct OpaqueNoise;

impl EntropySource for OpaqueNoise {
    const ENTROPY_PER_BIT_MILLI: u16 = 500;

    #[inline(never)]
    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        black_box(out);
        black_box(Err(SourceFault))
    }
}
