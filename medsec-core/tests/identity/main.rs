//! Certificates, anchors, revocation and permits.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and the counts are evidence"
)]

mod birth;
mod certificate;
mod fixtures;
mod issuer_state;
mod peer;
mod permit;
mod permit_desk;
mod permit_fixtures;
mod trust;
