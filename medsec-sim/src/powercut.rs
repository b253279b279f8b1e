//! The power-cut drivers: a device with an oracle for each structure on flash, run through [`crate::exhaust`].
//!
//! Their entry points are `#[inline]` so that the code, which exists once for each geometry, is made only for who calls it.

pub mod audit;
pub mod auth;
pub mod cell;
mod histories;
pub mod provision;
pub mod ring;
pub mod sanitize;
mod snapshot;
mod spread;
pub mod store;
