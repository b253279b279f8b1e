//! The catalogue: who attacks what, what stops it, and what else would let it through.

mod device;
mod keys;
mod link;
mod log;
mod people;
mod ports;
mod session;
mod suites;
mod therapy;
mod wire;

use medsec_sim::adversary::Attack;

/// All attacks, by what they are on.
pub(crate) static ATTACKS: [&[Attack]; 10] = [
    &log::ATTACKS,
    &keys::ATTACKS,
    &device::ATTACKS,
    &therapy::ATTACKS,
    &link::ATTACKS,
    &wire::ATTACKS,
    &session::ATTACKS,
    &suites::ATTACKS,
    &people::ATTACKS,
    &ports::ATTACKS,
];
