//! The core's own timer, SysTick: a count of instructions under `-icount shift=0`, and a clock for a board without
//! another.
//!
//! One instruction is one nanosecond of virtual time. SysTick counts down in 24 bits with the core's clock: a tick is 40
//! instructions on `mps2-an386` (25 MHz) and 62.5 on `microbit` (16 MHz). An nRF51 of silicon has no SysTick.
#![expect(unsafe_code, reason = "the loop of a known number of instructions")]

use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{Peripherals, SYST};
use medsec_core::hal::Clock;
use medsec_core::time::Ticks;

const WRAP: u32 = 0x0100_0000;

/// Starts SysTick. The first call only gets the peripherals; nothing without them.
#[must_use]
pub fn start() -> Option<SYST> {
    let mut timer = Peripherals::take()?.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(WRAP.wrapping_sub(1));
    timer.clear_current();
    timer.enable_counter();
    Some(timer)
}

/// Ticks of SysTick so far, in 24 bits.
#[must_use]
pub fn ticks() -> u32 {
    WRAP.wrapping_sub(1).wrapping_sub(SYST::get_current())
}

/// Ticks from `earlier` to `later`, if fewer than 2^24 lie between.
#[must_use]
pub const fn between(earlier: u32, later: u32) -> u32 {
    later.wrapping_sub(earlier) & WRAP.wrapping_sub(1)
}

/// Takes two instructions a turn: what the count is calibrated by.
#[inline(never)]
pub fn spin(turns: u32) {
    // SAFETY: a loop in registers; it ends, as `turns` is lowered to 0 from at least 1.
    unsafe {
        core::arch::asm!(
            "2:",
            "subs {turns}, {turns}, #1",
            "bne 2b",
            turns = inout(reg) turns.max(1) => _,
            options(nomem, nostack),
        );
    }
}

/// A clock over SysTick, which has to be asked at least once a second.
#[derive(Debug)]
pub struct CoreClock {
    ticks_per_ms: u32,
    last: u32,
    rest: u32,
    ms: u64,
}

impl CoreClock {
    /// At 0, on a core with so many ticks in a millisecond.
    #[must_use]
    pub fn new(ticks_per_ms: u32) -> Self {
        Self { ticks_per_ms: ticks_per_ms.max(1), last: ticks(), rest: 0, ms: 0 }
    }
}

impl Clock for CoreClock {
    fn now(&mut self) -> Ticks {
        let now = ticks();
        let rest = self.rest.wrapping_add(between(self.last, now));
        self.last = now;
        let whole = rest.checked_div(self.ticks_per_ms).unwrap_or(0);
        self.rest = rest.wrapping_sub(whole.wrapping_mul(self.ticks_per_ms));
        self.ms = self.ms.saturating_add(u64::from(whole));
        Ticks::from_millis(self.ms)
    }
}
