//! An infusion pump: the application that the host, the emulator and the boards link.
//!
//! What a patient depends on is [`therapy`], which knows nothing of medsec. [`pump`] turns keys into requests.
#![no_std]

pub mod pump;
pub mod therapy;
