//! Managing people: who becomes known to the device, with what, and who goes.
//!
//! # Rules
//! 1. It takes a permission with the word `people`; another one does not compile.
//! 2. Who manages people gives, changes and takes away only roles that the policy lets his role assign.
//! 3. The last person who can manage people stays, as [`Store`] says.
//! 4. Who manages people has a secret and a thing, always: with less he could not, and nobody else may be left.
//! 5. A change ends the sessions of its person, and counts failures anew for new credentials.
//! 6. Everybody changes his own secret, in a session in which he has shown the old one; his other factors stay. A secret that another has
//!    set opens nothing but its change.
//! 7. What was begun upon another state of the people, or in another part of the device's life, is not gone on with.
//!
//! A person is enrolled without credentials, which nobody logs in with, and gets them by a second change: what is kept of a
//! secret depends on the id, which is made by the enrolment.

use medsec_core::Secret;
use medsec_core::access::{Expired, Grant, Permission, Policy, check::Declared};
use medsec_core::event::{PrincipalId, Recorder};
use medsec_core::flash::cell::Progress;
use medsec_core::hal::Flash;
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks};
use subtle::ConstantTimeEq;

use crate::authenticator::{Authenticator, Refused, SEARCH_STEPS_MAX, Situation};
use crate::credential::{
    Change, ChangeError, Claim, Credentials, Flags, Found, ONE_TIME_BYTES, Principal, Refusal,
    Role, Roles, Search, Searching, Store,
};
use crate::event::AuthEvent;
use crate::factor::password::Knowledge;
use crate::lockout::Row;
use crate::session::{NoSession, SessionId};

/// What is changed, as a permission to manage people is granted for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PersonChange {
    /// Somebody becomes known, in a role.
    Enrol {
        /// The number of the role.
        role: u8,
        /// What else is said of him.
        flags: Flags,
    },
    /// Somebody gets other credentials or flags.
    Update {
        /// Who.
        person: PrincipalId,
        /// What is said of him from now on.
        flags: Flags,
    },
    /// Somebody is removed.
    Remove {
        /// Who.
        person: PrincipalId,
    },
}

impl PersonChange {
    /// What is recorded of it, before it is done. Who is enrolled has no id yet: the device stands for him, and
    /// [`AuthEvent::PersonEnrolled`] names him afterwards.
    #[must_use]
    pub const fn event(&self, by: PrincipalId) -> AuthEvent {
        match *self {
            Self::Enrol { .. } => AuthEvent::PersonChanged { by, person: PrincipalId::DEVICE },
            Self::Update { person, .. } => AuthEvent::PersonChanged { by, person },
            Self::Remove { person } => AuthEvent::PersonRemoved { by, person },
        }
    }
}

/// Why nothing is changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum PeopleError {
    /// Not permitted.
    Refused(Refused),
    /// The role is none that this one assigns, or its person is one of a role that it does not.
    Role,
    /// He has not shown the secret that he wants to change, or this is no part of life in which people are changed.
    Unknown,
    /// Who manages people needs a secret and a thing.
    Factors,
    /// The store says no.
    Store(Refusal),
    /// The grant ended before it was used.
    Expired,
    /// The flash has work to do first; or the part failed.
    Busy,
}

impl core::fmt::Display for PeopleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Refused(refused) => return refused.fmt(f),
            Self::Store(refusal) => return refusal.fmt(f),
            Self::Role => "not a role that this one assigns",
            Self::Unknown => "secret was not shown",
            Self::Factors => "who manages people needs two factors",
            Self::Expired => "grant was not used in time",
            Self::Busy => "flash has work to do first",
        })
    }
}

impl core::error::Error for PeopleError {}

/// Whom a change is about, as the store has him.
#[derive(Debug)]
pub struct Target {
    change: PersonChange,
    found: Option<Found>,
}

/// Who wants another secret, and has shown the one of now. Only [`Authenticator::own`] makes one.
#[derive(Debug)]
pub struct Own(Found);

/// A change that is under way. The caller keeps it until [`Authenticator::step_change`] says that it is done; wiped on drop.
#[must_use = "a change that is not stepped to its end holds up all logins"]
pub struct Pending {
    change: Change,
    by: PrincipalId,
    /// Who it is about; nobody until he has an id.
    person: Option<PrincipalId>,
    is_enrolment: bool,
    /// The generator of codes is another than before: its steps begin anew.
    is_new_generator: bool,
    /// Of the store and of the device's life, when it was begun.
    state: (u32, u32),
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Begin,
    Store,
    /// In force; failures are still to be counted anew.
    Rebind,
    /// That is under way.
    Rebinding,
    Done,
}

impl Pending {
    const fn new(
        state: (u32, u32),
        change: Change,
        by: PrincipalId,
        person: Option<PrincipalId>,
    ) -> Self {
        let is_enrolment = person.is_none();
        let (is_new_generator, stage) = (is_enrolment, Stage::Begin);
        Self { change, by, person, is_enrolment, is_new_generator, state, stage }
    }

    /// Who it is about, once it is in force.
    #[must_use]
    pub fn person(&self) -> Option<PrincipalId> {
        self.person.filter(|_| self.stage == Stage::Done)
    }

    /// Whether it is in force.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// By whom who was enrolled, once that is in force.
    #[must_use]
    pub fn enrolled(&self) -> Option<(PrincipalId, PrincipalId)> {
        Some((self.by, self.person().filter(|_| self.is_enrolment)?))
    }

    /// Who does it.
    #[must_use]
    pub const fn by(&self) -> PrincipalId {
        self.by
    }
}

impl<S: Suite> Authenticator<S> {
    /// Looks for whom a change is about. What comes of it is for [`Authenticator::manage`], which does not tell before it has
    /// decided whether who asks may know.
    pub fn target<F: Flash>(&self, flash: &mut F, change: PersonChange) -> Target {
        let found = match change {
            PersonChange::Enrol { .. } => None,
            PersonChange::Update { person, .. } | PersonChange::Remove { person } => {
                self.find(flash, person)
            }
        };
        Target { change, found }
    }

    /// Begins to change who is known, if the session may. `random` are four fresh random bytes and the number of this boot, for an
    /// enrolment; the credentials are those of an update, all of them from now on.
    ///
    /// # Security
    /// Another generator of codes begins with its first step. So one that was taken away is not given back with the secret it had: its codes
    /// would be good again.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun, and nothing recorded.
    pub fn manage<P: Permission<Args = PersonChange>, R: Recorder>(
        &mut self,
        target: Target,
        (session, situation): (SessionId, &Situation),
        credentials: &Credentials,
        random: ([u8; 4], u32),
        recorder: &mut R,
    ) -> Result<Pending, PeopleError> {
        const { assert!(manages_people::<P>(), "the permission lacks the word `people`") };
        let Target { change, found } = target;
        let role = self.check::<P>(session, situation).map_err(PeopleError::Refused)?.role;
        let (may, keep) = (assigns::<P::Policy>(role), managers::<P::Policy>());
        // Whom nobody knows is answered as one whom this role may not change.
        let known = found.as_ref().map(|found| &found.principal);
        let (staged, person, is_new_generator) = match (change, known) {
            (PersonChange::Enrol { role, flags }, _) if may(role) => {
                let role = Role::new(role).ok_or(PeopleError::Role)?;
                (Change::enrol(role, flags, random, &Credentials::default()), None, true)
            }
            (PersonChange::Update { person, flags }, Some(old)) if may(old.role.number()) => {
                if keep.contains(old.role) && !are_two(credentials) {
                    return Err(PeopleError::Factors);
                }
                let by = self.sessions().person(session, situation.now).map(|by| by.id);
                let is_set = credentials.knowledge.is_some() && by != Ok(person);
                let flags = if is_set { flags.with(Flags::MUST_CHANGE) } else { flags };
                let staged = Change::update(&Principal { flags, ..*old }, credentials, keep);
                let before = found.as_ref().and_then(|found| found.credentials.one_time.as_ref());
                (staged, Some(person), !is_same(before, credentials.one_time.as_ref()))
            }
            (PersonChange::Remove { person }, Some(old)) if may(old.role.number()) => {
                (Ok(Change::remove(person, keep)), Some(person), false)
            }
            _ => return Err(PeopleError::Role),
        };
        let staged = staged.map_err(PeopleError::Store)?;
        let grant: Grant<P> =
            self.grant(session, situation, change, recorder).map_err(PeopleError::Refused)?;
        let by = grant.by();
        grant.exercise(situation.now).map_err(|Expired| PeopleError::Expired)?;
        Ok(Pending { is_new_generator, ..Pending::new(self.state(), staged, by, person) })
    }

    /// Looks for who wants another secret: in a session in which he has shown the one of now.
    ///
    /// # Errors
    /// [`PeopleError::Unknown`].
    pub fn own<F: Flash>(
        &mut self,
        flash: &mut F,
        session: SessionId,
        now: Ticks,
    ) -> Result<Own, PeopleError> {
        if !self.lifecycle().takes_person() {
            return Err(PeopleError::Unknown);
        }
        let by = self.sessions().own(session, now).map_err(|NoSession| PeopleError::Unknown)?;
        self.find(flash, by).map(Own).ok_or(PeopleError::Unknown)
    }

    /// Begins to give him another secret, once that is recorded. His other factors stay. Whoever had to change a secret that another
    /// has set has done so by it.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun.
    pub fn change_own<R: Recorder>(
        &mut self,
        Own(found): Own,
        secret: &Knowledge,
        recorder: &mut R,
    ) -> Result<Pending, PeopleError> {
        let by = found.principal.id;
        let flags = found.principal.flags.without(Flags::MUST_CHANGE);
        let principal = Principal { flags, ..found.principal };
        let credentials = Credentials { knowledge: Some(secret.encode()), ..found.credentials };
        let change = Change::update(&principal, &credentials, Roles::NONE);
        let change = change.map_err(PeopleError::Store)?;
        let event = AuthEvent::PersonChanged { by, person: by };
        recorder.record(&event).map_err(|_| PeopleError::Busy)?;
        Ok(Pending::new(self.state(), change, by, Some(by)))
    }

    /// Makes the first person known, on a device that knows nobody: by a station, or by whoever has shown the code that claims
    /// the device. The caller answers for that.
    ///
    /// # Errors
    /// [`PeopleError`]: nothing was begun; [`PeopleError::Role`] where somebody is known, or the role does not manage people.
    pub fn enrol_first<P: Policy, F: Flash>(
        &mut self,
        flash: &mut F,
        role: u8,
        (random, boot): ([u8; 4], u32),
    ) -> Result<Pending, PeopleError> {
        let role = Role::new(role).ok_or(PeopleError::Role)?;
        if self.count(flash)? != (0, 0) || !managers::<P>().contains(role) {
            return Err(PeopleError::Role);
        }
        let change = Change::enrol(role, Flags::NONE, (random, boot), &Credentials::default());
        let change = change.map_err(PeopleError::Store)?;
        Ok(Pending::new(self.state(), change, PrincipalId::DEVICE, None))
    }

    /// Begins to give the first person credentials, who has none yet and is alone.
    ///
    /// # Errors
    /// As [`Authenticator::enrol_first`].
    pub fn equip_first<F: Flash>(
        &mut self,
        flash: &mut F,
        person: PrincipalId,
        credentials: &Credentials,
    ) -> Result<Pending, PeopleError> {
        if self.count(flash)? != (1, 0) {
            return Err(PeopleError::Role);
        }
        if !are_two(credentials) {
            return Err(PeopleError::Factors);
        }
        let found = self.find(flash, person).ok_or(PeopleError::Role)?;
        let change = Change::update(&found.principal, credentials, Roles::NONE);
        let change = change.map_err(PeopleError::Store)?;
        Ok(Pending::new(self.state(), change, PrincipalId::DEVICE, Some(person)))
    }

    /// What has to be done before anybody logs in, if an earlier boot was cut while people were changed.
    pub fn settle(&mut self) -> Option<Pending> {
        let (Some(attempts), Some(people)) = (&mut self.attempts, &self.people) else {
            return None;
        };
        attempts.begin_renewal();
        let is_due = people.needs_settle() || attempts.is_busy();
        let state = self.state();
        is_due.then(|| Pending::new(state, Change::settle(), PrincipalId::DEVICE, None))
    }

    /// Does one operation of a change. It is in force when this says [`Progress::Done`]; the sessions of its person have then
    /// ended.
    ///
    /// # Power loss
    /// The people are those of before or those of after. Failures that were counted for the place of the person may be
    /// counted on: then the change of his credentials is made again.
    ///
    /// # Errors
    /// [`ChangeError`]: the change is over; what the store holds may be either.
    pub fn step_change<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        pending: &mut Pending,
    ) -> Result<Progress, ChangeError> {
        match pending.stage {
            Stage::Begin if pending.state != self.state() => Err(ChangeError::Over),
            Stage::Begin | Stage::Store => {
                pending.stage = Stage::Store;
                let people = self.people.as_mut().ok_or(ChangeError::Over)?;
                let stepped = people.step(flash, pause, &mut pending.change);
                let (is_in_force, may_be) = match &stepped {
                    Ok(Progress::Done) | Err(ChangeError::NotForgotten(_)) => (true, true),
                    Err(ChangeError::Flash(_)) => (false, true),
                    Ok(_) | Err(_) => (false, false),
                };
                pending.person = pending.person.or_else(|| pending.change.id());
                if let (true, Some(person)) = (may_be, pending.person) {
                    // Who was removed or changed does not go on, also where a mount may find either.
                    self.sessions().end_person(person);
                }
                if is_in_force {
                    pending.stage = Stage::Rebind;
                }
                stepped.map(|_| Progress::More)
            }
            Stage::Rebind => {
                let row = pending.person.and_then(|person| self.row(flash, person));
                let is_begun = match (row, &mut self.attempts) {
                    (Some(row), Some(attempts)) => {
                        let is_new = pending.is_new_generator;
                        let last = if is_new { 0 } else { attempts.last_step(row) };
                        // While a login or a change of life has the flash, that goes first.
                        attempts.rebind(row, last).is_ok()
                    }
                    (None, _) | (_, None) => true,
                };
                if is_begun {
                    pending.stage = Stage::Rebinding;
                }
                self.step(flash, pause).map_err(ChangeError::Flash).map(|_| Progress::More)
            }
            Stage::Rebinding => {
                let progress = self.step(flash, pause).map_err(ChangeError::Flash)?;
                if progress == Progress::Done {
                    pending.stage = Stage::Done;
                }
                Ok(progress)
            }
            Stage::Done => Ok(Progress::Done),
        }
    }

    pub(crate) fn pending_claim(&self, claim: &Claim) -> Pending {
        Pending::new(self.state(), Change::claim(claim), PrincipalId::DEVICE, None)
    }

    /// What a change is begun upon.
    fn state(&self) -> (u32, u32) {
        (self.people.as_ref().map_or(0, Store::turn), self.era)
    }

    /// How many people there are, and how many of them have credentials.
    fn count<F: Flash>(&self, flash: &mut F) -> Result<(u8, u8), PeopleError> {
        let people = self.people.as_ref().ok_or(PeopleError::Busy)?;
        people.count(flash).map_err(|_| PeopleError::Busy)
    }

    fn row<F: Flash>(&self, flash: &mut F, person: PrincipalId) -> Option<Row> {
        let found = self.find(flash, person)?;
        Row::of(found.slot.index())
    }

    fn find<F: Flash>(&self, flash: &mut F, person: PrincipalId) -> Option<Found> {
        let mut search = Search::new(person);
        for _ in 0..SEARCH_STEPS_MAX {
            if self.people.as_ref()?.search(flash, &mut search).ok()? == Searching::Done {
                return search.found();
            }
        }
        None
    }
}

/// Whether a permission has the word `people` in its policy.
const fn manages_people<P: Permission>() -> bool {
    let mut rest = <P::Policy as Policy>::PERMISSIONS;
    while let [info, others @ ..] = rest {
        if info.number == <P as Declared>::NUMBER && info.people {
            return true;
        }
        rest = others;
    }
    false
}

/// The roles that `role` gives to people, and takes away.
fn assigns<P: Policy>(role: u8) -> impl Fn(u8) -> bool {
    let assigned = P::ROLES.iter().find(|info| info.number == role).map_or(0, |info| info.assigns);
    move |target| 1_u8.checked_shl(u32::from(target)).unwrap_or(0) & assigned != 0
}

/// Whether there is a secret and a thing.
const fn are_two(credentials: &Credentials) -> bool {
    let has_thing = credentials.one_time.is_some() || credentials.token.is_some();
    credentials.knowledge.is_some() && has_thing
}

/// Whether two generators are one, in constant time.
fn is_same(one: Option<&Secret<ONE_TIME_BYTES>>, other: Option<&Secret<ONE_TIME_BYTES>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => bool::from(one.expose().ct_eq(other.expose())),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// The roles in which people are managed: of each there has to be somebody.
fn managers<P: Policy>() -> Roles {
    let assigning = P::ROLES.iter().filter(|info| info.assigns != 0);
    assigning.filter_map(|info| Role::new(info.number)).fold(Roles::NONE, Roles::with)
}
