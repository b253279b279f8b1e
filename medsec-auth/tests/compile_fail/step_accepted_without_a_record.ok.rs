//@ compiles
//! A code that counts before it is on the flash.
use medsec_auth::factor::otp::Step;
use medsec_auth::verdict::Accepted;

pub fn accepted(step: Step) -> Result<Accepted, ()> {
    step.record(|_number| Ok(()))
}
