//@ error: E0599 "from_secure_element"
//! A pepper in RAM that is said to lie in a part of its own.
use medsec_auth::hal::{HeldPepper, ReadLocked, SecureElement};
use medsec_core::Secret;

pub fn pepper(secret: Secret<32>) -> HeldPepper<SecureElement> {
    HeldPepper::<SecureElement>::from_secure_element(secret)
}
pub fn name(_: SecureElement) {}
