//! Cuts power in the life of a device that keeps a body in a cell of frames.
//!
//! The oracle is that of [`super::cell`]: a set of legal values, which acknowledging or acting makes a single one. A value is a body whose
//! length and bytes follow from its number, so that bodies of all lengths replace each other. A run also fails if a mount writes, reads more
//! than it says or finds a body damaged, a step does more than one operation, what is carried over is not what was there,
//! an epoch falls, a forgotten frame is not blank behind its tombs, a word is programmed twice, or a body cannot be read. Only as
//! long as the cell asks to be settled may a reading fail, since what a cut left may differ at each; the device then mounts again.

use core::ops::ControlFlow;

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::body::{BodyCell, FRAMES, PIECE_BYTES_MAX};
use medsec_core::flash::cell::{OVERHEAD_BYTES, Progress};
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;

use super::cell::CLAIMED;
use super::spread;
use crate::exhaust::{self, Case, Geometry, Life, Ran, Stop, Tally, Violation, live};
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;

/// Variant bit: bodies reach into the last page of their frame, or take several pieces of its only one.
pub const VARIANT_LONG: u32 = 1;
/// Variant bit: the part erases a page in three steps.
pub const VARIANT_STEPS: u32 = 2;
/// Variant bit: operations fail although the power is on.
pub const VARIANT_FAILURE: u32 = 4;
/// Variant bit: each boot acts upon the value, so that cuts in a row fall into one settle after the other.
pub const VARIANT_SETTLE: u32 = 8;
const VARIANTS: u32 = 16;

const STEPS: u32 = 8;
const KIND: u8 = 9;
/// The rule that a body can be read.
const UNREAD: &str = "read";
/// Bytes of a head: the value of a copy.
const HEAD: usize = 40;
/// Shortest body.
const SHORTEST: u32 = 20;
/// Mounts in one boot until the body that was chosen can be read.
const MOUNTS_MAX: u32 = 20;
/// Operations of the longest work.
const WORK_MAX: u32 = 400;

/// What one history takes, roughly.
const RUNS_PER_HISTORY: u64 = 20_000;

/// Runs at least `runs` cases over every geometry and frames of one to three pages, under the claimed models: each
/// history with a cut at every operation and again at each operation of the recovery, then with up to 10 cuts in a row.
#[must_use]
#[inline]
pub fn run(runs: u64, seed: u64) -> Tally {
    let size = (runs, RUNS_PER_HISTORY, seed);
    spread::run(&mut Bodies, draw, size, (&CLAIMED, &Model::SHARPEST))
}

/// As [`run`], but only series of cuts, where rare faults of a design show.
#[must_use]
#[inline]
pub fn in_series(runs: u64, seed: u64) -> Tally {
    spread::in_series(&mut Bodies, draw, runs, seed)
}

/// Runs one case again.
///
/// # Errors
/// The rule that was broken.
#[inline]
pub fn replay(case: &Case) -> Result<(), Violation> {
    exhaust::replay(&mut Bodies, case).map(|_| ())
}

fn draw(geometry: Geometry, seed: u64) -> Case {
    let mut prng = Prng::new(seed);
    // Large pages take many pieces each; three of them would take most of the time.
    let most = if geometry.page > 1024 { 2 } else { 3 };
    let pages = prng.choose(&[1, 1, 2, 2, 3]).min(most);
    let mut case = Case::new("store", geometry, FRAMES * pages, seed >> 32);
    case.variant = prng.below_u32(VARIANTS);
    case
}

struct Bodies;

impl exhaust::Subject for Bodies {
    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        live(&mut Device::new(case), case, flash, STEPS)
    }
}

/// What a device does with its value.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Act {
    /// Nothing that anybody sees.
    #[default]
    Read,
    /// Acts upon the value, after settling if the cell asks for it.
    Use,
    Replace,
    Forget,
    /// Replaces, then forgets while that is pending.
    ReplaceAndForget,
    Reboot,
}

struct Device {
    region: Region,
    cell: Option<BodyCell>,
    prng: Prng,
    lengths: Lengths,
    /// The last value written, as a number.
    newest: u64,
    /// What a mount may find.
    legal: Vec<u64>,
    /// The epoch of the last value acknowledged or acted upon.
    epoch: u32,
    fails_at: Option<u32>,
    settles: bool,
}

/// Which lengths bodies have: `least` and up to `spread` more.
#[derive(Clone, Copy)]
struct Lengths {
    least: u32,
    spread: u32,
}

fn mac() -> MacKey {
    MacKey::derive(&Secret::new([0x5A; 32]), Label::StoreHead)
}

/// Bytes of a frame before its body.
fn heads(read: u32, write: u32) -> u32 {
    let copy = u32::try_from(OVERHEAD_BYTES + HEAD).unwrap_or(u32::MAX);
    copy.next_multiple_of(read.max(write).max(4)) * 3
}

impl Lengths {
    fn of(case: &Case) -> Self {
        let before = heads(case.read, case.write);
        let frame = case.page * (case.pages / FRAMES);
        let capacity = frame - before;
        let least = if case.variant & VARIANT_LONG == 0 {
            SHORTEST
        } else if frame == case.page {
            capacity / 2
        } else {
            // Into the last page.
            frame - case.page - before + 1
        };
        let least = least.max(SHORTEST);
        Self { least, spread: (capacity - least).min(300) }
    }

    /// The body that `number` stands for.
    fn body(self, number: u64) -> Vec<u8> {
        let mut prng = Prng::new(number);
        let length = self.least + prng.below_u32(self.spread + 1);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        prng.fill(&mut bytes);
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        bytes
    }
}

/// The part of `body` that a piece at `at` covers, zeros behind its end.
fn part_of(body: &[u8], at: u32, bytes: usize) -> Vec<u8> {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(body.len());
    let mut part = body[at..body.len().min(at + bytes)].to_vec();
    part.resize(bytes, 0);
    part
}

impl Device {
    fn new(case: &Case) -> Self {
        let mut prng = Prng::new(case.seed);
        let fails = case.variant & VARIANT_FAILURE != 0;
        Self {
            region: Region::new(0, case.page.saturating_mul(case.pages)),
            cell: None,
            lengths: Lengths::of(case),
            fails_at: fails.then(|| 1 + prng.below_u32(60)),
            prng,
            newest: 1,
            legal: vec![1],
            epoch: 0,
            settles: case.variant & VARIANT_SETTLE != 0,
        }
    }

    /// The number of the body in force. What is not settled may fail to be read, and is mounted again.
    fn number<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        cell: &mut BodyCell,
    ) -> Result<u64, Violation> {
        let mut mounts = 0;
        loop {
            match self.read(flash, cell) {
                Err(violation)
                    if violation.rule == UNREAD && cell.needs_settle() && mounts < MOUNTS_MAX =>
                {
                    mounts += 1;
                    *cell = BodyCell::mount(flash, self.region, KIND, mac())
                        .map_err(|error| Violation::new("mount", error.to_string()))?;
                }
                outcome => return outcome,
            }
        }
    }

    /// The same, once: the body, if it is one that a mount may find. Read in pieces of any size.
    fn read<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        cell: &BodyCell,
    ) -> Result<u64, Violation> {
        let refused = |error| Violation::new(UNREAD, format!("{error}"));
        let mut body = vec![0; usize::try_from(cell.length()).unwrap_or(0)];
        let mut pass = cell.begin_pass();
        let mut rest = body.as_mut_slice();
        while !rest.is_empty() {
            let bytes = (1 + self.prng.below(PIECE_BYTES_MAX)).min(rest.len());
            let (piece, after) = rest.split_at_mut(bytes);
            cell.read_on(flash, &mut pass, piece).map_err(refused)?;
            rest = after;
        }
        cell.finish(pass).map_err(refused)?;
        let found = self.legal.iter().find(|number| self.lengths.body(**number) == body);
        found.copied().ok_or_else(|| {
            let number = body.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            Violation::new("value", format!("{number} is none of {:?}", self.legal))
        })
    }

    /// `number` was acknowledged or acted upon: nothing else may be found from now on.
    fn is_now(&mut self, number: u64, epoch: u32) -> Result<(), Violation> {
        if epoch < self.epoch {
            return Err(Violation::new("epoch", format!("{epoch} after {}", self.epoch)));
        }
        self.epoch = epoch;
        self.legal.clear();
        self.legal.push(number);
        Ok(())
    }

    fn act<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        cell: &mut BodyCell,
        act: Act,
    ) -> Result<(), Stop> {
        let old = self.number(flash, cell)?;
        let mut number = old;
        match act {
            Act::Read => return Ok(()),
            Act::Reboot => {
                flash.power_off();
                return Err(Stop::PowerCut);
            }
            Act::Use if cell.needs_settle() => cell.begin_settle(),
            Act::Use => {}
            Act::Forget => cell.begin_forget(),
            Act::Replace | Act::ReplaceAndForget => {
                self.newest += 1;
                number = self.newest;
                self.legal.push(number);
                let length = u32::try_from(self.lengths.body(number).len()).unwrap_or(0);
                cell.begin_replace(length)
                    .map_err(|error| Violation::new("begin", format!("{length} bytes: {error}")))?;
                if act == Act::ReplaceAndForget {
                    cell.begin_forget();
                }
            }
        }
        let bodies = (self.lengths.body(old), self.lengths.body(number));
        if work(flash, cell, &bodies)?.is_break() {
            // What was in force stays so, or is so now if only the forgetting failed.
            let number = self.number(flash, cell)?;
            return if cell.needs_settle() {
                Ok(())
            } else {
                Ok(self.is_now(number, cell.epoch())?)
            };
        }
        if self.number(flash, cell)? != number || cell.needs_settle() {
            return Err(Violation::new("acknowledged", format!("{number} is not in force")).into());
        }
        self.is_now(number, cell.epoch())?;
        if matches!(act, Act::Forget | Act::ReplaceAndForget) {
            forgotten(&flash.image(), cell, heads(size(READ), size(WRITE)))?;
        }
        Ok(())
    }

    fn with_cell<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        act: Act,
    ) -> Result<(), Stop> {
        let Some(mut cell) = self.cell.take() else {
            return Err(Violation::new("harness", "a step without a boot").into());
        };
        let outcome = self.act(flash, &mut cell, act);
        self.cell = Some(cell);
        outcome
    }
}

fn size(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Does what was begun, one operation a step, from the first of `bodies` to the second. Breaks if the part failed with
/// the power on.
fn work<const READ: usize, const WRITE: usize, const PAGE: usize>(
    flash: &mut FaultFlash<READ, WRITE, PAGE>,
    cell: &mut BodyCell,
    (old, new): &(Vec<u8>, Vec<u8>),
) -> Result<ControlFlow<()>, Stop> {
    let mut is_carried = true;
    for _ in 0..WORK_MAX {
        let (mut lender, before) = ((), flash.operations());
        let progress = cell.step(flash, &Pause::lend(&mut lender, 1), |at, piece| {
            is_carried &= part_of(old, at, piece.len()) == piece;
            piece.copy_from_slice(&part_of(new, at, piece.len()));
        });
        // Without power no code runs: an answer in which the cell tolerates the last operation reaches nobody.
        if flash.is_off() {
            return Err(Stop::PowerCut);
        }
        if flash.operations() > before + 1 {
            return Err(Violation::new("step", "more than one operation").into());
        }
        match progress {
            Ok(Progress::Done) if cell.is_busy() => break,
            // What flickered while it was read must not be acknowledged.
            Ok(Progress::Done) if !is_carried => {
                return Err(Violation::new("carried", "not what the base held").into());
            }
            Ok(Progress::Done) => return Ok(ControlFlow::Continue(())),
            Ok(_) => {}
            Err(_) if cell.is_busy() => break,
            Err(_) => return Ok(ControlFlow::Break(())),
        }
    }
    Err(Violation::new("work", "neither done nor failed").into())
}

/// Checks that three frames of four are blank behind their tombs.
fn forgotten(image: &[u8], cell: &BodyCell, heads: u32) -> Result<(), Violation> {
    let heads = usize::try_from(heads).unwrap_or(0);
    let frames = image.chunks(image.len() / 4);
    let live = frames.filter(|frame| frame[heads..].iter().any(|byte| *byte != 0xFF)).count();
    if live == 1 && cell.live_frames() == 1 {
        return Ok(());
    }
    Err(Violation::new("forget", format!("{live} frames hold bodies")))
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Life<FaultFlash<READ, WRITE, PAGE>>
    for Device
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        let first = self.lengths.body(1);
        BodyCell::format(flash, self.region, KIND, mac(), size(first.len()), |at, piece| {
            piece.copy_from_slice(&part_of(&first, at, piece.len()));
        })
        .map_err(|error| Stop::of(flash, "format", &error))?;
        if let Some(operation) = self.fails_at {
            flash.fail_after(operation);
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        let (writes, reads) = (flash.operations(), flash.counts().reads);
        let cell = BodyCell::mount(flash, self.region, KIND, mac())
            .map_err(|error| Stop::of(flash, "mount", &error))?;
        let pieces = u64::from(cell.length() / 256 + 1) + 3;
        let bodies =
            if cell.needs_settle() { 4 * u64::from(cell.capacity() / 256 + 4) } else { pieces };
        if flash.operations() != writes || flash.counts().reads > reads + 12 + bodies {
            return Err(Violation::new("mount", "wrote, or read more than it says").into());
        }
        if !cell.is_whole() {
            return Err(Violation::new("mount", "damaged").into());
        }
        // A failure on top of what a cut left: while frames are being healed.
        if self.fails_at.is_some() && cell.needs_settle() && self.prng.one(1, 2) {
            flash.fail_after(4 + self.prng.below_u32(20));
        }
        self.cell = Some(cell);
        use Act::{Read, Use};
        let act = if self.settles { Use } else { self.prng.choose(&[Read, Use]) };
        self.with_cell(flash, act)
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, _: u32) -> Result<(), Stop> {
        use Act::{Forget, Reboot, Replace, ReplaceAndForget, Use};
        let act = self.prng.choose(&[
            Replace,
            Replace,
            Replace,
            Use,
            Forget,
            ReplaceAndForget,
            Reboot,
            Reboot,
        ]);
        self.with_cell(flash, act)
    }
}
