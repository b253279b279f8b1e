//! What mounts make of pages put together by hand: also of those that no power cut leaves behind.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod cell;
mod parts;
mod ring;
