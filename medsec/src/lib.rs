//! Security for the firmware of a medical device: one [`Device`], its log, its keys.
//!
//! A maker implements [`Port`], declares his events with [`events!`], and calls [`Device::boot`], [`Device::log`] and
//! [`Device::maintain`]. The crates beneath stay usable alone.
#![no_std]

pub mod device;
mod limiter;
pub mod link;
pub mod log_file;
pub mod people;
pub mod production;
mod wall_clock;

pub use device::{BootError, Device, Health, Identity, Port, Profile};
pub use limiter::{LIMITED_RECORDS_MAX, LIMITED_WINDOW_MS};
pub use medsec_audit as audit;
pub use medsec_auth as auth;
pub use medsec_core as core;
pub use medsec_core::access::Grant;
pub use medsec_core::event::{RecordError, Recorder, ResetCause, SystemEvent};
pub use medsec_core::flash::ring::Retention;
pub use medsec_core::time::{Pause, Ticks};
pub use medsec_core::{Secret, Sensitive, events, policy};
pub use medsec_transport as transport;
pub use people::{People, Staff};
