//! The ground floor of medsec: what two of its crates need, and nothing that only one needs.
//!
//! From the ground up; nothing imports upward:
//! [`codec`] [`hal`] [`secret`] [`time`] → [`suite`] [`event`] → [`key`] → [`rng`] [`agreement`] → [`hpke`] [`flash`]
//! [`identity`] → [`lifecycle`] → [`access`] [`local_port`] → [`sanitize`].
#![no_std]

pub mod access;
pub mod agreement;
pub mod codec;
pub mod event;
pub mod flash;
pub mod hal;
pub mod hpke;
pub mod identity;
pub mod key;
pub mod lifecycle;
pub mod local_port;
pub mod rng;
pub mod sanitize;
pub mod secret;
pub mod suite;
pub mod time;
#[cfg(test)]
mod vectors;

pub use secret::{Purpose, Secret, Sensitive};
