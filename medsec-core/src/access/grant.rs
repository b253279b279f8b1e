//! The proof that something is permitted now.

use core::hint::black_box;

use crate::access::check::Declared;
use crate::access::decision::{Denied, Facts, deficits, emergency_deficits, is_essential};
use crate::access::policy::{InEmergency, Permission, Policy};
use crate::event::{PrincipalId, Recorder};
use crate::hal::EntropySource;
use crate::rng::Random;
use crate::time::Ticks;

/// Longest time that a policy can let a grant be used, in milliseconds.
pub const GRANT_MS_MAX: u32 = 5_000;

/// The right to make grants. Each [`Random`] gives it once, at boot, and it is handed to what knows who is there, which keeps it.
///
/// # Security
/// It decides from the [`Facts`] it is given. Its holder answers for them.
#[derive(Debug)]
pub struct Authority {
    is_unrecorded: bool,
}

impl Authority {
    /// Takes it; there is none a second time. It does not need the random source to work: at the device people act also
    /// where that is broken.
    pub fn take<E: EntropySource>(random: &mut Random<E>) -> Option<Self> {
        random.claim_authority().then_some(Self { is_unrecorded: false })
    }

    /// Grants `P` with `args` for once, if `facts` are enough and the event is recorded.
    ///
    /// An essential permission is also granted if the record fails; [`Authority::is_unrecorded`] then says so.
    ///
    /// # Errors
    /// [`Denied`]: nothing was granted. Nothing was recorded either, but for a record whose making failed half-way.
    pub fn grant<P: Permission, R: Recorder>(
        &mut self,
        facts: &Facts,
        args: P::Args,
        recorder: &mut R,
        now: Ticks,
    ) -> Result<Grant<P>, Denied> {
        let number = <P as Declared>::NUMBER;
        if let Some(denied) = Denied::of(deficits::<P::Policy>(facts, number)) {
            return Err(denied);
        }
        let is_essential = is_essential::<P::Policy>(number);
        self.record::<P, R>(&args, facts.by, is_essential, recorder)?;
        // Decided again from the same facts, and carried to where the grant is used: a decision that was skipped then fails.
        let deficits = deficits::<P::Policy>(black_box(facts), black_box(number));
        Ok(Grant { args, by: facts.by, from: now, deficits })
    }

    /// Grants `P` with `args` for once in an emergency: `is_present` is the proof that somebody is at the device, `runs`
    /// whether this part of the device's life knows emergencies.
    ///
    /// Whether it can be recorded or not; [`Authority::is_unrecorded`] says so.
    ///
    /// # Errors
    /// [`Denied::Presence`], [`Denied::Lifecycle`].
    pub fn grant_in_emergency<P: InEmergency, R: Recorder>(
        &mut self,
        by: PrincipalId,
        (is_present, runs): (bool, bool),
        args: P::Args,
        recorder: &mut R,
        now: Ticks,
    ) -> Result<Grant<P>, Denied> {
        let number = <P as Declared>::NUMBER;
        let lacks = emergency_deficits::<P::Policy>(is_present, runs, number);
        if let Some(denied) = Denied::of(lacks) {
            return Err(denied);
        }
        self.record::<P, R>(&args, by, true, recorder)?;
        let deficits = emergency_deficits::<P::Policy>(
            black_box(is_present),
            black_box(runs),
            black_box(number),
        );
        Ok(Grant { args, by, from: now, deficits })
    }

    /// Notes that something was done that is not in the log.
    pub const fn note_unrecorded(&mut self) {
        self.is_unrecorded = true;
    }

    /// Whether something was granted or done in this boot that is not in the log.
    #[must_use]
    pub const fn is_unrecorded(&self) -> bool {
        self.is_unrecorded
    }

    fn record<P: Permission, R: Recorder>(
        &mut self,
        args: &P::Args,
        by: PrincipalId,
        is_essential: bool,
        recorder: &mut R,
    ) -> Result<(), Denied> {
        match recorder.record(&P::event(args, by)) {
            Ok(()) => Ok(()),
            Err(_) if is_essential => {
                self.is_unrecorded = true;
                Ok(())
            }
            Err(error) => Err(Denied::NotRecorded(error)),
        }
    }
}

/// That `P` is permitted now, once, with the arguments that were recorded.
///
/// There is no `Clone`, and the arguments come out only by [`Grant::exercise`], which uses it up. It can be sent to another
/// task; it ends [`Policy::GRANT_MS`] after it was made.
/// ```compile_fail,E0451
/// fn forge<P: medsec_core::access::Permission>(args: P::Args) -> medsec_core::access::Grant<P> {
///     let by = medsec_core::event::PrincipalId::DEVICE;
///     let from = medsec_core::time::Ticks::from_millis(0);
///     medsec_core::access::Grant { args, by, from, deficits: 0 }
/// }
/// ```
#[must_use = "what was granted was recorded, and is not done yet"]
pub struct Grant<P: Permission> {
    args: P::Args,
    by: PrincipalId,
    from: Ticks,
    deficits: u32,
}

impl<P: Permission> Grant<P> {
    const MS: u64 = {
        let ms = <P::Policy as Policy>::GRANT_MS;
        assert!(ms > 0 && ms <= GRANT_MS_MAX, "grants end after 1 to 5,000 milliseconds");
        u64::from_le_bytes(pad(ms.to_le_bytes()))
    };

    /// Uses the grant, and gives what to do it with.
    ///
    /// # Errors
    /// [`Expired`]: too late, or the time went back. Nothing is to be done; the record stands.
    pub fn exercise(self, now: Ticks) -> Result<P::Args, Expired> {
        let is_in_time = now >= self.from && now.millis_since(self.from) <= Self::MS;
        if is_in_time && self.deficits == 0 { Ok(self.args) } else { Err(Expired) }
    }

    /// Who does it.
    pub const fn by(&self) -> PrincipalId {
        self.by
    }
}

const fn pad([a, b, c, d]: [u8; 4]) -> [u8; 8] {
    [a, b, c, d, 0, 0, 0, 0]
}

/// A grant was not used in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expired;

impl core::fmt::Display for Expired {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("grant was not used in time")
    }
}

impl core::error::Error for Expired {}
