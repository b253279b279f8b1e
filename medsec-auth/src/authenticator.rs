//! Who logs in, and what is granted to whom: attempts, people, sessions and emergencies, put together.
//!
//! # Order of a login
//! 1. The person is looked for; the search costs the same whether there is one or not.
//! 2. The attempt is put on flash ([`Attempts::begin`]), and read back.
//! 3. What was shown is compared, twice, blinded with what was read back.
//! 4. That it was right is put on flash ([`Attempts::settle`]).
//! 5. Only then there is a session, or another factor in one.
//!
//! A token's answer takes no attempt: it cannot be guessed, and failures at a password do not stop it.
//!
//! # Two persons
//! Who approves has a session of his own, that lacks nothing and was not left. That he approves this act and no other is not asked of
//! him yet; both are recorded.
//!
//! # Trust
//! Names, secrets, codes and answers are the attacker's. The [`Facts`] of a decision are made here, from a session, and by nobody
//! else: who holds the [`Authority`] can do as he likes, so it is handed in at boot and never out.
//!
//! # Errors
//! [`LoginError::Refused`] carries its reason for the log. Whoever tried is told that it failed; only at the device he is told how
//! long to wait.

mod attempts;
mod login;
mod refused;

use medsec_core::access::check::Declared;
use medsec_core::access::{
    Authority, Class, Classes, Denied, Factors, Facts, Grant, InEmergency, Interface, Permission,
    Policy, deficits,
};
use medsec_core::event::{PermissionNumber, PrincipalId, Recorder};
use medsec_core::flash;
use medsec_core::flash::cell::Progress;
use medsec_core::hal::{EntropySource, Flash};
use medsec_core::lifecycle::{Lifecycle, Recorded};
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks, WallTime};

use crate::credential::{Flags, Found, Store};
use crate::emergency::{Emergencies, EmergencyError};
use crate::event::{AuthEvent, EmergencyReason, LoginRefused};
use crate::factor::otp::{Code, Otp};
use crate::factor::password::{Block, Knowledge, Passwords, Stretch};
use crate::factor::token::{Challenge, Intent, Request, Token};
use crate::hal::{Pepper, Presence};
use crate::lockout::{self, Attempts, Busy, Outcome, Passed, Row};
use crate::session::{NoSession, Person, SessionId, Sessions, Shown};
use crate::verdict::Accepted;

use self::login::may_be;
pub use self::login::{Login, LoginError, Place, Situation};
pub use self::refused::{LifecycleError, Refused, Reviewed, Why};

/// Finds out who is there, and grants what he may.
///
/// # Limits
/// No call erases but [`Authenticator::step`]. A login reads the whole store, and costs one stretch or two signatures.
pub struct Authenticator<S: Suite> {
    authority: Authority,
    pub(crate) attempts: Option<Attempts>,
    pub(crate) people: Option<Store<S>>,
    sessions: Sessions,
    emergencies: Emergencies,
    device: [u8; 16],
    challenge: Option<(Challenge, Request)>,
    /// Rises with each part of life: what was begun in another is not gone on with.
    pub(crate) era: u32,
}

impl<S: Suite> Authenticator<S> {
    /// One for the device with this id. It keeps the authority.
    ///
    /// What could not be mounted is `None`: nobody logs in then, and without attempts the part of life cannot be read. An emergency
    /// works all the same.
    #[must_use]
    pub const fn new(
        authority: Authority,
        attempts: Option<Attempts>,
        people: Option<Store<S>>,
        device: [u8; 16],
    ) -> Self {
        Self {
            authority,
            attempts,
            people,
            sessions: Sessions::new(),
            emergencies: Emergencies::new(),
            device,
            challenge: None,
            era: 0,
        }
    }

    /// Does one erase step, or one program, of what was asked for.
    ///
    /// # Errors
    /// The part's; what was asked for can be asked for again.
    pub fn step<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
    ) -> Result<Progress, flash::Error> {
        self.attempts.as_mut().map_or(Ok(Progress::Done), |attempts| attempts.step(flash, pause))
    }

    /// Logs in with a secret that is known.
    ///
    /// # Errors
    /// [`LoginError`], as it says.
    pub fn password<F: Flash, P: Pepper>(
        &mut self,
        flash: &mut F,
        (pepper, memory): (P, &mut [Block]),
        login: &Login<'_>,
        secret: &[u8],
    ) -> Result<SessionId, LoginError> {
        let found = self.look_up(flash, login)?;
        let record = found
            .as_ref()
            .and_then(|found| found.credentials.knowledge.as_ref())
            .and_then(|bytes| Knowledge::parse(bytes.expose()).ok());
        let attempt = self.begin(flash, found.as_ref(), lockout::Factor::Knowledge, login)?;
        let blind = blind(attempt.blinds());
        let mut passwords =
            Passwords { device: self.device, stretch: Stretch::DEFAULT, pepper, memory };
        let verdict = passwords.verify(record.as_ref(), secret, login.who.bytes(), &blind);
        let accepted = match verdict.map(crate::verdict::Verdict::accept) {
            Ok(Ok(accepted)) => accepted,
            Ok(Err(_)) => {
                return Err(self.failed(flash, attempt, Outcome::Wrong, found.is_some()));
            }
            Err(_) => return Err(self.failed(flash, attempt, Outcome::NoVerdict, true)),
        };
        let passed = self.settle_right(flash, attempt, None)?;
        let shown = shown(Factors::KNOWLEDGE, &accepted, &passed);
        self.admit(login, found.as_ref(), shown)
    }

    /// Logs in with a code that is good once.
    ///
    /// # Errors
    /// [`LoginError`], as it says.
    pub fn code<F: Flash>(
        &mut self,
        flash: &mut F,
        login: &Login<'_>,
        code: &Code,
        time: WallTime,
    ) -> Result<SessionId, LoginError> {
        let found = self.look_up(flash, login)?;
        let record = found
            .as_ref()
            .and_then(|found| found.credentials.one_time.as_ref())
            .and_then(|bytes| Otp::parse(bytes.expose()).ok());
        // Without a time that is good enough nobody can be judged, and nobody is charged.
        if record.as_ref().is_some_and(|record| record.check_time(time).is_err()) {
            return Err(LoginError::Refused(LoginRefused::Fault));
        }
        let attempt = self.begin(flash, found.as_ref(), lockout::Factor::Code, login)?;
        let Some(record) = record else {
            return Err(self.failed(flash, attempt, Outcome::Wrong, found.is_some()));
        };
        let row = found.as_ref().map_or(Row::GHOST, row_of);
        let blind = blind(attempt.blinds());
        // Without attempts there was no attempt, so this is not reached; then every step is used up.
        let last = self.attempts.as_ref().map_or(u32::MAX, |attempts| attempts.last_step(row));
        let matched = record.match_step(code, last, time, &blind);
        let step = match matched.map(crate::factor::otp::Matched::accept) {
            Ok(Ok(step)) => step,
            Ok(Err(_)) => {
                return Err(self.failed(flash, attempt, Outcome::Wrong, found.is_some()));
            }
            Err(_) => return Err(self.failed(flash, attempt, Outcome::NoVerdict, true)),
        };
        let mut passed = None;
        let accepted = step.record(|number| {
            passed = Some(self.settle_right(flash, attempt, Some(number))?);
            Ok::<_, LoginError>(())
        })?;
        let passed = passed.ok_or(LoginError::Refused(LoginRefused::Fault))?;
        let shown = shown(Factors::ONE_TIME, &accepted, &passed);
        self.admit(login, found.as_ref(), shown)
    }

    /// Asks the token of somebody who logs in. One question is open at a time; its nonce is for the token.
    ///
    /// # Errors
    /// [`RandomError`]: there are no fresh nonces, so no token can be asked.
    pub fn ask_token<E: EntropySource>(
        &mut self,
        random: &mut Random<E>,
        login: &Login<'_>,
        (intent, permissions): (Intent, u32),
    ) -> Result<[u8; 32], RandomError> {
        let request = Request {
            device: self.device,
            binding: login.place.binding(),
            principal: *login.who.bytes(),
            intent,
            permissions,
        };
        let challenge = Challenge::ask(request, random, login.now)?;
        let nonce = *challenge.nonce();
        self.challenge = Some((challenge, request));
        Ok(nonce)
    }

    /// Logs in with the answer of a token to what was asked last. The question is used up.
    ///
    /// # Errors
    /// [`LoginError`], as it says.
    pub fn token<F: Flash>(
        &mut self,
        flash: &mut F,
        login: &Login<'_>,
        answer: &[u8; 64],
    ) -> Result<SessionId, LoginError> {
        let found = self.look_up(flash, login)?;
        let why = if found.is_some() { LoginRefused::Wrong } else { LoginRefused::Unknown };
        let wrong = LoginError::Refused(why);
        // A session begins with an answer to log in, and is allowed more by one to step up. Other answers are for something else.
        let intent = if login.session.is_some() { Intent::StepUp } else { Intent::LogIn };
        let request = Request {
            device: self.device,
            binding: login.place.binding(),
            principal: *login.who.bytes(),
            intent,
            permissions: 0,
        };
        // What was asked of another stays open.
        let is_asked = self.challenge.as_ref().is_some_and(|(_, asked)| *asked == request);
        let (challenge, _) = self.challenge.take_if(|_| is_asked).ok_or(wrong)?;
        let record = found
            .as_ref()
            .and_then(|found| found.credentials.token.as_ref())
            .and_then(|bytes| Token::parse(bytes.expose()).ok());
        let verdict = challenge.verify(record.as_ref(), answer, &request, login.now, &[0; 32]);
        let accepted = verdict.accept().map_err(|_| wrong)?;
        let shown = Shown { factor: Factors::TOKEN, residue: accepted.word() ^ Accepted::WORD };
        self.admit(login, found.as_ref(), shown)
    }

    /// Grants `P` to who has a session, once what he does is recorded.
    ///
    /// # Errors
    /// [`Refused`]: why, and to whom, for the log; [`Denied::NotRecorded`] is the log's own.
    pub fn grant<P: Permission, R: Recorder>(
        &mut self,
        session: SessionId,
        situation: &Situation,
        args: P::Args,
        recorder: &mut R,
    ) -> Result<Grant<P>, Refused> {
        let facts = self.check::<P>(session, situation)?;
        let refused = |denied| Refused { by: facts.by, why: Why::Denied(denied) };
        if let Some(approver) = &facts.approver {
            // Both are in the log, the second first: the act is recorded with the one who does it.
            let permission = PermissionNumber::new(number_of::<P>());
            let approved = AuthEvent::Approved { by: approver.by, permission };
            recorder.record(&approved).map_err(|error| refused(Denied::NotRecorded(error)))?;
        }
        self.authority.grant(&facts, args, recorder, situation.now).map_err(refused)
    }

    /// Whether `P` would be granted, with the facts that it would be granted by. Nothing is recorded.
    pub(crate) fn check<P: Permission>(
        &mut self,
        session: SessionId,
        situation: &Situation,
    ) -> Result<Facts, Refused> {
        let Situation { presence, approver, now } = situation;
        let (approver, now) = (*approver, *now);
        let by = self.sessions.person(session, now).map(|person| person.id);
        let refused = |why| Refused { by: by.unwrap_or(PrincipalId::DEVICE), why };
        let present = presence.as_ref().is_some_and(|presence| presence.is_fresh(now));
        let classes = classes(self.lifecycle());
        let facts = self
            .sessions
            .facts(session, present, classes, approver, now)
            .map_err(|NoSession| refused(Why::Session))?;
        match Denied::of(deficits::<P::Policy>(&facts, number_of::<P>())) {
            None => Ok(facts),
            Some(denied) => Err(refused(Why::Denied(denied))),
        }
    }

    /// Opens an emergency, for whoever is at the device. Sessions from afar and for service end.
    ///
    /// Whether it can be recorded or not; [`Authenticator::is_unrecorded`] says so.
    ///
    /// # Errors
    /// [`EmergencyError`], as it says.
    pub fn call_emergency<R: Recorder>(
        &mut self,
        presence: Presence,
        reason: EmergencyReason,
        recorder: &mut R,
        now: Ticks,
    ) -> Result<(), EmergencyError> {
        self.emergencies.call(presence, self.lifecycle(), now)?;
        self.sessions.end_away(crate::event::SessionEnd::Emergency);
        if recorder.record(&AuthEvent::EmergencyOpened { reason }).is_err() {
            self.authority.note_unrecorded();
        }
        Ok(())
    }

    /// Grants `P` in an emergency that is under way. Whether it can be recorded or not.
    ///
    /// # Errors
    /// [`Refused`]: there is no emergency, or the device treats nobody in this part of its life.
    pub fn grant_in_emergency<P: InEmergency, R: Recorder>(
        &mut self,
        args: P::Args,
        recorder: &mut R,
        now: Ticks,
    ) -> Result<Grant<P>, Refused> {
        let by = PrincipalId::EMERGENCY;
        let state = (self.emergencies.is_open(now), self.lifecycle().runs_emergency());
        let granted = self.authority.grant_in_emergency(by, state, args, recorder, now);
        if granted.is_ok() {
            self.emergencies.granted();
        }
        granted.map_err(|denied| Refused { by, why: Why::Denied(denied) })
    }

    /// The sessions.
    pub const fn sessions(&mut self) -> &mut Sessions {
        &mut self.sessions
    }

    /// The emergencies.
    pub const fn emergencies(&mut self) -> &mut Emergencies {
        &mut self.emergencies
    }

    /// An emergency was reviewed by somebody who may: the grant says so.
    ///
    /// # Errors
    /// [`Expired`](medsec_core::access::Expired): it is still to be reviewed.
    pub fn reviewed<P: Permission<Args = Reviewed>>(
        &mut self,
        grant: Grant<P>,
        now: Ticks,
    ) -> Result<(), medsec_core::access::Expired> {
        const { assert!(is_evidence::<P>(), "a review is evidence") };
        let Reviewed = grant.exercise(now)?;
        self.emergencies.reviewed();
        Ok(())
    }

    /// Whether something was granted in this boot that is not in the log.
    #[must_use]
    pub const fn is_unrecorded(&self) -> bool {
        self.authority.is_unrecorded()
    }

    /// Begins to put another part of life in force, once that is recorded. All sessions end. [`Authenticator::step`] does it; then
    /// [`Authenticator::lifecycle`] is what the change is confirmed with.
    ///
    /// # Errors
    /// [`LifecycleError`]: nothing was begun.
    pub fn begin_lifecycle(&mut self, recorded: &Recorded) -> Result<(), LifecycleError> {
        if !recorded.begins_at(self.lifecycle()) {
            return Err(LifecycleError::Stale);
        }
        let attempts = self.attempts.as_mut().ok_or(LifecycleError::Unmounted)?;
        let begun = attempts.set_state(recorded.word().to_le_bytes());
        begun.map_err(|Busy| LifecycleError::Busy)?;
        self.era = self.era.wrapping_add(1);
        self.sessions.end_all(crate::event::SessionEnd::Lifecycle);
        Ok(())
    }

    /// The part of the device's life by what is stored; unreadable while a change that an earlier boot began is not settled.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle {
        self.stored_lifecycle().map_or(Lifecycle::UNREADABLE, Lifecycle::of)
    }

    /// The word that is stored, as it was read back, to confirm a change with.
    #[must_use]
    pub fn stored_lifecycle(&self) -> Option<u32> {
        let settled = self.attempts.as_ref().filter(|attempts| !attempts.needs_renewal());
        settled.map(|attempts| u32::from_le_bytes(attempts.state()))
    }

    /// Begins a session, or adds a factor to one, for a person who may be there.
    fn admit(
        &mut self,
        login: &Login<'_>,
        found: Option<&Found>,
        shown: Shown,
    ) -> Result<SessionId, LoginError> {
        let refused = |why| Err(LoginError::Refused(why));
        let Some(found) = found else {
            return refused(LoginRefused::Unknown);
        };
        let (id, role) = (found.principal.id, found.principal.role.number());
        let interface = login.place.interface();
        let is_emergency = self.emergencies.is_open(login.now);
        if is_emergency && interface != Interface::Local || !may_be(&found.principal, login) {
            return refused(LoginRefused::NotAllowed);
        }
        // Whose secret another has set can change it, and nothing else.
        let must_change = found.principal.flags.contains(Flags::MUST_CHANGE);
        let role = if must_change { NO_ROLE } else { role };
        let person = Person { id, role, interface, link: login.place.link() };
        let Some(session) = login.session else {
            let opened = self.sessions.open(person, shown, login.now);
            return opened.ok_or(LoginError::Refused(LoginRefused::Sessions));
        };
        if self.sessions.person(session, login.now) != Ok(person) {
            return refused(LoginRefused::NotAllowed);
        }
        let added = self.sessions.add(session, &shown, login.now);
        added.map_or(refused(LoginRefused::NotAllowed), |()| Ok(session))
    }
}

/// Of a session in which nothing is permitted.
const NO_ROLE: u8 = u8::MAX;

/// Settings and slots.
pub(crate) const SEARCH_STEPS_MAX: usize = crate::credential::PEOPLE + 2;

/// The number of a permission in its policy, for what is recorded of it.
#[must_use]
pub const fn number_of<P: Permission>() -> u8 {
    <P as Declared>::NUMBER
}

/// Whether a permission is of the class of evidence.
const fn is_evidence<P: Permission>() -> bool {
    let mut rest = <P::Policy as Policy>::PERMISSIONS;
    while let [info, others @ ..] = rest {
        if info.number == number_of::<P>() && matches!(info.class, Class::Evidence) {
            return true;
        }
        rest = others;
    }
    false
}

fn row_of(found: &Found) -> Row {
    Row::of(found.slot.index()).unwrap_or(Row::GHOST)
}

/// The two blinds of an attempt as one: zero where both are.
fn blind([first, second]: &[[u8; 32]; 2]) -> [u8; 32] {
    let mut blind = *first;
    for (to, other) in blind.iter_mut().zip(second) {
        *to |= *other;
    }
    blind
}

/// What was shown, with all that is wrong in it.
fn shown(factor: Factors, accepted: &Accepted, passed: &Passed) -> Shown {
    let wrong = crate::verdict::folded(&blind(passed.blinds()));
    Shown { factor, residue: (accepted.word() ^ Accepted::WORD) | wrong }
}

/// The classes that can be used in a part of the device's life.
#[must_use]
pub fn classes(lifecycle: Lifecycle) -> Classes {
    [
        (Class::Clinical, lifecycle.runs_clinical()),
        (Class::Administration, lifecycle.runs_administration()),
        (Class::Maintenance, lifecycle.runs_maintenance()),
        (Class::Evidence, lifecycle.runs_evidence()),
    ]
    .into_iter()
    .filter(|(_, runs)| *runs)
    .fold(Classes::NONE, |set, (class, _)| set.with(class))
}
