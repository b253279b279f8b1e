//! An infusion pump: the application that the host, the emulator and the boards link.
//!
//! What a patient depends on is [`therapy`], which knows nothing of medsec. [`pump`] turns keys into requests,
//! [`application`] records them and passes them on; [`events`] is what it can record, and
//! [`people`] who may do what.
#![no_std]

pub mod application;
pub mod events;
pub mod people;
pub mod pump;
pub mod therapy;
