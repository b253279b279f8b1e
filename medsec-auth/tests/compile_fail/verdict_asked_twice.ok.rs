//@ compiles
//! An outcome that counts for two factors.
use medsec_auth::verdict::{Mismatch, Verdict};

pub fn ask(verdict: Verdict) -> Result<(), Mismatch> {
    let _first = Mismatch;
    verdict.accept().map(|_| ())
}
