//@ compiles
//! A permission of which nobody said what is recorded.
use medsec_core::access::{Authority, Classes, Facts, Grant, Permission};
use medsec_core::event::{Count, Event, PrincipalId, Recorder};
use medsec_core::time::Ticks;
use medsec_core::{events, policy};

policy! {
    /// Who may do what.
    pub policy PumpPolicy;

    /// What people are to the pump.
    pub roles PumpRole {
        /// Cares for the patient.
        Nurse = 0 may [ChangeRate],
        /// Knows people.
        Administrator = 1 may [ManagePeople] assigns [Nurse],
    }

    permissions {
        /// Changes the rate.
        ChangeRate = 0 [Clinical, OneFactor, Local] emergency,
        /// Makes people known.
        ManagePeople = 1 [Administration, TwoFactors, Local] people,
    }

    apart {}
}

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// The rate was changed.
        RateChanged = 0x4001 [ConfigurationChange, Security, Success] {
            /// By whom.
            public by: PrincipalId,
        },
    }
}

/// A rate.
pub struct Rate(u32);

impl Permission for ChangeRate {
    type Args = Rate;

    fn event(_: &Rate, by: PrincipalId) -> impl Event {
        PumpEvent::RateChanged { by }
    }
}

impl Permission for ManagePeople {
    type Args = Count;

    fn event(_: &Count, by: PrincipalId) -> impl Event {
        PumpEvent::RateChanged { by }
    }
}

/// What acts.
pub fn drive(grant: Grant<ChangeRate>, now: Ticks) -> u32 {
    grant.exercise(now).map_or(0, |rate| rate.0)
}

/// Another.
pub enum Other {}
impl medsec_core::access::check::Declared for Other {
    type Policy = PumpPolicy;
    const NUMBER: u8 = 0;
}
impl Permission for Other {
    type Args = ();
    fn event(_: &(), by: PrincipalId) -> impl Event { PumpEvent::RateChanged { by } }
}
/// It.
pub fn program(grant: Grant<ChangeRate>, now: Ticks) {
    drive(grant, now);
}
