//! Board support: the only files of the firmware with `unsafe` in them.

pub mod clock;
pub mod console;
pub mod core_clock;
pub mod cut;
pub mod flash;
pub mod interrupts;
pub mod noise;
pub mod options;
pub mod ram_flash;
pub mod semihosting;
pub mod stack;

use console::Line;
use infusion_pump::therapy::Rate;
use options::Options;

/// Starts the board: clock, power cut, therapy. Called once, first of all.
pub fn start() -> Options {
    stack::paint();
    clock::start();
    let options = Options::fetch();
    if options.kill != 0 {
        cut::arm(options.kill, options.seed);
    }
    interrupts::THERAPY.set_rate(Rate::MAX);
    interrupts::THERAPY.start();
    interrupts::start();
    Line::new().text("BOOT").send();
    options
}

/// Starts a board of which only core and console are used: no clock, no power cut, no therapy.
pub fn start_bare() -> Options {
    stack::paint();
    Line::new().text("BOOT").send();
    Options::fetch()
}

/// As [`finish`], on such a board.
#[inline(never)]
pub fn finish_bare(outcome: Outcome) -> ! {
    stack::wipe();
    flash::tell();
    end(outcome)
}

/// Wipes the stack, tells how the run went and ends it.
#[inline(never)]
pub fn finish(outcome: Outcome) -> ! {
    // What tells has a large frame, and would cover what the wipe has to reach.
    stack::wipe();
    tell(outcome)
}

#[inline(never)]
fn tell(outcome: Outcome) -> ! {
    let punctuality = interrupts::punctuality();
    Line::new()
        .text("TICKS ")
        .number(punctuality.ticks.into())
        .text(" late_ns_max ")
        .number(punctuality.late_ns_max)
        .text(" delivered_ul ")
        .number(interrupts::THERAPY.delivered_ul().into())
        .send();
    flash::tell();
    Line::new().text("TIME ").number(clock::now().into()).send();
    if Options::fetch().dump && stack::dump_ram().is_err() {
        semihosting::exit(Outcome::Failed);
    }
    end(outcome)
}

#[inline(never)]
fn end(outcome: Outcome) -> ! {
    Line::new().text("STACK ").number(stack::peak().into()).send();
    Line::new().text("END ").number(outcome.code().into()).send();
    semihosting::exit(outcome)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    if let Some(place) = info.location() {
        Line::new().text("PANIC ").text(place.file()).text(":").number(place.line().into()).send();
    }
    stack::abandon()
}

/// What is left of a panic, with nothing on the stack any more.
extern "C" fn after_panic() -> ! {
    stack::wipe();
    if Options::fetch().dump && stack::dump_ram().is_err() {
        semihosting::exit(Outcome::Failed);
    }
    semihosting::exit(Outcome::Panicked)
}

/// Ends the run: what the emulator's process exits with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The workload was done.
    Done,
    /// A call failed that must not.
    Failed,
    /// A panic.
    Panicked,
    /// A fault of the core.
    Faulted,
    /// The power was cut while the flash was programmed or erased.
    CutInFlash,
    /// The power was cut at another time.
    CutOutside,
    /// The run outlasted the clock.
    Overrun,
}

impl Outcome {
    /// The exit code that stands for it.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Self::Done => 0,
            Self::Failed => 10,
            Self::Panicked => 11,
            Self::Faulted => 12,
            Self::CutInFlash => 20,
            Self::CutOutside => 21,
            Self::Overrun => 13,
        }
    }
}
