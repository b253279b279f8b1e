//@ error: E0277 "Sealed"
//! A place of a pepper that says of itself how good it is.
use medsec_auth::hal::{Keeping, PepperStrength, SecureElement};

pub struct MyFlash;
impl Keeping for MyFlash { const STRENGTH: PepperStrength = PepperStrength::SecureElement; }
