//@ compiles
//! An outcome that no factor made.
use medsec_auth::verdict::{Verdict, YES};

pub fn forged(verdict: Verdict) -> Verdict {
    verdict
}
pub const WORD: u32 = YES;
