//@ compiles
//! A place of a pepper that says of itself how good it is.
use medsec_auth::hal::{Keeping, PepperStrength, SecureElement};

pub struct MyFlash;
pub const STRENGTH: PepperStrength = <SecureElement as Keeping>::STRENGTH;
