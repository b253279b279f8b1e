//! The registry of units, by its library: what stations ask, and what insiders try.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for; its counts are evidence"
)]

mod copies;
mod life;
mod stations;
mod support;
mod tampering;
mod unique;
