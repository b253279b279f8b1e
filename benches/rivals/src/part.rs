//! The simulated part behind the traits that asynchronous stores ask for.

use embassy_futures::block_on;
use embedded_storage::nor_flash::{NorFlash as _, ReadNorFlash as _};
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use medsec_sim::flash::{Counts, FaultFlash, FlashError};

/// Reads in one boot after which a store is taken to read for ever.
const READS_MAX: u64 = 300_000;

/// One boot of a part. Nothing is ever pending, so each call is one poll.
pub(crate) struct Part<'a, const READ: usize, const WRITE: usize, const PAGE: usize> {
    flash: &'a mut FaultFlash<READ, WRITE, PAGE>,
    reads_end: u64,
}

impl<'a, const READ: usize, const WRITE: usize, const PAGE: usize> Part<'a, READ, WRITE, PAGE> {
    pub(crate) fn new(flash: &'a mut FaultFlash<READ, WRITE, PAGE>) -> Self {
        let reads_end = flash.counts().reads + READS_MAX;
        Self { flash, reads_end }
    }

    /// For a store that is counted, not cut.
    pub(crate) fn unbounded(flash: &'a mut FaultFlash<READ, WRITE, PAGE>) -> Self {
        Self { flash, reads_end: u64::MAX }
    }

    /// Whether the power is off.
    pub(crate) const fn is_off(&self) -> bool {
        self.flash.is_off()
    }

    /// What was asked of the part so far.
    pub(crate) const fn counts(&self) -> Counts {
        self.flash.counts()
    }

    /// Cuts that fell.
    pub(crate) fn cuts(&self) -> u32 {
        self.flash.cuts_in_all()
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> ErrorType
    for Part<'_, READ, WRITE, PAGE>
{
    type Error = FlashError;
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> ReadNorFlash
    for Part<'_, READ, WRITE, PAGE>
{
    const READ_SIZE: usize = READ;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        if self.flash.counts().reads > self.reads_end {
            return Err(FlashError::Worn);
        }
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> NorFlash
    for Part<'_, READ, WRITE, PAGE>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = PAGE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.flash.erase(from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.flash.write(offset, bytes)
    }
}

/// What a store's future comes to.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    block_on(future)
}
