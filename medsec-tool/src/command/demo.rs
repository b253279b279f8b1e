//! `medsec demo`.

use crate::error::Error;
use crate::output::Outcome;

pub(crate) fn run() -> Result<Outcome, Error> {
    Err(Error::Bug { what: "this build has no simulated device" })
}
