//! The tool as a user meets it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod bad_input;
mod binary;
mod deidentified;
mod demo;
mod enroll;
mod erased;
mod exports;
mod links;
mod manual;
mod permits;
mod registry;
mod report;
mod schemas;
mod sealed;
mod support;
mod verbs;
