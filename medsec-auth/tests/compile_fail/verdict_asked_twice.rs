//@ error: E0382
//! An outcome that counts for two factors.
use medsec_auth::verdict::{Mismatch, Verdict};

pub fn ask(verdict: Verdict) -> Result<(), Mismatch> {
    let _first = verdict.accept();
    verdict.accept().map(|_| ())
}
