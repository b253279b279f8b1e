//! Simulated parts for testing firmware that must survive anything: a NOR flash that loses power, clocks, noise sources.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test bench on a host: an overflow or a wrong index is a bug of the bench and must stop it"
)]

pub mod clock;
pub mod exhaust;
pub mod fault;
pub mod flash;
pub mod prng;
pub mod rng;
