//! Attempts to log in are recorded before they are judged.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect, and the counts are evidence"
)]

mod bench;
mod golden;
mod interleaved;
mod limits;
mod powercut;
mod records;
mod tokens;
