//! The infusion pump, with a workload in place of the people around it.
//!
//! `cargo xtask emulate` cuts the power at any instant and looks for what was acknowledged.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use pump_firmware::board;
use pump_firmware::port::Board;
use pump_firmware::workload::{self, Failure};

#[entry]
fn main() -> ! {
    let options = board::start();
    let done = match Board::<false>::open(options.seed) {
        Ok(board) => workload::run(board, &options),
        Err(_) => Err(Failure::Board),
    };
    board::finish(workload::told(done))
}
