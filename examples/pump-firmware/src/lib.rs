//! The infusion pump on emulated boards: the board, and what the images share.
//!
//! | image | cores | QEMU board | what it is |
//! |---|---|---|---|
//! | `pump` | `thumbv7em-none-eabihf`, `thumbv6m-none-eabi` | `mps2-an386` | the pump with its therapy loop, and power cuts |
//! | `canary` | the first | `mps2-an386` | the pump with patients' numbers that must not be seen again |
//! | `flood` | both | `mps2-an386` | the pump with a link, and strangers who want one |
//! | `small` | `thumbv6m-none-eabi` | `microbit`, 16 KiB of RAM | the pump's log with suite 2; nothing interrupts it |
//! | `icount` | both | `mps2-an386` | counts instructions and stack of each operation |
//!
//! The target chooses the core and the image its memory map; there is no feature for either.
//!
//! Nothing of this ran on silicon. The emulated flash behaves like an nRF52840's: a program halts the core for 41 µs of
//! virtual time and an erase for 85 ms, and a power cut tears what is in flight.
#![no_std]

pub mod board;
pub mod links;
pub mod port;
pub mod workload;
