//! All that is slow: erases, session starts, signatures, the destruction of older secrets.

use medsec_core::Secret;
use medsec_core::event::{PrincipalId, RecordError, SystemEvent};
use medsec_core::flash::ring::{Retention, RingError, Session, Void};
use medsec_core::flash::{self, cell};
use medsec_core::hal::{EntropySource, Flash};
use medsec_core::key::{DeviceKey, Label, SignError, derive};
use medsec_core::rng::{Random, RandomError, ratchet};
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks};

use super::{
    CHECKPOINT_RECORDS, FORGET_AFTER_MS, Job, Log, Progress, RESTARTS_MAX, VOUCH_SESSIONS,
};
use crate::checkpoint::{CHECKPOINT_BYTES, Statement};
use crate::record::{CLASS_CHECKPOINT, CLASS_ESCROW};
use crate::segment::{SessionAuthor, next_audit, session_link};
use crate::state::{self, CHAIN_SESSIONS, ESCROW_BYTES, Escrow, NextSecrets, PublicState};

/// Why maintenance did not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MaintainError {
    /// A blocking log is full and cannot start a session. It is cleared, or nothing is recorded.
    Full,
    /// The part failed. Called again, the log tries a new session, up to
    /// [`RESTARTS_MAX`](super::RESTARTS_MAX) times.
    Flash(flash::Error),
    /// The state in the cell is not what this boot left there, or the cipher refused it.
    State,
    /// A checkpoint could not be signed.
    Sign(SignError),
    /// The log has failed too often in this boot, and rests until the next one.
    Exhausted,
}

impl core::fmt::Display for MaintainError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full => f.write_str("log is full"),
            Self::Flash(error) => error.fmt(f),
            Self::State => f.write_str("state of the log is damaged"),
            Self::Sign(error) => error.fmt(f),
            Self::Exhausted => f.write_str("log failed too often and rests until the next boot"),
        }
    }
}

impl core::error::Error for MaintainError {}

/// What maintenance works with: lent by the device for one call.
pub struct Tools<'a, 'p, E: EntropySource> {
    /// The device's random source; started by the log with each session's seed.
    pub random: &'a mut Random<E>,
    /// The device's signing key.
    pub key: &'a DeviceKey,
    /// The time.
    pub now: Ticks,
    /// How long the core may be halted.
    pub pause: &'a Pause<'p>,
}

impl<S: Suite> Log<S> {
    /// Does the next thing that is due: at most one erase step within the pause, or a few programs, or one signature.
    ///
    /// Call it whenever therapy can spare the time, until it says [`Progress::Idle`]. What may be due: the start of a
    /// session (1 erase and 5 programs, 1 erase and 2 programs more if it opens a page; up to 20 operations after a cut),
    /// the erase of the next page, a checkpoint, and once a boot the destruction of earlier sessions' secrets. Where
    /// no session starts and randomness was asked for, the next seed is stored alone (one replacement of the cell).
    ///
    /// # Power loss
    /// At any instant: the next mount finds every acknowledged record, and every index is used once.
    ///
    /// # Errors
    /// [`MaintainError`], as it says. Nothing stored is lost.
    pub fn maintain<F: Flash, E: EntropySource>(
        &mut self,
        flash: &mut F,
        tools: &mut Tools<'_, '_, E>,
    ) -> Result<Progress, MaintainError> {
        if self.faults > RESTARTS_MAX {
            return Err(MaintainError::Exhausted);
        }
        if self.cell.is_busy() {
            return self.step_cell(flash, tools);
        }
        if !self.ring.is_running() {
            return self.go_on_starting(flash, tools);
        }
        if self.ring.wants_erase(self.wish.clear) {
            return self.erase_ahead(flash, tools.pause);
        }
        if self.wish.clear {
            return self.go_on_clearing(flash, tools.now);
        }
        let rekey = self.rekey_due();
        let wanted = self.wish.checkpoint || self.vouch || rekey;
        if self.unsigned >= CHECKPOINT_RECORDS || (wanted && self.unsigned > 0) {
            return self.sign(flash, tools);
        }
        if rekey {
            return self.rekey(flash, tools);
        }
        self.wish.checkpoint = false;
        if !self.forgot && tools.now.as_millis() >= FORGET_AFTER_MS {
            self.request_forget();
            return Ok(Progress::More);
        }
        Ok(Progress::Idle)
    }

    /// Asks that the secrets of earlier sessions be destroyed now: before an export, a shutdown, or by policy.
    pub fn request_forget(&mut self) {
        self.cell.begin_forget();
        // A session that starts goes on: the cell forgets before it says that it is done.
        if matches!(self.job, Job::None) {
            self.job = Job::Forget;
        }
    }

    /// Asks that a blocking log give up what it holds, but the page it writes to. What was given up must have been
    /// exported: nothing checks that here. The record says that the device itself did it. A log that overwrites has nothing
    /// to clear.
    pub fn request_clear(&mut self) {
        if self.retention() == Retention::Block {
            self.wish.clear = true;
            self.wish.session = !self.ring.is_running();
        }
    }

    fn step_cell<F: Flash, E: EntropySource>(
        &mut self,
        flash: &mut F,
        tools: &mut Tools<'_, '_, E>,
    ) -> Result<Progress, MaintainError> {
        let stepped = self.cell.step(flash, tools.pause);
        let done = matches!(stepped, Ok(cell::Progress::Done) | Err(_));
        let job = if done { core::mem::replace(&mut self.job, Job::None) } else { Job::None };
        if let Err(fault) = stepped {
            self.failed(Some(fault));
        }
        match job {
            Job::Start(secrets) if stepped.is_ok() => self.begin_session(&secrets, tools)?,
            Job::Seed(secrets) if stepped.is_ok() => {
                let index =
                    state::public_of(self.cell.value()).map_err(|_| MaintainError::State)?.index;
                self.start_random(&secrets, index, tools);
            }
            Job::Forget if stepped.is_ok() => self.forgot = true,
            // Stored or not, a mount may find the new chain from here on: the session of the old one ends.
            Job::Rekey => self.end_session(flash)?,
            Job::None | Job::Start(_) | Job::Seed(_) | Job::Forget => {}
        }
        stepped.map_err(MaintainError::Flash)?;
        Ok(Progress::More)
    }

    /// Counts a failure, which the part gave a reason for or not.
    fn failed(&mut self, fault: Option<flash::Error>) {
        self.faults = self.faults.saturating_add(1);
        self.fault = self.fault.or(fault);
    }

    /// Ends the running session; the next one starts at once.
    fn end_session<F: Flash>(&mut self, flash: &mut F) -> Result<(), MaintainError> {
        let public = state::public_of(self.cell.value()).map_err(|_| MaintainError::State)?;
        self.author = None;
        self.ring.remount(flash, public.void);
        self.wish.session = true;
        Ok(())
    }

    /// Mounted: stores the next session's state. Stored: writes what the session begins with.
    fn go_on_starting<F: Flash, E: EntropySource>(
        &mut self,
        flash: &mut F,
        tools: &mut Tools<'_, '_, E>,
    ) -> Result<Progress, MaintainError> {
        if let Some(author) = self.author.as_mut()
            && self.ring.is_starting()
        {
            let stepped = self.ring.step(flash, author, tools.pause);
            self.ended(stepped)?;
            return Ok(Progress::More);
        }
        let lacks_random = tools.random.verdict() == Err(RandomError::NotStarted);
        let is_due = self.wish.session || (self.wants_random && lacks_random);
        if !is_due {
            return Ok(Progress::Idle);
        }
        let public = state::public_of(self.cell.value()).map_err(|_| MaintainError::State)?;
        let mut after = public;
        if self.wish.session {
            if self.faults > 0 {
                self.ring.remount(flash, public.void);
            }
            self.ring
                .check_start(public.index, self.wish.clear)
                .map_err(|_| MaintainError::Full)?;
            after.void = Void { page: self.ring.next_page(), session: public.index };
            after.index = public.index.checked_add(1).ok_or(MaintainError::State)?;
        }
        let secrets =
            state::open(&self.at_rest, self.cell.value()).map_err(|_| MaintainError::State)?;
        let audit =
            if self.wish.session { next_audit(&secrets.audit) } else { secrets.audit.duplicate() };
        // The next seed is stored before the present one is used.
        self.replace_state(&after, &NextSecrets { audit, seed: ratchet(&secrets.seed) })?;
        self.job = if self.wish.session { Job::Start(secrets) } else { Job::Seed(secrets) };
        Ok(Progress::More)
    }

    fn replace_state(
        &mut self,
        public: &PublicState,
        secrets: &NextSecrets,
    ) -> Result<(), MaintainError> {
        let value =
            state::close(&self.at_rest, public, secrets).map_err(|_| MaintainError::State)?;
        self.cell.begin_replace(value);
        Ok(())
    }

    /// The next seed is stored, so this one is this boot's alone.
    fn start_random<E: EntropySource>(
        &self,
        secrets: &NextSecrets,
        index: u32,
        tools: &mut Tools<'_, '_, E>,
    ) {
        let mut personalisation = [0; 20];
        let parts: [&[u8]; 2] = [&self.config.device, &index.to_le_bytes()];
        for (to, from) in personalisation.iter_mut().zip(parts.iter().copied().flatten()) {
            *to = *from;
        }
        // A fault latches in `random` and is reported by the device; the log goes on with what the seed gives.
        let _latched = tools.random.start(secrets.seed.duplicate(), &personalisation);
    }

    /// The state is stored, so the present index and secrets are this boot's alone.
    fn begin_session<E: EntropySource>(
        &mut self,
        secrets: &NextSecrets,
        tools: &mut Tools<'_, '_, E>,
    ) -> Result<(), MaintainError> {
        let public = state::public_of(self.cell.value()).map_err(|_| MaintainError::State)?;
        let index = public.index.checked_sub(1).ok_or(MaintainError::State)?;
        self.start_random(secrets, index, tools);
        let mut salt = [0; 16];
        draw(tools.random, &mut salt)?;
        let link = session_link(&secrets.audit, index, &salt, &self.config.device, S::ID);
        let session = Session { index, suite: S::ID, salt };
        self.ring.begin(session, self.wish.clear).map_err(|_| MaintainError::Full)?;
        self.author = Some(SessionAuthor::new(link));
        self.unsigned = 0;
        self.forgot = false;
        self.vouch = index
            .checked_sub(public.escrow.base)
            .is_some_and(|sessions| sessions.checked_rem(VOUCH_SESSIONS) == Some(0));
        self.wish.session = false;
        Ok(())
    }

    fn erase_ahead<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
    ) -> Result<Progress, MaintainError> {
        let stepped = self.ring.erase_ahead(flash, self.wish.clear, pause);
        self.ended(stepped)?;
        Ok(Progress::More)
    }

    /// Writes an entry that says so into the old page if it has none of this session, then turns, then says so again.
    fn go_on_clearing<F: Flash>(
        &mut self,
        flash: &mut F,
        now: Ticks,
    ) -> Result<Progress, MaintainError> {
        let cleared = SystemEvent::LogCleared { by: PrincipalId::new([0; 8]) };
        if let Some(author) = self.author.as_mut()
            && self.ring.is_erased_ahead()
        {
            let turned = self.ring.clear(flash, author);
            self.ended(turned)?;
            self.wish.clear = false;
            self.wish.checkpoint = true;
        }
        let done = !self.wish.clear;
        match self.append_reserved(flash, &cleared, now) {
            Ok(_) => Ok(Progress::More),
            Err(_) if done => Ok(Progress::More),
            Err(_) => {
                self.wish.clear = false;
                Err(MaintainError::Full)
            }
        }
    }

    fn rekey_due(&self) -> bool {
        let room =
            self.ring.bytes_left().is_none_or(|left| left > super::RESERVE_BYTES.saturating_mul(2));
        room && self
            .public()
            .is_some_and(|public| public.index.saturating_sub(public.escrow.base) >= CHAIN_SESSIONS)
    }

    /// Puts the escrow of the chain that ends into the log, then stores a fresh secret for the next session.
    ///
    /// The old escrow lies behind all records of its chain, so the ring gives it up last; the new one is in the cell. Then
    /// the session ends, since nothing may come behind its escrow.
    fn rekey<F: Flash, E: EntropySource>(
        &mut self,
        flash: &mut F,
        tools: &mut Tools<'_, '_, E>,
    ) -> Result<Progress, MaintainError> {
        let public = state::public_of(self.cell.value()).map_err(|_| MaintainError::State)?;
        let secrets =
            state::open(&self.at_rest, self.cell.value()).map_err(|_| MaintainError::State)?;
        let body: [u8; ESCROW_BYTES] = public.escrow.encode().map_err(|_| MaintainError::State)?;
        let author = self.author.as_mut().ok_or(MaintainError::State)?;
        let stored = self.ring.append(flash, author, CLASS_ESCROW, &body);
        self.ended(stored)?;
        let mut noise = Secret::new([0; 32]);
        draw(tools.random, noise.expose_mut())?;
        let mut ephemeral = Secret::new([0; 32]);
        draw(tools.random, ephemeral.expose_mut())?;
        let audit = derive(&noise, Label::AuditFresh, &[secrets.audit.expose()]);
        let escrow = Escrow::seal::<S>(
            &audit,
            public.index,
            &self.config.device,
            &self.config.authority,
            &ephemeral,
        )
        .map_err(|_| MaintainError::State)?;
        let next = NextSecrets { audit, seed: secrets.seed.duplicate() };
        self.replace_state(&PublicState { escrow, ..public }, &next)?;
        self.job = Job::Rekey;
        Ok(Progress::More)
    }

    fn sign<F: Flash, E: EntropySource>(
        &mut self,
        flash: &mut F,
        tools: &mut Tools<'_, '_, E>,
    ) -> Result<Progress, MaintainError> {
        let author = self.author.as_mut().ok_or(MaintainError::State)?;
        let reserved = self.ring.reserve(flash, author, 72);
        if matches!(reserved, Err(RingError::Full)) {
            // Nothing more fits, so nothing more needs a signature either.
            self.signed();
            return Ok(Progress::Idle);
        }
        self.ended(reserved)?;
        let author = self.author.as_mut().ok_or(MaintainError::State)?;
        let (session, place) = self.ring.position().ok_or(MaintainError::State)?;
        let statement = Statement {
            device: self.config.device,
            session,
            place,
            at: tools.now,
            value: author.chain().value(),
        };
        let body: [u8; CHECKPOINT_BYTES] = match statement.sign(tools.key) {
            Ok(body) => body,
            Err(error) => {
                // Not tried again for these records, so that what else is due gets done.
                self.signed();
                return Err(MaintainError::Sign(error));
            }
        };
        let stored = self.ring.append(flash, author, CLASS_CHECKPOINT, &body);
        self.ended(stored)?;
        self.signed();
        Ok(Progress::More)
    }

    const fn signed(&mut self) {
        self.unsigned = 0;
        self.wish.checkpoint = false;
        self.vouch = false;
    }

    /// Notes that an append failed, and whether it ended the session.
    pub(super) fn lost(&mut self, error: RingError) -> RecordError {
        match error {
            RingError::Full => RecordError::Full,
            RingError::NotReady => RecordError::NotReady,
            RingError::TooLong => RecordError::TooLong,
            RingError::Flash(_) | _ => {
                let fault = if let RingError::Flash(fault) = error { Some(fault) } else { None };
                self.failed(fault);
                self.author = None;
                self.wish.session = true;
                RecordError::Fault
            }
        }
    }

    /// Takes the result of a step of the ring; an error of the part ends the session.
    fn ended<T>(&mut self, result: Result<T, RingError>) -> Result<T, MaintainError> {
        result.map_err(|error| {
            self.lost(error);
            match error {
                RingError::Full => MaintainError::Full,
                RingError::Flash(error) => MaintainError::Flash(error),
                RingError::NotReady | RingError::TooLong | RingError::Seal | _ => {
                    MaintainError::State
                }
            }
        })
    }
}

/// Random bytes for the log, which goes on when the noise source has failed.
fn draw<E: EntropySource>(random: &mut Random<E>, out: &mut [u8]) -> Result<(), MaintainError> {
    match random.fill(out) {
        Ok(()) => Ok(()),
        Err(RandomError::NotStarted) => Err(MaintainError::State),
        Err(_) => random.fill_degraded(out).map_err(|_| MaintainError::State),
    }
}
