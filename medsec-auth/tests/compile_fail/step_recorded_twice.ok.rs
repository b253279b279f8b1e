//@ compiles
//! A code that counts for two factors.
use medsec_auth::factor::otp::Step;
use medsec_auth::verdict::Accepted;

pub fn accepted(step: Step) -> [Result<Accepted, ()>; 1] {
    let _number = step.number();
    [step.record(|_number| Ok(()))]
}
