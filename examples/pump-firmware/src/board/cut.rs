//! The power cut: an interrupt above all others, at the tick drawn by the host.
//!
//! It sees what the flash was doing, leaves in the file what a part would hold, and ends the process. Which of the
//! outcomes it is, the seed decides.

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::Outcome;
use super::console::Line;
use super::flash::{self, PAGE_BYTES, WORD_BYTES};
use super::noise::SplitMix;
use super::semihosting::{self, File, HostFault};

const IDLE: u32 = 0;
const PROGRAM: u32 = 1;
const ERASE: u32 = 2;

static IN_FLIGHT: AtomicU32 = AtomicU32::new(IDLE);
static FILE: AtomicUsize = AtomicUsize::new(0);
static OFFSET: AtomicUsize = AtomicUsize::new(0);
static WORD: AtomicU32 = AtomicU32::new(0);
static SEED: AtomicU32 = AtomicU32::new(0);

/// Cuts the power `ticks` from now.
pub fn arm(ticks: u32, seed: u64) {
    let [a, b, c, d, ..] = seed.to_le_bytes();
    SEED.store(u32::from_le_bytes([a, b, c, d]), Ordering::Relaxed);
    super::clock::arm_cut(ticks);
}

/// The word at `offset` is being programmed to `word`, until [`end`].
pub(super) fn begin_program(file: File, offset: usize, word: [u8; WORD_BYTES]) {
    WORD.store(u32::from_le_bytes(word), Ordering::Relaxed);
    begin(PROGRAM, file, offset);
}

/// The page at `offset` is being erased, until [`end`].
pub(super) fn begin_erase(file: File, offset: usize) {
    begin(ERASE, file, offset);
}

fn begin(kind: u32, file: File, offset: usize) {
    FILE.store(file.handle(), Ordering::Relaxed);
    OFFSET.store(offset, Ordering::Relaxed);
    IN_FLIGHT.store(kind, Ordering::Release);
}

/// Nothing is in flight.
pub(super) fn end() {
    IN_FLIGHT.store(IDLE, Ordering::Release);
}

/// The interrupt.
pub(super) fn strike() -> ! {
    let file = File::from_handle(FILE.load(Ordering::Relaxed));
    let offset = OFFSET.load(Ordering::Relaxed);
    let mut random = SplitMix::new(u64::from(SEED.load(Ordering::Relaxed)));
    let kind = IN_FLIGHT.load(Ordering::Acquire);
    let torn = match kind {
        PROGRAM => tear_word(file, offset, WORD.load(Ordering::Relaxed), &mut random),
        ERASE => tear_page(file, offset, &mut random),
        _ => {
            flash::tell();
            Line::new().text("CUT outside").send();
            semihosting::exit(Outcome::CutOutside)
        }
    };
    let Ok(torn) = torn else { semihosting::exit(Outcome::Failed) };
    flash::tell();
    let name = if kind == PROGRAM { "CUT program torn " } else { "CUT erase torn " };
    Line::new().text(name).number(u64::from(torn)).send();
    semihosting::exit(Outcome::CutInFlash)
}

/// A word in flight: some of the bits to be cleared are. Returns 1 if it is neither the old word nor the new.
fn tear_word(
    file: File,
    offset: usize,
    word: u32,
    random: &mut SplitMix,
) -> Result<u32, HostFault> {
    let mut bytes = [0; WORD_BYTES];
    file.read_at(offset, &mut bytes)?;
    let old = u32::from_le_bytes(bytes);
    let new = old & word;
    let cleared = match random.below(8) {
        0 => 0,
        1 => u32::MAX,
        // The first 1 to 3 bytes.
        2 | 3 => u32::MAX >> 8_u32.wrapping_mul(random.below(3).wrapping_add(1)),
        _ => random.below(u32::MAX),
    };
    let torn = new | (old & !cleared);
    file.write_at(offset, &torn.to_le_bytes())?;
    Ok(u32::from(torn != old && torn != new))
}

/// How a page is left that was being erased.
#[derive(Clone, Copy)]
enum TornPage {
    Untouched,
    ReadsErased,
    PrefixErased(usize),
    SuffixErased(usize),
    WordsErased,
    BitsSet,
    Anything,
}

impl TornPage {
    fn draw(random: &mut SplitMix) -> Self {
        let bound = usize::try_from(random.below(4096)).unwrap_or(0);
        match random.below(10) {
            0 => Self::Untouched,
            1 => Self::ReadsErased,
            2 | 3 => Self::PrefixErased(bound),
            4 => Self::SuffixErased(bound),
            5 | 6 => Self::WordsErased,
            7 | 8 => Self::BitsSet,
            _ => Self::Anything,
        }
    }

    fn word(self, at: usize, old: u32, random: &mut SplitMix) -> u32 {
        let draw = random.below(u32::MAX);
        let erased = match self {
            Self::Untouched => false,
            Self::ReadsErased => true,
            Self::PrefixErased(bound) => at < bound,
            Self::SuffixErased(bound) => at >= bound,
            Self::WordsErased => draw & 1 == 1,
            Self::BitsSet => return old | draw,
            Self::Anything => return draw,
        };
        if erased { u32::MAX } else { old }
    }
}

/// Leaves the page at `offset` in one of the states of [`TornPage`]; returns the words that are neither as they were
/// nor erased, and 1 more if the page is neither.
pub(super) fn tear_page(
    file: File,
    offset: usize,
    random: &mut SplitMix,
) -> Result<u32, HostFault> {
    let model = TornPage::draw(random);
    let (mut torn, mut kept, mut erased) = (0_u32, 0_u32, 0_u32);
    let mut chunk = [0; 64];
    for start in (0..PAGE_BYTES).step_by(chunk.len()) {
        file.read_at(offset.wrapping_add(start), &mut chunk)?;
        let (words, _) = chunk.as_chunks_mut::<WORD_BYTES>();
        for (at, bytes) in (start..).step_by(WORD_BYTES).zip(words) {
            let old = u32::from_le_bytes(*bytes);
            let new = model.word(at, old, random);
            *bytes = new.to_le_bytes();
            kept |= u32::from(new == old && old != u32::MAX);
            erased |= u32::from(new == u32::MAX && old != u32::MAX);
            torn = torn.wrapping_add(u32::from(new != old && new != u32::MAX));
        }
        file.write_at(offset.wrapping_add(start), &chunk)?;
    }
    Ok(torn.wrapping_add(kept & erased))
}
