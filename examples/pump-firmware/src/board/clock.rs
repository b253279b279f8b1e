//! Virtual time and the timers (Arm CMSDK, "Cortex-M System Design Kit Technical Reference Manual" §4).
//!
//! Under `-icount shift=0` one instruction is one nanosecond and one tick of the 25 MHz clock is 40 of them.
#![expect(unsafe_code, reason = "registers of the timers, and the core's interrupt mask")]

use core::sync::atomic::{AtomicBool, Ordering};

use medsec_core::hal::Clock;
use medsec_core::time::Ticks;

/// Clock ticks in a microsecond.
pub const TICKS_PER_US: u32 = 25;
/// Clock ticks in a millisecond.
pub const TICKS_PER_MS: u32 = 25_000;

const TIMER0: usize = 0x4000_0000;
const TIMER1: usize = 0x4000_1000;
const DUAL_TIMER: usize = 0x4000_2000;

const CONTROL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
const CLEAR: usize = 0xC;
const ENABLE_WITH_INTERRUPT: u32 = 0b1001;

const DUAL_LOAD: usize = 0x0;
const DUAL_VALUE: usize = 0x4;
const DUAL_CONTROL: usize = 0x8;
/// Enabled, free running, 32 bits, no interrupt.
const FREE_RUNNING: u32 = 0b1000_0010;
/// The second half of the dual timer.
const ALARM: usize = DUAL_TIMER.wrapping_add(0x20);
const DUAL_CLEAR: usize = 0xC;
/// Enabled, with interrupt, 32 bits, one shot.
const ONE_SHOT: u32 = 0b1010_0011;

fn store(register: usize, value: u32) {
    let register = core::ptr::with_exposed_provenance_mut::<u32>(register);
    // SAFETY: the callers name registers of the board's timers, word sized and aligned.
    unsafe { register.write_volatile(value) };
}

fn load(register: usize) -> u32 {
    let register = core::ptr::with_exposed_provenance::<u32>(register);
    // SAFETY: as in `store`.
    unsafe { register.read_volatile() }
}

/// Starts the clock. It wraps after 171 s; the therapy interrupt ends a run before that.
pub fn start() {
    store(DUAL_TIMER.wrapping_add(DUAL_LOAD), u32::MAX);
    store(DUAL_TIMER.wrapping_add(DUAL_CONTROL), FREE_RUNNING);
}

/// Clock ticks since [`start`].
#[must_use]
pub fn now() -> u32 {
    !load(DUAL_TIMER.wrapping_add(DUAL_VALUE))
}

/// Has timer 0 interrupt once, after `ticks`.
pub(super) fn arm_cut(ticks: u32) {
    store(TIMER0.wrapping_add(RELOAD), ticks);
    store(TIMER0.wrapping_add(VALUE), ticks);
    store(TIMER0.wrapping_add(CONTROL), ENABLE_WITH_INTERRUPT);
}

/// Has timer 1 interrupt every `ticks`.
pub(super) fn start_tick(ticks: u32) {
    let last = ticks.wrapping_sub(1);
    store(TIMER1.wrapping_add(RELOAD), last);
    store(TIMER1.wrapping_add(VALUE), last);
    store(TIMER1.wrapping_add(CONTROL), ENABLE_WITH_INTERRUPT);
}

/// Clears the interrupt of timer 1.
pub(super) fn clear_tick() {
    store(TIMER1.wrapping_add(CLEAR), 1);
}

static ALARM_RANG: AtomicBool = AtomicBool::new(false);

/// Sleeps for `ticks`, woken by the alarm alone or by interrupts of higher priority.
pub(super) fn sleep(ticks: u32) {
    ALARM_RANG.store(false, Ordering::Release);
    store(ALARM.wrapping_add(DUAL_CONTROL), 0);
    store(ALARM.wrapping_add(DUAL_LOAD), ticks);
    store(ALARM.wrapping_add(DUAL_CONTROL), ONE_SHOT);
    loop {
        // Interrupts stay pending while masked and still wake the core, so none is missed before it sleeps.
        cortex_m::interrupt::disable();
        let rang = ALARM_RANG.load(Ordering::Acquire);
        if !rang {
            cortex_m::asm::wfi();
        }
        // SAFETY: the board never calls this from within a critical section.
        unsafe { cortex_m::interrupt::enable() };
        if rang {
            break;
        }
    }
}

/// The handler of the alarm.
pub(super) fn alarm() {
    store(ALARM.wrapping_add(DUAL_CLEAR), 1);
    ALARM_RANG.store(true, Ordering::Release);
}

/// The board's clock for medsec.
#[derive(Debug)]
pub struct BoardClock;

impl Clock for BoardClock {
    fn now(&mut self) -> Ticks {
        Ticks::from_millis(u64::from(now() / TICKS_PER_MS))
    }
}
