//! Erasing what an owner left: what is gone, what is certified, and what is refused.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it does not expect")]
#![expect(clippy::print_stdout, reason = "the counts are what a reader of the run wants to see")]
#![expect(clippy::arithmetic_side_effects, reason = "a test stops at what it does not expect")]

mod bench;
#[cfg(test)]
mod certificate;
#[cfg(test)]
mod cuts;
#[cfg(test)]
mod model;
#[cfg(test)]
mod walk;
