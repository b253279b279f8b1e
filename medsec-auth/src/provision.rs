//! How a device is made: what a station may ask of it, in which order, and what the device does first.
//!
//! | step | the device does, on flash | then it says |
//! |---|---|---|
//! | hello | keeps the name of the run; Blank becomes Provisioning | which unit it is, signed |
//! | certificate | keeps it, if it is for its own keys and by its maker | its digest |
//! | code | draws a fresh code, keeps what it is proved by | the code, once |
//! | seal | locks its debug port, takes no other code or certificate | a signed receipt |
//! | finish | Provisioning becomes AwaitClaim, recorded | that it is so |
//!
//! [`due`] decides, from what is stored and nothing else, what is to be done next for a request; whoever has the flash does it, and asks again until
//! there is nothing to do but to answer. So a run that was cut anywhere goes on, on either side, with the same request: what was done is
//! not done again, and the answer is the same.
//!
//! # Rules
//! 1. Nothing is asked but over a link on which the station was proven, and nothing after [`Change::FinishProvisioning`].
//! 2. What a device is born with is drawn before there is a station, and does not leave it.
//! 3. A run is named by its station; a device that has begun one goes on with no other. It does not begin anew: that takes other secrets.
//! 4. The device signs which unit it is over the handshake hash, so what stands between it and the station takes nobody else's place.
//! 5. A code is drawn by the device and told once. A fresh one makes those before worthless. What is kept of the last one is not the code, and opens links
//!    by label with this device alone; whoever reads it out of the device has that.
//! 6. It is sealed only by a station that has the last code and the certificate that is kept, and only with the debug port locked where the part has a
//!    lock. From then on both stand.
//!
//! # Trust
//! A station that is proven is trusted with the code of each device it makes meanwhile, and with the serial numbers. It learns no key.

pub mod claim;
pub mod message;
pub mod receipt;

use medsec_core::agreement::AgreementKey;
use medsec_core::hal::Flash;
use medsec_core::identity::certificate::{Certificate, Kind};
use medsec_core::identity::own::Shown;
use medsec_core::identity::trust::{Origin, Stage, Today, Trust};
use medsec_core::key::{PublicKey, device_id};
use medsec_core::lifecycle::{Change, Lifecycle, State};
use medsec_core::suite::{Suite, TAG_BYTES};
use subtle::ConstantTimeEq;

use self::claim::ClaimKey;
use self::message::{Debug, Hello, NO_PROOF, Progress, Refused, Request, Run};
use crate::authenticator::Authenticator;
use crate::credential::Claim;
use crate::people::{Pending, PeopleError};

/// What is stored, and what the device is.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The part of its life.
    pub lifecycle: Lifecycle,
    /// How far the claim has come.
    pub claim: &'a Claim,
    /// The certificate that is kept.
    pub own: Option<&'a Shown>,
    /// Its debug port, as the part reads now.
    pub debug: Debug,
    /// Its model.
    pub model: u32,
    /// The suite that it is built with.
    pub suite: u8,
    /// Its key that signs.
    pub signing: PublicKey,
    /// Its key for links.
    pub agreement: AgreementKey,
    /// Whose certificates it takes.
    pub trust: Trust<'a>,
    /// The day.
    pub today: Today,
}

/// What is to be done next for a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Due {
    /// The claim is to be stored; then ask again.
    Claim(Claim),
    /// Another part of life is to be put in force; then ask again.
    Lifecycle(Change),
    /// The certificate is to be stored; then ask again.
    Certificate(Shown),
    /// The debug port is to be locked; then ask again, and if it is still open give up with [`Refused::Debug`].
    Lock,
    /// A code is to be drawn, and [`coded`] stored; then it is the answer.
    Draw,
    /// Which unit it is, how far it came: the answer.
    Unit(Progress),
    /// The digest of the certificate: the answer.
    Stored([u8; 32]),
    /// The receipt for this certificate: the answer.
    Receipt([u8; 32]),
    /// The answer.
    Finished,
}

/// How far a device has come with its claim; none if it knows of no run.
fn progress(facts: &Facts<'_>) -> Result<Option<Progress>, Refused> {
    let stored = facts.claim.state;
    if stored == 0 {
        return Ok(None);
    }
    match (Progress::of(stored), facts.own) {
        (Some(Progress::Begun), Some(_)) => Ok(Some(Progress::Certified)),
        (Some(Progress::Begun), None) => Ok(Some(Progress::Begun)),
        (Some(progress @ (Progress::Coded | Progress::Sealed)), Some(_)) => Ok(Some(progress)),
        // What came behind a certificate is nothing without it.
        _ => Err(Refused::Fault),
    }
}

/// What is kept of a claim that has begun.
fn begun(transaction: [u8; 16]) -> Claim {
    Claim { state: Progress::Begun.code(), transaction, ..Claim::none() }
}

/// What is kept of a code that was drawn in this run.
#[must_use]
pub fn coded(run: &Hello, key: ClaimKey) -> Claim {
    let (state, transaction) = (Progress::Coded.code(), run.transaction);
    Claim { state, transaction, verifier: key.into_kept(), ..Claim::none() }
}

/// What is to be done next for `request` on a link with a station that is proven; `run` is that of its [`Request::Hello`] on this link.
///
/// # Errors
/// [`Refused`]: nothing is done.
pub fn due(facts: &Facts<'_>, run: &Run<'_>, request: &Request<'_>) -> Result<Due, Refused> {
    let hello = run.hello;
    if hello.model != facts.model {
        return Err(Refused::Model);
    }
    let progress = progress(facts)?;
    let is_ours = facts.claim.transaction == hello.transaction;
    let state = facts.lifecycle.state().map_err(|_| Refused::State)?;
    let progress = match (state, progress, request) {
        // The answer to the last request of a run was lost.
        (State::AwaitClaim, Some(Progress::Sealed), Request::Finish) if is_ours => {
            return Ok(Due::Finished);
        }
        (State::Blank, None | Some(Progress::Begun), Request::Hello(..)) => {
            // Nobody was told anything yet, so what another run has begun is nothing.
            let is_kept = progress.is_some() && is_ours;
            return Ok(if is_kept {
                Due::Lifecycle(Change::BeginProvisioning)
            } else {
                Due::Claim(begun(hello.transaction))
            });
        }
        (State::Blank, ..) => return Err(Refused::Order),
        (State::Provisioning, Some(progress), _) if is_ours => progress,
        (State::Provisioning, Some(_), _) => return Err(Refused::Transaction),
        (State::Provisioning, None, _) => return Err(Refused::Fault),
        _ => return Err(Refused::State),
    };
    match request {
        Request::Hello(..) => {
            let is_same = facts.own.is_none_or(|own| own.serial == hello.serial);
            if is_same { Ok(Due::Unit(progress)) } else { Err(Refused::Transaction) }
        }
        Request::Certificate(bytes) => match facts.own {
            Some(own) if own.certificate.to_bytes() == **bytes => {
                Ok(Due::Stored(own.certificate.digest()))
            }
            Some(_) => Err(Refused::Certificate),
            None => {
                let certificate = Certificate::parse(*bytes).map_err(|_| Refused::Certificate)?;
                check(facts, &certificate)?;
                Ok(Due::Certificate(Shown { serial: hello.serial, certificate }))
            }
        },
        Request::Code => match progress {
            Progress::Begun => Err(Refused::Order),
            Progress::Sealed => Err(Refused::Sealed),
            Progress::Certified | Progress::Coded => Ok(Due::Draw),
        },
        Request::Seal(proof, digest) => sealing(facts, run, progress, (proof, digest)),
        Request::Finish if progress != Progress::Sealed => Err(Refused::Order),
        Request::Finish if facts.debug == Debug::Open => Ok(Due::Lock),
        Request::Finish => Ok(Due::Lifecycle(Change::FinishProvisioning)),
    }
}

/// What is to be done next to seal a device.
fn sealing(
    facts: &Facts<'_>,
    run: &Run<'_>,
    progress: Progress,
    (proof, digest): (&[u8; TAG_BYTES], &[u8; 32]),
) -> Result<Due, Refused> {
    let own = facts.own.ok_or(Refused::Order)?.certificate.digest();
    if !bool::from(own.ct_eq(digest)) {
        return Err(Refused::Certificate);
    }
    let key = ClaimKey::kept(facts.claim.verifier.duplicate());
    match progress {
        Progress::Begun | Progress::Certified => Err(Refused::Order),
        // It was locked when it was sealed; the receipt says how it is.
        Progress::Sealed if facts.debug == Debug::Open => Ok(Due::Lock),
        // Whoever asks again after a cut may have the code no more, and says so; another code is none of this device.
        Progress::Sealed if *proof == NO_PROOF => Ok(Due::Receipt(own)),
        Progress::Sealed => {
            key.check(run, digest, proof).map_err(|_| Refused::Proof)?;
            Ok(Due::Receipt(own))
        }
        Progress::Coded => {
            key.check(run, digest, proof).map_err(|_| Refused::Proof)?;
            if facts.debug == Debug::Open {
                return Ok(Due::Lock);
            }
            let (state, salt) = (Progress::Sealed.code(), facts.claim.salt);
            let (transaction, verifier) = (facts.claim.transaction, key.into_kept());
            Ok(Due::Claim(Claim { state, transaction, salt, verifier }))
        }
    }
}

/// Whether a certificate is this device's, by its maker, and good in service.
fn check(facts: &Facts<'_>, certificate: &Certificate) -> Result<(), Refused> {
    let claims = certificate.claims();
    let suite = 1_u8.checked_shl(u32::from(facts.suite.saturating_sub(1))).unwrap_or(0);
    let is_own = claims.kind == Kind::Device
        && claims.model == facts.model
        && claims.suites & suite != 0
        && claims.subject == device_id(facts.model, &facts.signing)
        && certificate.signing_key() == Some(facts.signing)
        && certificate.agreement_key() == Some(facts.agreement);
    // Judged as in service, where those for tests do not hold: a device with one would be of no use.
    let judged = facts.trust.judge(certificate, facts.today, Stage::Service);
    let is_by_maker = judged.is_ok_and(|trusted| trusted.origin() == Origin::Maker);
    if is_own && is_by_maker { Ok(()) } else { Err(Refused::Certificate) }
}

impl<S: Suite> Authenticator<S> {
    /// How far the claim of the device has come.
    ///
    /// # Errors
    /// [`PeopleError::Busy`]: it cannot be read now.
    pub fn claim<F: Flash>(&self, flash: &mut F) -> Result<Claim, PeopleError> {
        let people = self.people.as_ref().ok_or(PeopleError::Busy)?;
        people.claim(flash).map_err(|_| PeopleError::Busy)
    }

    /// Begins to store another claim, on a device that is being made. [`Authenticator::step_change`] does it.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`]: it is made.
    pub fn begin_claim(&self, claim: &Claim) -> Result<Pending, PeopleError> {
        if self.lifecycle().runs_provisioning() {
            Ok(self.pending_claim(claim))
        } else {
            Err(PeopleError::Unknown)
        }
    }
}
