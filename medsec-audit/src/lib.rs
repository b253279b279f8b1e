//! The audit log of a medical device: encrypted, tamper-evident, without personal data, safe under any power cut.
//!
//! [`Log`] writes it on the device. [`verify`] reads it, on the device and on a host, and says for each stretch whether
//! it is whole. [`export`] carries it from one to the other. [`detect`] finds bursts and failures as they are recorded.
#![no_std]

pub mod checkpoint;
pub mod detect;
pub mod export;
pub mod hal;
pub mod log;
pub mod record;
pub mod segment;
pub mod state;
pub mod verify;

pub use log::{
    Birth, Config, DeviceId, FormatError, Health, Log, MaintainError, MountError, Place, Progress,
    Tools,
};
