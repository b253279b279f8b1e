//! The factors: what they take and what they refuse, against published vectors, other implementations and naive models.
//!
//! `cargo test -p medsec-auth --test factor -- --nocapture` prints the counts.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic and prints what it counted"
)]

mod fixtures;
mod histories;
mod otp;
mod password;
mod token;
mod vectors;
