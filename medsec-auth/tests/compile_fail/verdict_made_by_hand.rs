//@ error: E0451
//! An outcome that no factor made.
use medsec_auth::verdict::{Verdict, YES};

pub fn forged(verdict: Verdict) -> Verdict {
    Verdict { word: YES }
}
pub const WORD: u32 = YES;
