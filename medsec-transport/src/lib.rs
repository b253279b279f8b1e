//! Links on which nothing is said in clear and nobody speaks unproven.
//!
//! From the ground up; nothing imports upward: [`noise`] (the handshake by the Noise Protocol Framework) `replay` → [`frame`]
//! → [`link`] → [`sealed_file`]. To the channels that a port has ([`hal`]): [`stream`] for bytes, [`segment`] for packets. By themselves: [`event`],
//! what is recorded of links, [`limiter`], before a first message costs anything, and [`wifi`], which networks are joined.
#![no_std]

pub mod event;
pub mod frame;
pub mod hal;
pub mod limiter;
pub mod link;
pub mod noise;
mod replay;
pub mod sealed_file;
pub mod segment;
pub mod stream;
pub mod wifi;
