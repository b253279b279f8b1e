//! The emulated flash: an nRF52840's NVMC in behaviour, a file of the host in substance.
//!
//! | operation | halts the core for | nRF52840 |
//! |---|---|---|
//! | program a word | 41 µs | 41 µs |
//! | erase a page | 85 ms | 85 ms |
//! | a step of a partial erase | 0.99 ms for each of the ms asked for | the ms asked for, to 5 % |
//!
//! While the core is halted, no interrupt but the power cut comes through. A page reads torn from the first step of its
//! erase to the last. A word that is programmed again keeps the bits that were cleared, and is counted.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use medsec_core::hal::{EraseProgress, Flash};

use super::console::Line;
use super::noise::SplitMix;
use super::semihosting::{File, HostFault, Mode};
use super::{clock, cut, interrupts};

/// Bytes in a word.
pub const WORD_BYTES: usize = 4;
/// Bytes in a page.
pub const PAGE_BYTES: usize = 4096;

/// Clock ticks for which programming a word halts the core.
pub const WORD_TICKS: u32 = 41 * clock::TICKS_PER_US;
const ERASE_TICKS: u32 = 85 * clock::TICKS_PER_MS;
const STEP_TICKS: u32 = 990 * clock::TICKS_PER_US;
/// Steps of 1 ms in a whole erase.
pub const STEPS_PER_ERASE: u32 = ERASE_TICKS.div_ceil(STEP_TICKS);

/// Why the flash refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlashFault {
    /// Outside the part.
    OutOfBounds,
    /// Not whole words, or not whole pages.
    NotAligned,
    /// The file behind it failed.
    Host,
    /// As [`refuse`] demands.
    Refused,
}

impl NorFlashError for FlashFault {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::Host | Self::Refused => NorFlashErrorKind::Other,
        }
    }
}

impl From<HostFault> for FlashFault {
    fn from(_: HostFault) -> Self {
        Self::Host
    }
}

/// What the flash did in this run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Words programmed.
    pub words: u32,
    /// Words among them that were not erased.
    pub words_again: u32,
    /// Pages erased.
    pub erases: u32,
}

static WORDS: AtomicU32 = AtomicU32::new(0);
static WORDS_AGAIN: AtomicU32 = AtomicU32::new(0);
static ERASES: AtomicU32 = AtomicU32::new(0);
static REFUSES: AtomicBool = AtomicBool::new(false);

/// What the flash did in this run.
#[must_use]
pub fn counts() -> Counts {
    Counts {
        words: WORDS.load(Ordering::Relaxed),
        words_again: WORDS_AGAIN.load(Ordering::Relaxed),
        erases: ERASES.load(Ordering::Relaxed),
    }
}

/// Tells the console what the flash did in this run.
pub fn tell() {
    let Counts { words, words_again, erases } = counts();
    let line = Line::new().text("FLASH words ").number(words.into());
    let line = line.text(" again ").number(words_again.into());
    line.text(" erases ").number(erases.into()).send();
}

/// Has the part refuse to program, or no longer.
pub fn refuse(refuses: bool) {
    REFUSES.store(refuses, Ordering::Relaxed);
}

fn count(counter: &AtomicU32, more: u32) {
    // Nobody else counts, so there is no race to lose.
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

/// The part.
#[derive(Debug)]
pub struct SemihostFlash {
    file: File,
    bytes: usize,
    /// The page of which an erase was begun, and its steps so far.
    erasing: Option<(usize, u32)>,
    random: SplitMix,
}

impl SemihostFlash {
    /// Opens the file `flash.bin`, whose length is the part's capacity.
    ///
    /// # Errors
    /// [`HostFault`]: there is no such file.
    pub fn open(seed: u64) -> Result<Self, HostFault> {
        let file = File::open(c"flash.bin", Mode::Update)?;
        let random = SplitMix::new(seed ^ 0x666C_6173_6800);
        Ok(Self { file, bytes: file.length()?, erasing: None, random })
    }

    fn range(&self, offset: u32, length: usize, unit: usize) -> Result<usize, FlashFault> {
        let start = usize::try_from(offset).map_err(|_| FlashFault::OutOfBounds)?;
        let end = start.checked_add(length).ok_or(FlashFault::OutOfBounds)?;
        if end > self.bytes {
            Err(FlashFault::OutOfBounds)
        } else if start.is_multiple_of(unit) && length.is_multiple_of(unit) {
            Ok(start)
        } else {
            Err(FlashFault::NotAligned)
        }
    }

    fn program(&mut self, offset: usize, word: [u8; WORD_BYTES]) -> Result<(), FlashFault> {
        if REFUSES.load(Ordering::Relaxed) {
            return Err(FlashFault::Refused);
        }
        let mut old = [0; WORD_BYTES];
        self.file.read_at(offset, &mut old)?;
        let old = u32::from_le_bytes(old);
        let new = old & u32::from_le_bytes(word);
        count(&WORDS, 1);
        count(&WORDS_AGAIN, u32::from(old != u32::MAX));
        cut::begin_program(self.file, offset, word);
        interrupts::halt(WORD_TICKS);
        let written = self.file.write_at(offset, &new.to_le_bytes());
        cut::end();
        written.map_err(Into::into)
    }

    fn blank(&mut self, offset: usize) -> Result<(), FlashFault> {
        let chunk = [0xFF; 64];
        for start in (0..PAGE_BYTES).step_by(chunk.len()) {
            self.file.write_at(offset.wrapping_add(start), &chunk)?;
        }
        count(&ERASES, 1);
        Ok(())
    }
}

impl ErrorType for SemihostFlash {
    type Error = FlashFault;
}

impl ReadNorFlash for SemihostFlash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashFault> {
        let start = self.range(offset, bytes.len(), Self::READ_SIZE)?;
        self.file.read_at(start, bytes).map_err(Into::into)
    }

    fn capacity(&self) -> usize {
        self.bytes
    }
}

impl NorFlash for SemihostFlash {
    const WRITE_SIZE: usize = WORD_BYTES;
    const ERASE_SIZE: usize = PAGE_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashFault> {
        let length = to.checked_sub(from).ok_or(FlashFault::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| FlashFault::OutOfBounds)?;
        let start = self.range(from, length, PAGE_BYTES)?;
        self.erasing = None;
        for page in (start..start.wrapping_add(length)).step_by(PAGE_BYTES) {
            cut::begin_erase(self.file, page);
            interrupts::halt(ERASE_TICKS);
            let blanked = self.blank(page);
            cut::end();
            blanked?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashFault> {
        let start = self.range(offset, bytes.len(), WORD_BYTES)?;
        let (words, _) = bytes.as_chunks::<WORD_BYTES>();
        for (at, word) in (start..).step_by(WORD_BYTES).zip(words) {
            self.program(at, *word)?;
        }
        Ok(())
    }
}

impl Flash for SemihostFlash {
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, FlashFault> {
        if cfg!(feature = "whole-erase") {
            let end = offset.checked_add(4096).ok_or(FlashFault::OutOfBounds)?;
            self.erase(offset, end)?;
            return Ok(EraseProgress::Done);
        }
        let page = self.range(offset, PAGE_BYTES, PAGE_BYTES)?;
        let before = match self.erasing {
            Some((begun, steps)) if begun == page => steps,
            _ => 0,
        };
        let steps = ms_max.clamp(1, STEPS_PER_ERASE);
        cut::begin_erase(self.file, page);
        interrupts::halt(steps.wrapping_mul(STEP_TICKS));
        let after = before.wrapping_add(steps);
        let result = if after >= STEPS_PER_ERASE {
            self.erasing = None;
            self.blank(page).map(|()| EraseProgress::Done)
        } else {
            self.erasing = Some((page, after));
            if before == 0 {
                cut::tear_page(self.file, page, &mut self.random)?;
            }
            Ok(EraseProgress::More)
        };
        cut::end();
        result
    }
}
