//! Virtual time of a device, and its essential function, which a halted core holds up.
//!
//! A timer interrupt calls the essential function. While flash that lies in the same chip is programmed or erased, the
//! core stands still, and the interrupt is taken when it goes on. [`TimedFlash`] charges each operation with the time
//! that it takes on an nRF52840, and [`Heart`] says how late the interrupt was taken at worst.
//!
//! # Limits
//! Computing takes no time here; instruction counts are measured on the emulated cores.

use core::cell::Cell;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use medsec_core::hal::{EraseProgress, Flash};

use crate::clock::SimClock;
use crate::device::SimFlash;
use crate::flash::FlashError;

/// Microseconds to program one word of 4 bytes.
pub const PROGRAM_US: u64 = 41;
/// Milliseconds to erase a page.
pub const ERASE_MS: u32 = 85;

/// The time of one boot, and what is called at each tick.
pub struct Heart<'e> {
    clock: SimClock,
    tick: &'e dyn Fn(),
    period_us: u64,
    now_us: Cell<u64>,
    due_us: Cell<u64>,
    late_us: Cell<u64>,
}

impl<'e> Heart<'e> {
    /// A boot at 0, whose essential function `tick` is due every `period_ms` milliseconds.
    #[must_use]
    pub fn new(clock: SimClock, period_ms: u32, tick: &'e dyn Fn()) -> Self {
        let period_us = u64::from(period_ms.max(1)) * 1_000;
        clock.set(0);
        let (now_us, due_us, late_us) = (Cell::new(0), Cell::new(period_us), Cell::new(0));
        Self { clock, tick, period_us, now_us, due_us, late_us }
    }

    /// Time goes by with the core free: each tick is on time.
    pub fn pass(&self, us: u64) {
        let end = self.now_us.get() + us;
        while self.due_us.get() <= end {
            self.now_us.set(self.due_us.get());
            self.beat();
        }
        self.now_us.set(end);
        self.clock.set(end / 1_000);
    }

    /// The core is halted: ticks that fall due run when it goes on.
    pub fn halt(&self, us: u64) {
        self.now_us.set(self.now_us.get() + us);
        self.clock.set(self.now_us.get() / 1_000);
        while self.due_us.get() <= self.now_us.get() {
            self.beat();
        }
    }

    /// How late the latest tick was, in microseconds.
    #[must_use]
    pub const fn late_us(&self) -> u64 {
        self.late_us.get()
    }

    fn beat(&self) {
        let late = self.now_us.get() - self.due_us.get();
        self.late_us.set(self.late_us.get().max(late));
        self.due_us.set(self.due_us.get() + self.period_us);
        (self.tick)();
    }
}

/// A part that lies in the same chip as the core, and halts it.
pub struct TimedFlash<'a, 'e> {
    flash: &'a mut SimFlash,
    heart: &'a Heart<'e>,
}

impl<'a, 'e> TimedFlash<'a, 'e> {
    /// `flash` in the chip whose time `heart` keeps.
    pub const fn new(flash: &'a mut SimFlash, heart: &'a Heart<'e>) -> Self {
        Self { flash, heart }
    }

    /// The part itself, as somebody has it who opened the device.
    pub const fn part(&mut self) -> &mut SimFlash {
        self.flash
    }
}

impl ErrorType for TimedFlash<'_, '_> {
    type Error = FlashError;
}

impl ReadNorFlash for TimedFlash<'_, '_> {
    const READ_SIZE: usize = SimFlash::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl NorFlash for TimedFlash<'_, '_> {
    const WRITE_SIZE: usize = SimFlash::WRITE_SIZE;
    const ERASE_SIZE: usize = SimFlash::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        let erased = self.flash.erase(from, to);
        let bytes = usize::try_from(to.saturating_sub(from)).unwrap_or(0);
        let pages = u64::try_from(bytes / Self::ERASE_SIZE).unwrap_or(0);
        self.heart.halt(pages * u64::from(ERASE_MS) * 1_000);
        erased
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        let written = self.flash.write(offset, bytes);
        let words = u64::try_from(bytes.len() / Self::WRITE_SIZE).unwrap_or(0);
        self.heart.halt(words * PROGRAM_US);
        written
    }
}

impl Flash for TimedFlash<'_, '_> {
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, FlashError> {
        let ms = ms_max.clamp(1, ERASE_MS);
        self.flash.set_erase_steps(ERASE_MS.div_ceil(ms));
        let stepped = self.flash.erase_step(offset, ms);
        self.heart.halt(u64::from(ms) * 1_000);
        stepped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Model;

    #[test]
    fn a_halted_core_is_late_and_loses_no_tick() {
        let count = Cell::new(0);
        let tick = || count.set(count.get() + 1);
        let heart = Heart::new(SimClock::new(), 10, &tick);
        heart.pass(100_000);
        assert_eq!((count.get(), heart.late_us()), (10, 0));
        let mut part = SimFlash::new(2, Model::None, 1);
        let mut flash = TimedFlash::new(&mut part, &heart);
        while flash.erase_step(0, 5).unwrap() != EraseProgress::Done {}
        assert_eq!((count.get(), heart.late_us()), (18, 0));
        flash.write(0, &[0; 128]).unwrap();
        flash.erase(0, 4096).unwrap();
        assert_eq!((count.get(), heart.late_us()), (27, 81_312));
    }
}
