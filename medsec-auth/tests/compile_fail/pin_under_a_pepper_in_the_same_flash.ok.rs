//@ compiles
//! A short secret whose pepper is in the dump too.
use medsec_auth::factor::password::Rules;
use medsec_auth::hal::{HeldPepper, ReadLocked as Kept};

pub fn policy() -> Rules<HeldPepper<Kept>> {
    Rules::pin()
}
