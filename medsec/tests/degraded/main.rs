//! What a device does when what it stands on is bad: its bytes, its part, its clock, its noise.
//!
//! Each behaviour is stated in the crate's README, and therapy goes on in all of them: every call returns.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

mod bench;
mod bounds;
mod clock;
mod detection;
mod flash;
mod links;
mod noise;
mod people;
mod space;
