//! Emergencies: clinical functions without a credential, for whoever stands at the device.
//!
//! # Rules
//! 1. An emergency is called by somebody at the device, with a reason. It needs no credential, no random source, no clock
//!    of the day, no log and no store; it works in every part of a device's life in which somebody may be treated, and where that
//!    cannot be read.
//! 2. It ends [`EMERGENCY_MS`] after it was called last, whatever is done in it, at a restart, and when the clock of this boot goes
//!    back.
//! 3. What is granted in it is what the policy says, and clinical ([`InEmergency`](medsec_core::access::InEmergency)): nothing else
//!    compiles. It gives no role and no session.
//! 4. From its beginning, sessions from afar and for service have ended, and none begins while it lasts.
//! 5. It is recorded. If that fails it begins all the same, and the device says so in this boot.
//! 6. It is to be reviewed by somebody who reads evidence. Until then [`Emergencies::is_review_due`].
//!
//! # Not claimed
//! Who it was. That a review is due outlives a restart only by the record of the emergency, unless the log was dead.
//!
//! # Source
//! IEC 62443-4-2 CR 2.1 RE 3 (supervisor override); HIPAA 45 CFR 164.312(a)(2)(ii) (emergency access procedure).

use medsec_core::event::Count;
use medsec_core::lifecycle::Lifecycle;
use medsec_core::time::Ticks;

use crate::hal::Presence;

/// How long an emergency lasts, in milliseconds: 15 minutes.
pub const EMERGENCY_MS: u64 = 15 * 60_000;

/// Why no emergency was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EmergencyError {
    /// The proof that somebody is at the device is too old.
    Presence,
    /// In this part of its life the device treats nobody.
    Lifecycle,
}

impl core::fmt::Display for EmergencyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Presence => "somebody has to be at the device",
            Self::Lifecycle => "nobody is treated in this part of the device's life",
        })
    }
}

impl core::error::Error for EmergencyError {}

/// An emergency that is under way.
#[derive(Clone, Copy, Debug)]
struct Open {
    from: Ticks,
    last: Ticks,
    granted: u32,
}

/// The emergencies of this boot: one at a time.
#[derive(Debug)]
pub struct Emergencies {
    open: Option<Open>,
    closed: Option<Count>,
    is_review_due: bool,
}

impl Emergencies {
    pub(crate) const fn new() -> Self {
        Self { open: None, closed: None, is_review_due: false }
    }

    /// Begins an emergency, or lets the one that is under way last from now.
    pub(crate) fn call(
        &mut self,
        presence: Presence,
        lifecycle: Lifecycle,
        now: Ticks,
    ) -> Result<(), EmergencyError> {
        self.end_over(now);
        if !presence.is_fresh(now) {
            return Err(EmergencyError::Presence);
        }
        if !lifecycle.runs_emergency() {
            return Err(EmergencyError::Lifecycle);
        }
        let granted = self.open.map_or(0, |open| open.granted);
        self.open = Some(Open { from: now, last: now, granted });
        self.is_review_due = true;
        Ok(())
    }

    /// Whether one is under way.
    pub fn is_open(&mut self, now: Ticks) -> bool {
        self.end_over(now);
        self.open.is_some()
    }

    /// Notes that something was granted.
    pub(crate) const fn granted(&mut self) {
        if let Some(open) = &mut self.open {
            open.granted = open.granted.saturating_add(1);
        }
    }

    /// Ends it before its time.
    pub const fn close(&mut self) {
        if let Some(open) = self.open.take() {
            // One that was not told yet is counted with it.
            let before = if let Some(closed) = self.closed { closed.value() } else { 0 };
            self.closed = Some(Count::new(before.saturating_add(open.granted)));
        }
    }

    /// Tells that one has ended, and how many times something was granted in it, until [`Emergencies::told`].
    pub fn poll(&mut self, now: Ticks) -> Option<Count> {
        self.end_over(now);
        self.closed
    }

    /// It was recorded that it has ended.
    pub const fn told(&mut self) {
        self.closed = None;
    }

    /// Whether an emergency of this boot waits for its review.
    #[must_use]
    pub const fn is_review_due(&self) -> bool {
        self.is_review_due
    }

    /// It was reviewed, and that is recorded.
    pub(crate) const fn reviewed(&mut self) {
        self.is_review_due = self.open.is_some();
    }

    fn end_over(&mut self, now: Ticks) {
        let is_over = |open: &Open| now < open.last || now.millis_since(open.from) >= EMERGENCY_MS;
        if self.open.as_ref().is_some_and(is_over) {
            self.close();
        }
        if let Some(open) = &mut self.open {
            open.last = now;
        }
    }
}
