//! The power-cut drivers: a device with an oracle for each structure on flash, run through [`crate::exhaust`].

pub mod audit;
pub mod cell;
mod histories;
pub mod ring;
mod snapshot;
