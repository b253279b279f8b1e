//! Changing the store: staged, checked against all people, then written as a whole.

use medsec_core::Secret;
use medsec_core::event::PrincipalId;
use medsec_core::flash;
use medsec_core::flash::cell::Progress;
use medsec_core::flash::cell::body::LengthError;
use medsec_core::hal::Flash;
use medsec_core::suite::Suite;
use medsec_core::time::Pause;
use subtle::ConstantTimeEq;

use super::layout::{
    self, BODY_BYTES, CLAIM_BYTES, PERSON_BYTES, Place, SEAL_BYTES, SETTINGS_BYTES, Settings,
};
use super::store::{bytes_of, overlay};
use super::{Claim, Credentials, Flags, PEOPLE, Principal, Role, Roles, Slot, Store, StoreError};

/// Why a change is not made. Nothing was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// No slot is free, or no number for an enrolment.
    Full,
    /// There is no such person, or his record is damaged.
    Unknown,
    /// A role is for life.
    Role,
    /// He is the last who can log in in a role that must not be left without anyone.
    LastOfRole,
    /// The flags contradict each other.
    Flags,
    /// The slot can be read: its person is removed by his id.
    Readable,
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Full => "no place for another person",
            Self::Unknown => "no such person",
            Self::Role => "a role is for life",
            Self::LastOfRole => "the last person of a role that must not be empty",
            Self::Flags => "flags contradict each other",
            Self::Readable => "slot is not damaged",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why a change is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ChangeError {
    /// It is not allowed.
    Refused(Refusal),
    /// The store cannot be read.
    Store(StoreError),
    /// The part failed: a mount may find either state. Mount again; [`Change::settle`] makes it one of them.
    Flash(flash::Error),
    /// It is done and in force, but the part failed as older credentials were to be destroyed.
    NotForgotten(flash::Error),
    /// Another change was begun since, or this one failed before.
    Over,
}

impl core::fmt::Display for ChangeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(why) => why.fmt(f),
            Self::Store(why) => why.fmt(f),
            Self::Flash(error) => error.fmt(f),
            Self::NotForgotten(_) => {
                f.write_str("changed, but older credentials are not destroyed")
            }
            Self::Over => f.write_str("change is over"),
        }
    }
}

impl core::error::Error for ChangeError {}

/// What is to be done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Settle,
    Enrol,
    Update,
    Remove,
    Clear(Slot),
    Claim,
    Policy(u16),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The slot to be looked at next; none before the settings were.
    Look(Option<u8>),
    /// Allowed; nothing was written yet.
    Begin,
    Write,
    Done,
    Over,
}

/// What was seen of the person the change is about, and of the others.
#[derive(Clone, Copy)]
struct Seen {
    target: Option<(Slot, Principal, bool)>,
    free: Option<Slot>,
    is_unreadable: bool,
    /// The roles in which someone else can log in.
    others: Roles,
}

/// One change, which the caller keeps until it is done. Wiped on drop.
pub struct Change {
    kind: Kind,
    stage: Stage,
    id: [u8; 8],
    keep: Roles,
    seen: Seen,
    turn: u32,
    settings: Settings,
    /// What becomes of the record: plaintext behind room for the seal, then sealed.
    record: Secret<PERSON_BYTES>,
    /// Where it belongs, once that is known.
    place: Option<Place>,
    sealed_settings: [Secret<SETTINGS_BYTES>; 2],
}

impl Change {
    fn new(kind: Kind, id: PrincipalId, keep: Roles) -> Self {
        Self {
            kind,
            stage: if kind == Kind::Settle { Stage::Begin } else { Stage::Look(None) },
            id: *id.bytes(),
            keep,
            seen: Seen { target: None, free: None, is_unreadable: false, others: Roles::NONE },
            turn: 0,
            settings: Settings::default(),
            record: Secret::new([0; PERSON_BYTES]),
            place: None,
            sealed_settings: [Secret::new([0; SETTINGS_BYTES]), Secret::new([0; SETTINGS_BYTES])],
        }
    }

    fn body(&mut self) -> &mut [u8] {
        self.record.expose_mut().get_mut(SEAL_BYTES..).unwrap_or_default()
    }

    /// Nothing changes, but what is in force is written anew: what [`Store::needs_settle`] asks for, and what comes
    /// after a change that failed or was given up.
    #[must_use]
    pub fn settle() -> Self {
        Self::new(Kind::Settle, PrincipalId::DEVICE, Roles::NONE)
    }

    /// Enrols a person. `random` are four fresh random bytes for his id, [`Self::id`] once that is done; the boot is the present one.
    ///
    /// # Errors
    /// [`Refusal::Flags`].
    pub fn enrol(
        role: Role,
        flags: Flags,
        (random, created_boot): ([u8; 4], u32),
        credentials: &Credentials,
    ) -> Result<Self, Refusal> {
        let [r0, r1, r2, r3] = random;
        // The number takes the place of the ones, which keep four zeros from being the id of the device.
        let id = PrincipalId::new([r0, r1, r2, r3, 0xFF, 0xFF, 0xFF, 0xFF]);
        let person = Principal { id, role, flags, created_boot, policy_generation: 0 };
        Self::of_person(Kind::Enrol, &person, credentials, Roles::NONE)
    }

    /// Gives the person with the id of `principal` these flags and credentials, and none besides. His role and boot stay; a `principal`
    /// with another role is refused.
    ///
    /// Of the roles in `keep` nobody is the last who can log in.
    ///
    /// # Errors
    /// [`Refusal::Flags`].
    pub fn update(
        principal: &Principal,
        credentials: &Credentials,
        keep: Roles,
    ) -> Result<Self, Refusal> {
        Self::of_person(Kind::Update, principal, credentials, keep)
    }

    fn of_person(
        kind: Kind,
        principal: &Principal,
        credentials: &Credentials,
        keep: Roles,
    ) -> Result<Self, Refusal> {
        Flags::parse(principal.flags.0).ok_or(Refusal::Flags)?;
        let mut change = Self::new(kind, principal.id, keep);
        let person = Some((principal, credentials));
        layout::encode_person(person, change.body()).map_err(|_| Refusal::Full)?;
        Ok(change)
    }

    /// Removes a person. His id is not used again. Of the roles in `keep` nobody is the last who can log in.
    #[must_use]
    pub fn remove(id: PrincipalId, keep: Roles) -> Self {
        Self::new(Kind::Remove, id, keep)
    }

    /// Empties a slot whose record is damaged.
    #[must_use]
    pub fn clear(slot: Slot) -> Self {
        Self::new(Kind::Clear(slot), PrincipalId::DEVICE, Roles::NONE)
    }

    /// Puts another claim.
    #[must_use]
    pub fn claim(claim: &Claim) -> Self {
        let mut change = Self::new(Kind::Claim, PrincipalId::DEVICE, Roles::NONE);
        let body = change.body().get_mut(..CLAIM_BYTES - SEAL_BYTES).unwrap_or_default();
        // It is as long as its layout.
        claim.encode(body).unwrap_or_default();
        change
    }

    /// Puts another generation of the policy in force.
    #[must_use]
    pub fn policy(generation: u16) -> Self {
        Self::new(Kind::Policy(generation), PrincipalId::DEVICE, Roles::NONE)
    }

    /// The id of the person whom the change is about, once it is done.
    #[must_use]
    pub fn id(&self) -> Option<PrincipalId> {
        let is_person = matches!(self.kind, Kind::Enrol | Kind::Update | Kind::Remove);
        (self.stage == Stage::Done && is_person).then(|| PrincipalId::new(self.id))
    }

    /// Remembers what of `record`, the plaintext of `slot`, the decision needs.
    fn look(&mut self, slot: Slot, record: Option<&[u8]>) {
        let parsed = record.and_then(|record| layout::parse_person(record).ok());
        match parsed {
            None => {
                self.seen.is_unreadable |= self.kind == Kind::Clear(slot);
            }
            Some(None) => self.seen.free = self.seen.free.or(Some(slot)),
            Some(Some((principal, credentials))) => {
                let is_target = bool::from(principal.id.bytes().ct_eq(&self.id));
                let is_able = !principal.flags.contains(Flags::DISABLED) && !credentials.is_empty();
                if is_target {
                    self.seen.target = Some((slot, principal, is_able));
                } else if is_able {
                    self.seen.others = self.seen.others.with(principal.role);
                }
            }
        }
    }

    /// Whether the change may be made; then what becomes of settings and record.
    fn decide(&mut self) -> Result<(), Refusal> {
        match self.kind {
            Kind::Settle => Ok(()),
            Kind::Enrol => self.decide_enrol(),
            Kind::Update => self.decide_update(),
            Kind::Remove => {
                let (slot, old, is_able) = self.seen.target.ok_or(Refusal::Unknown)?;
                self.kept(&old, is_able, false)?;
                self.empty(slot)
            }
            Kind::Clear(slot) => {
                if !self.seen.is_unreadable {
                    return Err(Refusal::Readable);
                }
                self.empty(slot)
            }
            Kind::Claim => {
                self.settings.claim = next(self.settings.claim)?;
                self.place = Some(Place::Claim);
                Ok(())
            }
            Kind::Policy(generation) => {
                self.settings.policy_generation = generation;
                Ok(())
            }
        }
    }

    fn decide_enrol(&mut self) -> Result<(), Refusal> {
        let slot = self.seen.free.ok_or(Refusal::Full)?;
        self.settings.enrolled = next(self.settings.enrolled)?;
        for (byte, number) in self.id.iter_mut().skip(4).zip(self.settings.enrolled.to_le_bytes()) {
            *byte = number;
        }
        self.rewrite(slot, |principal, id, _| principal.id = PrincipalId::new(id))
    }

    fn decide_update(&mut self) -> Result<(), Refusal> {
        let (slot, old, is_able) = self.seen.target.ok_or(Refusal::Unknown)?;
        let parsed = layout::parse_person(self.body()).ok().flatten();
        let (new, credentials) = parsed.ok_or(Refusal::Unknown)?;
        if new.role != old.role {
            return Err(Refusal::Role);
        }
        let will = !new.flags.contains(Flags::DISABLED) && !credentials.is_empty();
        self.kept(&old, is_able, will)?;
        self.rewrite(slot, |principal, _, old| {
            principal.created_boot = old.map_or(0, |old| old.created_boot);
        })
    }

    /// Refuses to take the last person who can log in from a role that is to be kept.
    fn kept(&self, old: &Principal, is_able: bool, will: bool) -> Result<(), Refusal> {
        let is_last = is_able && !will && !self.seen.others.contains(old.role);
        if is_last && self.keep.contains(old.role) { Err(Refusal::LastOfRole) } else { Ok(()) }
    }

    /// Completes the record by what only the store knows.
    fn rewrite(
        &mut self,
        slot: Slot,
        amend: impl FnOnce(&mut Principal, [u8; 8], Option<&Principal>),
    ) -> Result<(), Refusal> {
        let parsed = layout::parse_person(self.body()).ok().flatten();
        let (mut principal, credentials) = parsed.ok_or(Refusal::Unknown)?;
        let old = self.seen.target.map(|(_, old, _)| old);
        amend(&mut principal, self.id, old.as_ref());
        principal.policy_generation = self.settings.policy_generation;
        layout::encode_person(Some((&principal, &credentials)), self.body())
            .map_err(|_| Refusal::Full)?;
        self.put(slot)
    }

    fn empty(&mut self, slot: Slot) -> Result<(), Refusal> {
        layout::encode_person(None, self.body()).map_err(|_| Refusal::Full)?;
        self.put(slot)
    }

    fn put(&mut self, slot: Slot) -> Result<(), Refusal> {
        let people = &mut self.settings.people;
        let generation = people.get_mut(usize::from(slot.index())).ok_or(Refusal::Full)?;
        *generation = next(*generation)?;
        self.place = Some(Place::Person(slot));
        Ok(())
    }

    /// What of the change lies in a piece of the body.
    fn edit(&self, at: u32, piece: &mut [u8]) {
        if self.kind == Kind::Settle {
            return;
        }
        for (copy, record) in (0..).zip(&self.sealed_settings) {
            overlay(at, piece, Place::Settings(copy).offset(), record.expose());
        }
        if let Some(place) = self.place {
            let record = self.record.expose().get(..bytes_of(place)).unwrap_or_default();
            overlay(at, piece, place.offset(), record);
        }
    }
}

/// The number after `count`; the last is not passed.
fn next(count: u32) -> Result<u32, Refusal> {
    count.checked_add(1).ok_or(Refusal::Full)
}

impl<S: Suite> Store<S> {
    /// Goes on with `change`: looks at one record, or does one operation of the part. It is in force when this says
    /// [`Progress::Done`].
    ///
    /// A change that is not stepped to its end holds up all logins; [`Change::settle`] ends it, one way or the other.
    ///
    /// # Errors
    /// [`ChangeError`]: the change is over.
    pub fn step<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        change: &mut Change,
    ) -> Result<Progress, ChangeError> {
        let stepped = match change.stage {
            Stage::Look(slot) => self.look(flash, change, slot),
            Stage::Begin => self.begin(change),
            Stage::Write => self.write(flash, pause, change),
            Stage::Done => return Ok(Progress::Done),
            Stage::Over => return Err(ChangeError::Over),
        };
        if stepped.is_err() {
            change.stage = Stage::Over;
        }
        stepped
    }

    fn look<F: Flash>(
        &self,
        flash: &mut F,
        change: &mut Change,
        slot: Option<u8>,
    ) -> Result<Progress, ChangeError> {
        if self.cell.is_busy() {
            return Err(ChangeError::Store(StoreError::Busy));
        }
        let Some(index) = slot else {
            change.settings = self.settings(flash).map_err(ChangeError::Store)?;
            change.turn = self.turn;
            change.stage = Stage::Look(Some(0));
            return Ok(Progress::More);
        };
        if change.turn != self.turn {
            return Err(ChangeError::Over);
        }
        if let Some(slot) = Slot::new(index).filter(|_| usize::from(index) < PEOPLE) {
            let mut record = Secret::new([0; PERSON_BYTES]);
            let generation = change.settings.of(slot);
            match self.open(flash, Place::Person(slot), generation, record.expose_mut()) {
                Ok(body) => change.look(slot, Some(body)),
                Err(StoreError::Damaged) => change.look(slot, None),
                Err(error) => return Err(ChangeError::Store(error)),
            }
            change.stage = Stage::Look(Some(index.saturating_add(1)));
            return Ok(Progress::More);
        }
        change.decide().map_err(ChangeError::Refused)?;
        self.seal(change).map_err(|()| ChangeError::Refused(Refusal::Full))?;
        change.stage = Stage::Begin;
        Ok(Progress::More)
    }

    /// Seals settings and record as they will be.
    fn seal(&self, change: &mut Change) -> Result<(), ()> {
        let settings = change.settings;
        for (copy, record) in (0..).zip(&mut change.sealed_settings) {
            let record = record.expose_mut();
            settings.encode(record.get_mut(SEAL_BYTES..).unwrap_or_default()).map_err(|_| ())?;
            layout::seal(&self.keys, Place::Settings(copy), 0, record).map_err(|_| ())?;
        }
        let Some(place) = change.place else { return Ok(()) };
        let generation = match place {
            Place::Person(slot) => settings.of(slot),
            Place::Claim => settings.claim,
            Place::Settings(_) => 0,
        };
        let record = change.record.expose_mut().get_mut(..bytes_of(place)).ok_or(())?;
        layout::seal(&self.keys, place, generation, record).map_err(|_| ())
    }

    fn begin(&mut self, change: &mut Change) -> Result<Progress, ChangeError> {
        // Decided upon what another change has replaced since.
        if change.kind != Kind::Settle && change.turn != self.turn {
            return Err(ChangeError::Over);
        }
        let too_long = |LengthError| ChangeError::Refused(Refusal::Full);
        self.cell.begin_replace(BODY_BYTES).map_err(too_long)?;
        self.cell.begin_forget();
        self.turn = self.turn.wrapping_add(1);
        change.turn = self.turn;
        change.stage = Stage::Write;
        Ok(Progress::More)
    }

    fn write<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
        change: &mut Change,
    ) -> Result<Progress, ChangeError> {
        if change.turn != self.turn {
            return Err(ChangeError::Over);
        }
        match self.cell.step(flash, pause, |at, piece| change.edit(at, piece)) {
            Ok(Progress::Done) => {
                change.stage = Stage::Done;
                Ok(Progress::Done)
            }
            Ok(progress) => Ok(progress),
            Err(error) if self.cell.needs_settle() => Err(ChangeError::Flash(error)),
            Err(error) => Err(ChangeError::NotForgotten(error)),
        }
    }
}
