//@ compiles
//! A factor that agreed without an outcome.
use medsec_auth::verdict::{Accepted, Mismatch, Verdict};

pub fn accepted(verdict: Verdict) -> Result<Accepted, Mismatch> {
    verdict.accept()
}
