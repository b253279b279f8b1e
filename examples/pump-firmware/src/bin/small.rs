//! The pump's log on a part with 16 KiB of RAM: QEMU's `microbit`, an nRF51 with a Cortex-M0.
//!
//! Suite 2, which takes less of a core without AES. There are no timers and no power cuts here; those are in the image
//! `pump`, whose three levels of interrupts with suite 1 want more than 16 KiB.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use medsec::{Port, Profile};
use medsec_core::suite::ChaCha20Poly1305;
use pump_firmware::board::core_clock::{self, CoreClock};
use pump_firmware::board::flash::SemihostFlash;
use pump_firmware::board::noise::EmulatedNoise;
use pump_firmware::board::{self, options::Options};
use pump_firmware::port::Board;
use pump_firmware::workload::{self, Failure};

/// SysTick at 16 MHz.
const TICKS_PER_MS: u32 = 16_000;

struct Small {
    flash: SemihostFlash,
    noise: EmulatedNoise,
}

impl Port for Small {
    type Suite = ChaCha20Poly1305;
    type Flash = SemihostFlash;
    type Entropy = EmulatedNoise;
    type Clock = CoreClock;

    const PROFILE: Profile = Board::<false>::PROFILE;

    fn parts(self) -> (SemihostFlash, EmulatedNoise, CoreClock) {
        (self.flash, self.noise, CoreClock::new(TICKS_PER_MS))
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    core_clock::start().ok_or(Failure::Board)?;
    let flash = SemihostFlash::open(options.seed).map_err(|_| Failure::Board)?;
    workload::run(Small { flash, noise: EmulatedNoise::new(options.seed) }, options)
}

#[entry]
fn main() -> ! {
    let options = board::start_bare();
    board::finish_bare(workload::told(run(&options)))
}
