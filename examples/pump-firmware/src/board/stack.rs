//! Painting, measuring and wiping the stack, and the image of the RAM.
#![expect(unsafe_code, reason = "the unused part of the stack, as words")]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::semihosting::{File, HostFault, Mode};

const PAINT: u32 = 0xC5C5_C5C5;
/// The frame of [`paint`] itself and of an interrupt that comes meanwhile stay out of reach.
const MARGIN_BYTES: usize = 64;

const RAM_START: usize = 0x2000_0000;
const RAM_BYTES: usize = 0x1_0000;

static PEAK: AtomicU32 = AtomicU32::new(0);
static PAINTED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    static __sheap: u32;
    static _stack_start: u32;
}

fn limits() -> (usize, usize) {
    ((&raw const __sheap).addr(), (&raw const _stack_start).addr())
}

/// Overwrites all of the stack below the caller, after noting how deep it had been.
///
/// This is also the wipe after cryptography: compilers leave copies of secrets in frames that no destructor reaches.
#[inline(never)]
pub fn paint() {
    if PAINTED.load(Ordering::Relaxed) {
        PEAK.store(peak(), Ordering::Relaxed);
    }
    PAINTED.store(true, Ordering::Relaxed);
    let (low, _) = limits();
    let pointer = usize::try_from(cortex_m::register::msp::read()).unwrap_or(0);
    let high = pointer.saturating_sub(MARGIN_BYTES) & !3;
    for address in (low..high).step_by(4) {
        let word = core::ptr::with_exposed_provenance_mut::<u32>(address);
        // SAFETY: between the end of the statics and this frame less a margin there is only unused stack; an
        // interrupt that comes in between has left before this function goes on.
        unsafe { word.write_volatile(PAINT) };
    }
}

/// The stack that `act` takes, in bytes, its caller's frames left out.
#[inline(never)]
pub fn used_by(act: impl FnOnce()) -> u32 {
    paint();
    let top = usize::try_from(cortex_m::register::msp::read()).unwrap_or(0);
    act();
    u32::try_from(top.saturating_sub(deepest())).unwrap_or(u32::MAX)
}

/// Wipes the stack below the caller, but in the build that shows what then is left.
pub fn wipe() {
    if !cfg!(feature = "no-wipe") {
        paint();
    }
}

/// Leaves all frames behind, those of the callers too, and goes on at the top of the stack.
///
/// A panic ends here: nothing returns any more, and what its callers held lies where the wipe reaches.
pub(super) fn abandon() -> ! {
    let (_, top) = limits();
    // SAFETY: nothing on the stack is used again, as the function that is gone to takes nothing and does not return.
    unsafe {
        core::arch::asm!(
            "msr msp, {top}",
            "b {next}",
            top = in(reg) top,
            next = sym super::after_panic,
            options(noreturn),
        )
    }
}

/// Deepest use of the stack so far, in bytes; meaningless before the first [`paint`].
#[must_use]
pub fn peak() -> u32 {
    let (_, high) = limits();
    let depth = u32::try_from(high.saturating_sub(deepest())).unwrap_or(u32::MAX);
    depth.max(PEAK.load(Ordering::Relaxed))
}

/// The lowest word that is not as it was painted.
fn deepest() -> usize {
    let (low, high) = limits();
    for address in (low..high).step_by(4) {
        let word = core::ptr::with_exposed_provenance::<u32>(address);
        // SAFETY: a word of the stack region.
        if unsafe { word.read_volatile() } != PAINT {
            return address;
        }
    }
    high
}

/// Writes all of the RAM to the host's file `sram.bin`.
///
/// # Errors
/// [`HostFault`].
pub fn dump_ram() -> Result<(), HostFault> {
    let file = File::open(c"sram.bin", Mode::Create)?;
    // SAFETY: the RAM of the part, all of it readable.
    unsafe { file.write_memory(RAM_START, RAM_BYTES) }
}
