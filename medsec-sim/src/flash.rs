//! A NOR flash that loses power when told to.
//!
//! [`FaultFlash`] implements the flash traits over memory. It checks what `NorFlash` asks of its caller (alignment,
//! bounds, one program per word and erase), counts, and at a chosen operation cuts the power as a [`Model`] says. From
//! then on every call fails until [`FaultFlash::power_on`].
//!
//! A run is a function of its seed, and costs no allocation but at a cut.

use std::io;
use std::path::Path;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, ReadNorFlash, check_erase, check_read, check_write,
};
use medsec_core::hal::{EraseProgress, Flash};

use crate::fault::{Model, OperationKind, Zone};
use crate::prng::Prng;

mod error;
mod marks;
mod operation;

pub use error::FlashError;
use marks::Marks;
use operation::Fate;

/// What was asked of a part since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Reads.
    pub reads: u64,
    /// Programs, cut ones included.
    pub programs: u64,
    /// Pages erased, cut ones included.
    pub erases: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes programmed.
    pub bytes_written: u64,
    /// Words programmed again without an erase between.
    pub double_programs: u64,
}

/// Gaps between power cuts, in operations: after the first gap, then after the next, until one is 0.
pub type Gaps = [u32; GAPS];

/// Number of cuts a schedule holds.
pub const GAPS: usize = 12;

/// The operation that the last cut fell into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cut {
    /// What it was.
    pub kind: OperationKind,
    /// Where it began, in bytes.
    pub offset: u32,
}

/// A NOR flash of `READ`-byte reads, `WRITE`-byte words and `PAGE`-byte pages.
///
/// # Example
/// ```
/// use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
/// use medsec_sim::{fault::Model, flash::{FaultFlash, FlashError}};
///
/// let mut flash = FaultFlash::<1, 4, 512>::new(4, Model::Metastable, 7);
/// flash.cut_after(2);
/// flash.write(0, &[1, 2, 3, 4]).unwrap();
/// assert_eq!(flash.erase(0, 512), Err(FlashError::PowerCut));
/// flash.power_on();
/// flash.read(0, &mut [0; 4]).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct FaultFlash<const READ: usize, const WRITE: usize, const PAGE: usize> {
    bytes: Vec<u8>,
    programmed: Marks,
    /// Unstable stretches, oldest first.
    zones: Vec<Zone>,
    /// Words that error correction has given up, until their page is erased.
    dead: Vec<usize>,
    /// Words that cannot be read, for ever.
    broken: Vec<usize>,
    /// Pages that can no longer be programmed or erased.
    worn: Vec<u32>,
    wear: Vec<u32>,
    model: Model,
    prng: Prng,
    boot: u64,
    off: bool,
    to_cut: u32,
    gaps: Gaps,
    next_gap: usize,
    to_failure: u32,
    erase_steps: u32,
    /// The page a partial erase is at, and the steps done.
    erasing: Option<(usize, u32)>,
    operations: u64,
    since_power_on: u32,
    counts: Counts,
    fallen: [[u32; OperationKind::COUNT]; Model::COUNT],
    last_cut: Option<Cut>,
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> FaultFlash<READ, WRITE, PAGE> {
    const SIZES: () = assert!(
        READ != 0 && WRITE != 0 && PAGE.is_multiple_of(WRITE) && PAGE.is_multiple_of(READ),
        "a page is made of words and of reads"
    );

    /// An erased part of `pages` pages, powered, that behaves as `model` says; `seed` draws all its chances.
    #[must_use]
    pub fn new(pages: u32, model: Model, seed: u64) -> Self {
        let bytes = usize::try_from(pages).unwrap_or(0).saturating_mul(PAGE);
        Self::from_image(vec![0xFF; bytes], model, seed)
    }

    /// A part that holds `image`, filled up to a whole page. Words that are not blank count as programmed.
    #[must_use]
    pub fn from_image(mut image: Vec<u8>, model: Model, seed: u64) -> Self {
        let () = Self::SIZES;
        image.resize(image.len().next_multiple_of(PAGE), 0xFF);
        let mut programmed = Marks::new(image.len() / WRITE);
        for (index, word) in image.chunks(WRITE).enumerate() {
            if word.iter().any(|byte| *byte != 0xFF) {
                programmed.set(index, index + 1);
            }
        }
        Self {
            programmed,
            zones: Vec::new(),
            dead: Vec::new(),
            broken: Vec::new(),
            worn: Vec::new(),
            wear: vec![0; image.len() / PAGE],
            bytes: image,
            model,
            prng: Prng::new(seed),
            boot: 0,
            off: false,
            to_cut: 0,
            gaps: [0; GAPS],
            next_gap: 0,
            to_failure: 0,
            erase_steps: 1,
            erasing: None,
            operations: 0,
            since_power_on: 0,
            counts: Counts::default(),
            fallen: [[0; OperationKind::COUNT]; Model::COUNT],
            last_cut: None,
        }
    }

    /// A part that holds what `path` holds.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load_from(path: &Path, model: Model, seed: u64) -> io::Result<Self> {
        Ok(Self::from_image(std::fs::read(path)?, model, seed))
    }

    /// Writes the image of this part to `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save_to(&self, path: &Path) -> io::Result<()> {
        std::fs::write(path, self.image())
    }

    /// What a reader of the whole part would see now. Words that cannot be read show whatever they hold.
    #[must_use]
    pub fn image(&self) -> Vec<u8> {
        let mut image = self.bytes.clone();
        self.overlay(0, &mut image);
        image
    }

    /// Becomes a copy of `other` without allocating anew: how a driver goes back to a snapshot.
    pub fn restore(&mut self, other: &Self) {
        let Self { bytes, programmed, zones, dead, broken, worn, wear, .. } = self;
        bytes.clone_from(&other.bytes);
        programmed.clone_from(&other.programmed);
        zones.clone_from(&other.zones);
        dead.clone_from(&other.dead);
        broken.clone_from(&other.broken);
        worn.clone_from(&other.worn);
        wear.clone_from(&other.wear);
        let kept = Self {
            bytes: core::mem::take(bytes),
            programmed: core::mem::take(programmed),
            zones: core::mem::take(zones),
            dead: core::mem::take(dead),
            broken: core::mem::take(broken),
            worn: core::mem::take(worn),
            wear: core::mem::take(wear),
            ..*other
        };
        *self = kept;
    }

    /// Draws all later chances from `seed`.
    pub fn reseed(&mut self, seed: u64) {
        self.prng = Prng::new(seed);
    }

    /// Behaves as `model` says from the next cut on. What earlier cuts left stays.
    pub fn set_model(&mut self, model: Model) {
        self.model = model;
    }

    /// Cuts the power during the `operations`th program, erase or erase step from now: 1 is the next; 0 means never.
    pub fn cut_after(&mut self, operations: u32) {
        self.to_cut = operations;
    }

    /// Cuts the power again and again: `gaps[0]` as in [`FaultFlash::cut_after`], and each time power comes back after
    /// such a cut the next gap counts from there, until one is 0.
    pub fn set_gaps(&mut self, gaps: Gaps) {
        self.gaps = gaps;
        self.next_gap = 1;
        self.to_cut = gaps[0];
    }

    /// The power fails now, between two operations.
    pub fn power_off(&mut self) {
        self.off = true;
    }

    /// Power comes back: a new boot, for which content that is stable within a boot is drawn anew.
    pub fn power_on(&mut self) {
        let next = self.to_cut == 0 && self.off && self.next_gap < GAPS;
        if next && self.next_gap != 0 && self.gaps[self.next_gap - 1] != 0 {
            self.to_cut = self.gaps[self.next_gap];
            self.next_gap += 1;
        }
        self.off = false;
        self.boot += 1;
        self.erasing = None;
        self.since_power_on = 0;
    }

    /// Whether the power is off.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        self.off
    }

    /// The `operations`th program or erase from now fails with [`FlashError::Worn`] and leaves its words torn.
    pub fn fail_after(&mut self, operations: u32) {
        self.to_failure = operations;
    }

    /// Page `page` can be neither programmed nor erased any more; it keeps its content.
    pub fn wear_out(&mut self, page: u32) {
        self.worn.push(page);
    }

    /// The word at byte `offset` cannot be read any more, erased or not.
    pub fn break_word(&mut self, offset: u32) {
        self.broken.push(index_of(offset) / WRITE);
    }

    /// An erase by steps takes `steps` of them. 1, the default, is a part without partial erase.
    pub fn set_erase_steps(&mut self, steps: u32) {
        self.erase_steps = steps.max(1);
    }

    /// What was asked of the part.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Words programmed again without an erase between. A word in flight at a cut counts as programmed.
    #[must_use]
    pub const fn double_programs(&self) -> u64 {
        self.counts.double_programs
    }

    /// Times page `page` was erased.
    #[must_use]
    pub fn wear(&self, page: u32) -> u32 {
        self.wear.get(index_of(page)).copied().unwrap_or(0)
    }

    /// Programs, erases and erase steps begun since the part was made.
    #[must_use]
    pub const fn operations(&self) -> u64 {
        self.operations
    }

    /// The same since power came on.
    #[must_use]
    pub const fn operations_since_power_on(&self) -> u32 {
        self.since_power_on
    }

    /// Cuts that fell into an operation of `kind` while the part behaved as `model`.
    #[must_use]
    pub fn cuts(&self, model: Model, kind: OperationKind) -> u32 {
        self.fallen[model.index()][kind.index()]
    }

    /// Cuts that fell into any operation.
    #[must_use]
    pub fn cuts_in_all(&self) -> u32 {
        self.fallen.iter().flatten().sum()
    }

    /// The operation that the last cut fell into.
    #[must_use]
    pub const fn last_cut(&self) -> Option<Cut> {
        self.last_cut
    }
}

fn index_of(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

fn length_of(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> ErrorType
    for FaultFlash<READ, WRITE, PAGE>
{
    type Error = FlashError;
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> ReadNorFlash
    for FaultFlash<READ, WRITE, PAGE>
{
    const READ_SIZE: usize = READ;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.powered()?;
        check_read(self, offset, bytes.len())?;
        let start = index_of(offset);
        self.counts.reads += 1;
        self.counts.bytes_read += length_of(bytes.len());
        bytes.copy_from_slice(&self.bytes[start..start + bytes.len()]);
        if self.zones.is_empty() && self.dead.is_empty() && self.broken.is_empty() {
            return Ok(());
        }
        if self.overlay(start, bytes) { Ok(()) } else { Err(FlashError::Unreadable) }
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> NorFlash
    for FaultFlash<READ, WRITE, PAGE>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashError> {
        self.powered()?;
        check_erase(self, from, to)?;
        for start in (index_of(from)..index_of(to)).step_by(PAGE) {
            self.erase_page(start)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.powered()?;
        check_write(self, offset, bytes.len())?;
        let start = index_of(offset);
        if bytes.is_empty() {
            return Ok(());
        }
        self.healthy(start)?;
        self.counts.programs += 1;
        self.counts.bytes_written += length_of(bytes.len());
        let fate = self.begin(OperationKind::Program, start);
        match fate {
            Fate::Cut => self.cut_words(start, bytes),
            Fate::Fails => self.tear_words(start, bytes, Model::RandomBits),
            Fate::Done => {
                self.mark(start, start + bytes.len());
                self.program(start, bytes);
            }
        }
        fate.outcome()
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Flash
    for FaultFlash<READ, WRITE, PAGE>
{
    /// Each step is an operation of its own. Until the last the page is torn as the model says, and power that fails
    /// at any of them, or between them, starts the erase over.
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, FlashError> {
        let _ = ms_max;
        self.powered()?;
        let start = index_of(offset);
        check_erase(self, offset, u32::try_from(start.saturating_add(PAGE)).unwrap_or(u32::MAX))?;
        let done = match self.erasing {
            Some((page, done)) if page == start => done + 1,
            Some(_) | None => 1,
        };
        if done >= self.erase_steps {
            self.erase_page(start)?;
            return Ok(EraseProgress::Done);
        }
        self.healthy(start)?;
        let fate = self.begin(OperationKind::EraseStep, start);
        self.erasing = Some((start, done));
        match fate {
            Fate::Cut => self.cut_page(start),
            Fate::Fails => self.tear_page(start, Model::PartlyOld),
            Fate::Done if self.model == Model::None => {}
            Fate::Done => self.tear_page(start, self.model),
        }
        fate.outcome()?;
        Ok(EraseProgress::More)
    }
}
