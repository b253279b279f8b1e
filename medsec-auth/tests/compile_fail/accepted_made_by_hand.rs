//@ error: E0451
//! A factor that agreed without an outcome.
use medsec_auth::verdict::{Accepted, Mismatch, Verdict};

pub fn accepted(verdict: Verdict) -> Result<Accepted, Mismatch> {
    let _ = verdict; Ok(Accepted { word: Accepted::WORD })
}
