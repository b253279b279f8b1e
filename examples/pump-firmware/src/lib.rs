//! The infusion pump on QEMU's `mps2-an386` (Cortex-M4F): the board, and what both firmware images share.
//!
//! Nothing of this ran on silicon. The emulated flash behaves like an nRF52840's: a program halts the core for 41 µs of
//! virtual time and an erase for 85 ms, and a power cut tears what is in flight.
#![no_std]

pub mod board;
pub mod port;
