//! What a port implements for this crate, and nothing else.

use embedded_storage::nor_flash::NorFlash;

use crate::time::Ticks;

/// How far an erase has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EraseProgress {
    /// The page is erased.
    Done,
    /// More steps are needed; until then the page may read as anything.
    More,
}

/// Flash that can be erased a slice at a time.
///
/// The contract is that of [`NorFlash`]: a word is programmed at most once per erase, and after a power cut the words or
/// the page in flight may read as anything. medsec relies on nothing more (invariant 6).
pub trait Flash: NorFlash {
    /// Goes on erasing the page at byte `offset`, halting the core for at most about `ms_max` milliseconds.
    ///
    /// The caller calls again with the same offset until [`EraseProgress::Done`]. Calls for another page may come between, and
    /// nothing then counts of what was done before: the erase of this page starts over, as it does after a power cut. A port
    /// that counts its steps keeps the offset beside the count. A part without a partial erase keeps
    /// this default, which erases the whole page at once and exceeds `ms_max`; its port says so.
    ///
    /// # Errors
    /// The part's own error; the page may then read as anything.
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, Self::Error> {
        let _ = ms_max;
        let bytes = u32::try_from(Self::ERASE_SIZE).unwrap_or(u32::MAX);
        self.erase(offset, offset.saturating_add(bytes))?;
        Ok(EraseProgress::Done)
    }
}

impl<F: Flash> Flash for &mut F {
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, Self::Error> {
        F::erase_step(self, offset, ms_max)
    }
}

/// The part's noise source could not deliver samples.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceFault;

impl core::fmt::Display for SourceFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("noise source gave no samples")
    }
}

impl core::error::Error for SourceFault {}

/// Raw, unconditioned noise bits.
///
/// A port hands over what the ring oscillator or the like gives *before* any whitening: the health tests of
/// [`crate::rng`] can only see faults in raw bits.
pub trait EntropySource {
    /// Min-entropy that the port claims for each raw bit, in thousandths of a bit (1 to 1000).
    const ENTROPY_PER_BIT_MILLI: u16;

    /// Fills `out` with raw samples, eight to the byte, first sample in bit 0.
    ///
    /// # Errors
    /// [`SourceFault`]: the part delivered none.
    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault>;
}

impl<E: EntropySource> EntropySource for &mut E {
    const ENTROPY_PER_BIT_MILLI: u16 = E::ENTROPY_PER_BIT_MILLI;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        E::sample(self, out)
    }
}

/// Time since power-on.
pub trait Clock {
    /// Milliseconds since this boot; never goes back within a boot.
    fn now(&mut self) -> Ticks;
}

impl<C: Clock> Clock for &mut C {
    fn now(&mut self) -> Ticks {
        C::now(self)
    }
}

/// Whether the debug port of the processor is locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DebugState {
    /// A probe reads and changes nothing.
    Locked,
    /// It does, or the part does not say.
    Open,
}

/// The lock of the part's debug port (JTAG, SWD).
pub trait DebugLock {
    /// Whether the part has one. A port of a part without (RP2040) says so here, and everything that is reported says so too.
    const LOCKABLE: bool;

    /// Reads from the part, not from a copy, whether it is locked.
    fn read_state(&mut self) -> DebugState;

    /// Locks it, from the next reset on at the latest. Harmless where it is locked; without effect on a part that has no lock.
    fn lock(&mut self);
}

impl<D: DebugLock> DebugLock for &mut D {
    const LOCKABLE: bool = D::LOCKABLE;

    fn read_state(&mut self) -> DebugState {
        D::read_state(self)
    }

    fn lock(&mut self) {
        D::lock(self);
    }
}
