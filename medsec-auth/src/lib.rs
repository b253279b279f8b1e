//! Who is asking: credentials, factors, attempts and sessions.
//!
//! What a person may do is decided in `medsec_core::access`; this crate finds out who the person is, and keeps count of who tried.
#![no_std]

pub mod authenticator;
pub mod credential;
pub mod emergency;
pub mod event;
pub mod factor;
pub mod hal;
pub mod lockout;
pub mod people;
pub mod provision;
pub mod session;
pub mod verdict;
