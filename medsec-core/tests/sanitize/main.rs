//! Erasing what an owner left: what is gone, what is certified, and what is refused.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::assertions_on_result_states,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test stops at what it does not expect"
)]
#![expect(clippy::print_stdout, reason = "the counts are what a reader of the run wants to see")]

mod bench;
#[cfg(test)]
mod certificate;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod model;
#[cfg(test)]
mod walk;
