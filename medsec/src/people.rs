//! The people of a device: they log in, do what they may, and go; and all of it is recorded.
//!
//! [`People`] stands beside a [`Device`] and uses its flash, its log and its random source. What it decides is
//! `medsec-auth`'s; what it adds is the record:
//! - A session begins once it is recorded, and not before. Where the log is full and keeps what it holds, those who may read
//!   evidence use its reserve, to come in and for what they do then, so that it can be emptied. Of emergencies only the first until a review does.
//! - Failures, which anybody can cause again and again, are recorded within limits ([`Device::log_limited`]) and counted beyond them.
//! - An emergency begins whether it is recorded or not; [`Staff::Policy`] says what can be done in it.

mod claim;
mod record;
mod unmounted;

pub use self::unmounted::{Twice, Unmounted};

use medsec_audit::hal::Watcher;
use medsec_auth::authenticator::{
    Authenticator, LifecycleError, Login, LoginError, Refused, Situation,
};
use medsec_auth::credential::{ChangeError, Claim, Credentials, Store};
use medsec_auth::emergency::EmergencyError;
use medsec_auth::event::{AuthEvent, EmergencyReason, LoginRefused, SessionEnd, With};
use medsec_auth::factor::otp::Code;
use medsec_auth::factor::password::{Block, Knowledge};
use medsec_auth::factor::token::Intent;
use medsec_auth::hal::{Pepper, Presence};
use medsec_auth::lockout::{self, Attempts};
use medsec_auth::people::{Pending, PeopleError, PersonChange};
use medsec_auth::session::{NoSession, SessionId, Sessions};
use medsec_core::access::{Authority, Grant, InEmergency, Permission, Policy};
use medsec_core::event::{PrincipalId, RecordError};
use medsec_core::flash::cell::{FormatError, Progress};
use medsec_core::flash::{self, Region, checked_map};
use medsec_core::lifecycle::{BLANK_WORD, Lifecycle, Recorded};
use medsec_core::rng::RandomError;
use medsec_core::time::Pause;

use self::record::{Kept, from, is_evidence, note, record};
use crate::device::{Device, Identity, Port};

/// What a maker says of the people of his device.
pub trait Staff {
    /// Who may do what.
    type Policy: Policy;
    /// The device's pepper.
    type Pepper: Pepper;
    /// Where attempts are counted: four pages, and how many are allowed.
    const ATTEMPTS: lockout::Config;
    /// Where people are kept: four frames of whole pages that hold [`BODY_BYTES`](medsec_auth::credential::BODY_BYTES) each.
    const STORE: Region;
}

/// The people of a device with the port `P`, as `S` says.
///
/// # Limits
/// No call erases but [`People::maintain`] and [`People::step_change`]: one step of one page each. A login with a password takes one stretch,
/// one with a token two signatures to verify: call them where therapy has the higher priority.
pub struct People<P: Port, S: Staff> {
    auth: Authenticator<P::Suite>,
    pepper: S::Pepper,
    unmounted: Option<Unmounted>,
}

impl<P: Port, S: Staff> People<P, S> {
    /// Overlapping regions do not compile.
    const MAP: [Region; 4] =
        checked_map([P::PROFILE.cell, P::PROFILE.log, S::ATTEMPTS.region, S::STORE]);

    /// Makes place for people on a new device that knows nobody and is blank. For the production line, once.
    ///
    /// # Errors
    /// [`FormatError`]; format again.
    pub fn format(
        flash: &mut P::Flash,
        identity: &Identity,
        claim: &Claim,
    ) -> Result<(), FormatError> {
        let [_, _, _, store] = Self::MAP;
        let root = &identity.storage_root;
        let _ = Attempts::format(flash, &S::ATTEMPTS, root, BLANK_WORD.to_le_bytes())?;
        let _ = Store::<P::Suite>::format(flash, store, root, claim)?;
        Ok(())
    }

    /// Finds the people of a device that has booted; reads only. [`People::settle`] says what is due before anybody logs in, and
    /// [`People::unmounted`] why nobody can.
    ///
    /// # Errors
    /// [`Twice`], with nothing changed.
    pub fn boot<W: Watcher>(
        device: &mut Device<P, W>,
        identity: &Identity,
        pepper: S::Pepper,
    ) -> Result<Self, Twice> {
        let root = &identity.storage_root;
        let (_, random) = device.sender();
        let authority = Authority::take(random).ok_or(Twice)?;
        let id = crate::device::device_id(P::PROFILE.model, &device.public_key());
        let (_, flash) = device.log_mut();
        let attempts = Attempts::mount(flash, &S::ATTEMPTS, root).map_err(Unmounted::Attempts);
        let [_, _, _, store] = Self::MAP;
        let store = Store::mount(flash, store, root).map_err(Unmounted::Store);
        let unmounted = attempts.as_ref().err().or_else(|| store.as_ref().err()).copied();
        let auth = Authenticator::new(authority, attempts.ok(), store.ok(), id);
        Ok(Self { auth, pepper, unmounted })
    }

    /// Why nobody can log in, if that is so.
    #[must_use]
    pub const fn unmounted(&self) -> Option<Unmounted> {
        self.unmounted
    }

    /// What has to be done before anybody logs in, if an earlier boot was cut while people were changed.
    pub fn settle(&mut self) -> Option<Pending> {
        self.auth.settle()
    }

    /// Logs in with a secret that is known; `memory` is 32 blocks of 1 KiB, wiped after use.
    ///
    /// # Errors
    /// [`LoginError`], as it says; it is recorded, within limits.
    pub fn password<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        login: &Login<'_>,
        secret: &[u8],
        memory: &mut [Block],
    ) -> Result<SessionId, LoginError> {
        let (_, flash) = device.log_mut();
        let result = self.auth.password(flash, (&mut self.pepper, memory), login, secret);
        self.told(device, login, With::Knowledge, result)
    }

    /// Logs in with a code that is good once.
    ///
    /// # Errors
    /// As [`People::password`].
    pub fn code<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        login: &Login<'_>,
        code: &Code,
    ) -> Result<SessionId, LoginError> {
        let time = device.wall_time();
        let (_, flash) = device.log_mut();
        let result = self.auth.code(flash, login, code, time);
        self.told(device, login, With::OneTime, result)
    }

    /// Asks the token of somebody who logs in; the nonce is what it signs.
    ///
    /// # Errors
    /// [`RandomError`]: no token can be asked.
    pub fn ask_token<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        login: &Login<'_>,
        asked: (Intent, u32),
    ) -> Result<[u8; 32], RandomError> {
        let (_, random) = device.sender();
        self.auth.ask_token(random, login, asked)
    }

    /// Logs in with the answer of a token.
    ///
    /// # Errors
    /// As [`People::password`].
    pub fn token<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        login: &Login<'_>,
        answer: &[u8; 64],
    ) -> Result<SessionId, LoginError> {
        let (_, flash) = device.log_mut();
        let result = self.auth.token(flash, login, answer);
        self.told(device, login, With::Token, result)
    }

    /// Records what came of a login. A session that could not be recorded ends.
    fn told<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        login: &Login<'_>,
        with: With,
        result: Result<SessionId, LoginError>,
    ) -> Result<SessionId, LoginError> {
        let (by, from) = (login.who, from(login.place.interface()));
        let why = match result {
            Ok(session) => {
                let event = if login.session.is_some() {
                    AuthEvent::FactorAdded { by, with }
                } else {
                    AuthEvent::SessionOpened { by, from, with }
                };
                let role =
                    self.auth.sessions().person(session, login.now).map(|person| person.role);
                if record::<P, S, W>(device, &event, role.ok()).is_ok() {
                    return Ok(session);
                }
                // It cannot be told that somebody is here, so nobody is.
                let ended = self.auth.sessions().end(session, SessionEnd::Terminated);
                debug_assert!(ended.is_ok(), "it was opened just now");
                return Err(LoginError::Refused(LoginRefused::Fault));
            }
            Err(LoginError::NotReady) => return result,
            Err(LoginError::Wait { .. }) => LoginRefused::Backoff,
            Err(LoginError::Refused(why)) => why,
            Err(_) => LoginRefused::Fault,
        };
        // A name that was typed may be a secret. These reasons are given for people who are known only.
        let is_known = matches!(
            why,
            LoginRefused::Wrong
                | LoginRefused::Used
                | LoginRefused::Disabled
                | LoginRefused::NotAllowed
                | LoginRefused::Sessions
        );
        let by = if is_known { by } else { PrincipalId::DEVICE };
        let failed = AuthEvent::LoginFailed { by, from, with, why };
        // Nothing depends on its record; what is lost shows in the device's health.
        let _lost: Result<_, RecordError> = device.log_limited(&failed);
        result
    }

    /// Grants `A` to who has the session, once what he does is recorded.
    ///
    /// # Errors
    /// [`Refused`]: nothing was granted, which is recorded within limits.
    pub fn grant<A: Permission<Policy = S::Policy>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        session: SessionId,
        situation: &Situation,
        args: A::Args,
    ) -> Result<Grant<A>, Refused> {
        // Evidence is what a full log is emptied for, so its record is not missing room.
        let mut log = Kept { device, takes_reserve: is_evidence::<A>() };
        let granted = self.auth.grant(session, situation, args, &mut log);
        granted.inspect_err(|refused| note::<P, W, A>(device, refused))
    }

    /// Opens an emergency for whoever is at the device, and records it if that can be done.
    ///
    /// # Errors
    /// [`EmergencyError`], as it says.
    pub fn call_emergency<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        presence: Presence,
        reason: EmergencyReason,
    ) -> Result<(), EmergencyError> {
        let now = device.now();
        // One that is called again and again leaves the reserve to who empties the log.
        let takes_reserve = !self.auth.emergencies().is_review_due();
        self.auth.call_emergency(presence, reason, &mut Kept { device, takes_reserve }, now)
    }

    /// Grants `A` in an emergency, recorded or not.
    ///
    /// # Errors
    /// [`Refused`]: there is no emergency.
    pub fn grant_in_emergency<A: InEmergency + Permission<Policy = S::Policy>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        args: A::Args,
    ) -> Result<Grant<A>, Refused> {
        let now = device.now();
        let granted = self.auth.grant_in_emergency(args, device, now);
        granted.inspect_err(|refused| note::<P, W, A>(device, refused))
    }

    /// Begins to change who is known, if the session may.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun.
    pub fn manage<A: Permission<Policy = S::Policy, Args = PersonChange>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        (session, situation): (SessionId, &Situation),
        (change, credentials): (PersonChange, &Credentials),
    ) -> Result<Pending, PeopleError> {
        let mut random = [0; 4];
        let boot = device.health().log.sessions;
        let (_, source) = device.sender();
        source.fill(&mut random).map_err(|_| PeopleError::Busy)?;
        let target = self.auth.target(device.log_mut().1, change);
        let asked = (session, situation);
        let begun = self.auth.manage::<A, _>(target, asked, credentials, (random, boot), device);
        if let Err(PeopleError::Refused(refused)) = &begun {
            note::<P, W, A>(device, refused);
        }
        begun
    }

    /// Begins to give somebody another secret, as he asks himself, in a session in which he has shown the one of now; once that is
    /// recorded.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun.
    pub fn change_own<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        session: SessionId,
        secret: &Knowledge,
    ) -> Result<Pending, PeopleError> {
        let now = device.now();
        let person = self.auth.own(device.log_mut().1, session, now)?;
        self.auth.change_own(person, secret, device)
    }

    /// Makes the first person known, on a device that knows nobody.
    ///
    /// # Trust
    /// The caller answers for who asks: a station, or who has shown the code that claims the device.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun.
    pub fn enrol_first<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        role: u8,
    ) -> Result<Pending, PeopleError> {
        let mut random = [0; 4];
        let boot = device.health().log.sessions;
        device.sender().1.fill(&mut random).map_err(|_| PeopleError::Busy)?;
        self.auth.enrol_first::<S::Policy, _>(device.log_mut().1, role, (random, boot))
    }

    /// Gives the first person credentials.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun.
    pub fn equip_first<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        person: PrincipalId,
        credentials: &Credentials,
    ) -> Result<Pending, PeopleError> {
        self.auth.equip_first(device.log_mut().1, person, credentials)
    }

    /// Does one operation of a change. Once it is in force it is recorded who was changed.
    ///
    /// # Errors
    /// [`ChangeError`]: the change is over; what the store holds may be either.
    pub fn step_change<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        pause: &Pause<'_>,
        pending: &mut Pending,
    ) -> Result<Progress, ChangeError> {
        let was_done = pending.is_done();
        let progress = self.auth.step_change(device.log_mut().1, pause, pending)?;
        if let (false, Some((by, person))) = (was_done, pending.enrolled()) {
            // He was granted to be enrolled before it was done, and that is recorded; this is his name.
            let _lost: Result<_, RecordError> =
                device.log(&AuthEvent::PersonEnrolled { by, person });
        }
        Ok(progress)
    }

    /// Does what is due: one step on the flash, or one record of a session or an emergency that has ended.
    ///
    /// # Errors
    /// The part's; it can be tried again.
    pub fn maintain<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        pause: &Pause<'_>,
    ) -> Result<Progress, flash::Error> {
        let now = device.now();
        // A log that is not ready, or fails, is tried again: what has ended has ended in any case.
        if let Some(ended) = self.auth.sessions().poll(now) {
            let event = AuthEvent::SessionEnded { by: ended.by, why: ended.why };
            if device.log(&event).is_ok() {
                self.auth.sessions().told(&ended);
                return Ok(Progress::More);
            }
        }
        if let Some(granted) = self.auth.emergencies().poll(now)
            && device.log(&AuthEvent::EmergencyClosed { granted }).is_ok()
        {
            self.auth.emergencies().told();
            return Ok(Progress::More);
        }
        self.auth.step(device.log_mut().1, pause)
    }

    /// Begins to put another part of life in force, once that is recorded; [`People::maintain`] does it.
    ///
    /// # Errors
    /// [`LifecycleError`]: nothing was begun.
    pub fn begin_lifecycle(&mut self, recorded: &Recorded) -> Result<(), LifecycleError> {
        self.auth.begin_lifecycle(recorded)
    }

    /// The word of the part of life that is stored, to confirm a change with.
    #[must_use]
    pub fn stored_lifecycle(&self) -> Option<u32> {
        self.auth.stored_lifecycle()
    }

    /// What a decision looks at now, with nobody who approves and nobody seen at the device.
    pub fn situation<W: Watcher>(&self, device: &mut Device<P, W>) -> Situation {
        let now = device.now();
        Situation { presence: None, approver: None, now }
    }

    /// Whether somebody has to look at what was done: an emergency of this boot that nobody has reviewed, or something that was
    /// granted without a record.
    #[must_use]
    pub fn needs_review(&mut self) -> bool {
        self.auth.emergencies().is_review_due() || self.auth.is_unrecorded()
    }

    /// Locks a session, and records it if that can be done: it goes on when its person shows one factor again.
    ///
    /// # Errors
    /// [`NoSession`].
    pub fn lock<W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        session: SessionId,
    ) -> Result<(), NoSession> {
        let by = self.auth.sessions().lock(session, device.now())?;
        // It is locked whatever becomes of the record; a lost one shows in the device's health.
        let _lost: Result<_, RecordError> = device.log(&AuthEvent::SessionLocked { by });
        Ok(())
    }

    /// The sessions: to list, to end. What ends is recorded by [`People::maintain`].
    pub const fn sessions(&mut self) -> &mut Sessions {
        self.auth.sessions()
    }

    /// The part of the device's life.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.auth.lifecycle()
    }
}
