//! The interrupts: the power cut above therapy, therapy above the flash's alarm.
#![expect(unsafe_code, reason = "the numbers and priorities of the board's interrupts")]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use infusion_pump::therapy::Therapy;

use super::{Outcome, clock, cut, semihosting};

/// The therapy. It lives here, because nothing but its interrupt may hold it up.
pub static THERAPY: Therapy = Therapy::new();

const TICK_TICKS: u32 = 10 * clock::TICKS_PER_MS;
/// Ends a run before the clock wraps.
const RUN_TICKS_MAX: u32 = 0xF000_0000;

const CUT: i16 = 8;
const TICK: i16 = 9;
const ALARM: i16 = 10;

#[derive(Clone, Copy)]
struct Irq(u16);

// SAFETY: the numbers are those of the board's timers, and do not change.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        self.0
    }
}

const CUT_IRQ: Irq = Irq(8);
const TICK_IRQ: Irq = Irq(9);
const ALARM_IRQ: Irq = Irq(10);

static STARTED: AtomicBool = AtomicBool::new(false);
static DUE: AtomicU32 = AtomicU32::new(0);
static TICKS: AtomicU32 = AtomicU32::new(0);
static LATE_MAX: AtomicU32 = AtomicU32::new(0);

/// How the therapy loop fared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Punctuality {
    /// Therapy ticks done.
    pub ticks: u32,
    /// The latest of them, in nanoseconds after it was due.
    pub late_ns_max: u64,
}

/// The core's priority registers: four interrupts to a word, which is all that ARMv6-M reads and writes.
const PRIORITIES: usize = 0xE000_E400;

fn set_priority(irq: Irq, priority: u8) {
    let register = PRIORITIES.wrapping_add(usize::from(irq.0 & !3));
    let register = core::ptr::with_exposed_provenance_mut::<u32>(register);
    let shift = u32::from(irq.0 & 3).wrapping_mul(8);
    // SAFETY: the core has these registers, and no critical section rests on priorities.
    let present = unsafe { register.read_volatile() };
    let new = present & !(0xFF << shift) | u32::from(priority) << shift;
    // SAFETY: as above.
    unsafe { register.write_volatile(new) };
}

/// Starts the therapy loop, every 10 ms.
pub fn start() {
    set_priority(CUT_IRQ, 0x00);
    set_priority(TICK_IRQ, 0x40);
    set_priority(ALARM_IRQ, 0x80);
    // The two timers round differently: a tick is counted late by up to a microsecond, rather than come before it is due.
    let first = clock::now().wrapping_add(TICK_TICKS).wrapping_sub(clock::TICKS_PER_US);
    DUE.store(first, Ordering::Relaxed);
    clock::start_tick(TICK_TICKS);
    // SAFETY: all that the handlers use is set up, and no critical section rests on masks.
    unsafe { NVIC::unmask(CUT_IRQ) };
    // SAFETY: as above.
    unsafe { NVIC::unmask(ALARM_IRQ) };
    // SAFETY: as above.
    unsafe { NVIC::unmask(TICK_IRQ) };
    STARTED.store(true, Ordering::Relaxed);
}

/// How the therapy loop fared so far.
#[must_use]
pub fn punctuality() -> Punctuality {
    Punctuality {
        ticks: TICKS.load(Ordering::Relaxed),
        late_ns_max: u64::from(LATE_MAX.load(Ordering::Relaxed)).saturating_mul(40),
    }
}

/// Halts the core, as a busy flash does: for so long only the power cut comes through.
///
/// On a board without a therapy loop there is nothing to hold up, and it takes no time.
pub(super) fn halt(ticks: u32) {
    if !STARTED.load(Ordering::Relaxed) {
        return;
    }
    NVIC::mask(TICK_IRQ);
    clock::sleep(ticks);
    // SAFETY: it was unmasked before, and no critical section rests on it.
    unsafe { NVIC::unmask(TICK_IRQ) };
}

fn tick() {
    clock::clear_tick();
    let mut due = DUE.load(Ordering::Relaxed);
    let now = clock::now();
    if now > RUN_TICKS_MAX {
        semihosting::exit(Outcome::Overrun);
    }
    while due <= now {
        let late = clock::now().wrapping_sub(due);
        LATE_MAX.store(late.max(LATE_MAX.load(Ordering::Relaxed)), Ordering::Relaxed);
        THERAPY.tick();
        TICKS.store(TICKS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        due = due.wrapping_add(TICK_TICKS);
    }
    DUE.store(due, Ordering::Relaxed);
}

#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        CUT => cut::strike(),
        TICK => tick(),
        ALARM => clock::alarm(),
        _ => semihosting::exit(Outcome::Faulted),
    }
}

#[exception]
unsafe fn HardFault(_frame: &cortex_m_rt::ExceptionFrame) -> ! {
    semihosting::exit(Outcome::Faulted)
}
