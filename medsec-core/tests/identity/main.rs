//! Certificates, anchors and revocation.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test may panic, and the counts are evidence"
)]

mod certificate;
mod fixtures;
mod issuer_state;
mod peer;
mod trust;
