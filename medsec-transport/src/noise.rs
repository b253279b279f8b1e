//! The Noise Protocol Framework, revision 34: the handshakes of links, with its own names.
//!
//! | pattern | messages, bytes without payloads | who proves what |
//! |---|---|---|
//! | [`XX`](pattern::XX) | 32, 96, 64 | each side its static key, which the other learns |
//! | [`XXpsk3`](pattern::XX_PSK3) | 48, 96, 64 | the same, and that both know one secret |
//! | [`KK`](pattern::KK) | 48, 48 | each side its static key, which the other knew |
//!
//! Another pattern is a table of tokens in [`pattern`], which checks it. There is no early data, and no pattern in which one side stays unknown.

pub mod handshake_state;
pub mod pattern;
mod primitives;
mod symmetric_state;

pub use primitives::Primitives;
