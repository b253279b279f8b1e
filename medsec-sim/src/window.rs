//! A stretch of a simulated part as a part of its own, such as a module that one power supply feeds too.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashError, ReadNorFlash};
use medsec_core::hal::{EraseProgress, Flash};

/// The pages of `flash` from byte `start` on, `bytes` bytes of them.
///
/// # Example
/// ```
/// use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
/// use medsec_sim::{fault::Model, flash::FaultFlash, window::Window};
///
/// let mut flash = FaultFlash::<1, 4, 512>::new(4, Model::None, 7);
/// let mut module = Window::new(&mut flash, 1024, 1024);
/// module.write(4, &[1, 2, 3, 4]).unwrap();
/// assert!(module.read(1022, &mut [0; 4]).is_err());
/// assert_eq!(flash.image()[1028..1032], [1, 2, 3, 4]);
/// ```
#[derive(Debug)]
pub struct Window<F> {
    flash: F,
    start: u32,
    bytes: u32,
}

impl<F: Flash> Window<F> {
    /// The window from byte `start` on, `bytes` bytes wide.
    #[must_use]
    pub const fn new(flash: F, start: u32, bytes: u32) -> Self {
        Self { flash, start, bytes }
    }

    /// Where `offset` is in the whole part; past its end if it is past the window's.
    fn place(&self, offset: u32, bytes: usize) -> u32 {
        let end = u32::try_from(bytes).ok().and_then(|bytes| offset.checked_add(bytes));
        let is_inside = end.is_some_and(|end| end <= self.bytes);
        if is_inside { self.start.saturating_add(offset) } else { u32::MAX - 0xffff }
    }
}

impl<F: ErrorType> ErrorType for Window<F>
where
    F::Error: NorFlashError,
{
    type Error = F::Error;
}

impl<F: Flash> ReadNorFlash for Window<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let place = self.place(offset, bytes.len());
        self.flash.read(place, bytes)
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.bytes).unwrap_or(0)
    }
}

impl<F: Flash> NorFlash for Window<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let bytes = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let place = self.place(from, bytes);
        self.flash.erase(place, place.saturating_add(to.saturating_sub(from)))
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let place = self.place(offset, bytes.len());
        self.flash.write(place, bytes)
    }
}

impl<F: Flash> Flash for Window<F> {
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, Self::Error> {
        let place = self.place(offset, Self::ERASE_SIZE);
        self.flash.erase_step(place, ms_max)
    }
}
