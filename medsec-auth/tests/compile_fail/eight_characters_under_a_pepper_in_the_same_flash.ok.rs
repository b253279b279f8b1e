//@ compiles
//! A short secret whose pepper is in the dump too.
use medsec_auth::factor::password::Rules;
use medsec_auth::hal::{HeldPepper, SameFlash};

pub fn policy() -> Rules<HeldPepper<SameFlash>> {
    Rules::only_factor()
}
