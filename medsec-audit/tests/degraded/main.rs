//! What a log does when what it stands on is bad: its bytes, its part, its clock, its noise.
//!
//! The log never panics, never blocks, never erases because it did not understand, and loses nothing that it acknowledged.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at a fault of its own"
)]

mod bench;
mod bounds;
mod clock;
mod flash;
mod noise;
mod space;
