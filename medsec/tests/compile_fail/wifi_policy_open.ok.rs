//@ compiles
//! A policy that takes less than encrypted networks.
use medsec::transport::wifi::Policy;

pub fn program() -> Policy {
    Policy::Encrypted
}
