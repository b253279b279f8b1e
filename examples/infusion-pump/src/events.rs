//! What the pump records.

use medsec::core::event::{Duration, Metric, PrincipalId, Unit};
use medsec::{Sensitive, events};

use crate::therapy::{Alarm, Rate};

/// A patient's number in the hospital, padded with zeros. Personal: it enters a record encrypted or not at all.
pub type PatientNumber = Sensitive<[u8; 16]>;

events! {
    /// What sounds, as it is recorded.
    pub codes AlarmCause {
        /// The line is blocked.
        Occlusion = 1,
        /// There is air in the line.
        AirInLine = 2,
        /// The reservoir is empty.
        Empty = 3,
        /// Security service is degraded.
        Security = 4,
    }
}

impl From<Alarm> for AlarmCause {
    fn from(alarm: Alarm) -> Self {
        match alarm {
            Alarm::Occlusion => Self::Occlusion,
            Alarm::AirInLine => Self::AirInLine,
            Alarm::Empty => Self::Empty,
            Alarm::Security => Self::Security,
        }
    }
}

events! {
    /// The pump's own events.
    #[non_exhaustive]
    pub enum PumpEvent {
        /// The pump was given to a patient.
        PatientAssigned = 0x4001 [ControlSystem, Operational, Success] {
            /// Who did it.
            public by: PrincipalId,
            /// Whose pump it is now.
            encrypt patient: PatientNumber,
        },
        /// The rate was changed.
        RateChanged = 0x4002 [ConfigurationChange, Security, Success] {
            /// Until now.
            public from: Metric,
            /// From now on.
            public to: Metric,
            /// Who changed it.
            public by: PrincipalId,
            /// At whose bed.
            encrypt patient: PatientNumber,
        },
        /// A rate was asked for that the drive cannot deliver.
        RateRefused = 0x4003 [RequestError, Operational, MinorFailure] {
            /// Who asked.
            public by: PrincipalId,
        },
        /// Delivery began.
        DeliveryStarted = 0x4004 [ControlSystem, Operational, Success] {
            /// At this rate.
            public rate: Metric,
        },
        /// Delivery ended.
        DeliveryStopped = 0x4005 [ControlSystem, Operational, Success] {
            /// Delivered since power-on.
            public delivered: Metric,
            /// For this long.
            public after: Duration,
        },
        /// The alarm sounds.
        AlarmRaised = 0x4006 [ControlSystem, Security, SeriousFailure] {
            /// Why.
            public cause: AlarmCause,
        },
        /// The alarm was silenced.
        AlarmSilenced = 0x4007 [ControlSystem, Security, Success] {
            /// By whom.
            public by: PrincipalId,
        },
        /// Somebody noted something in his own words. They are not kept.
        NoteTaken = 0x4008 [ControlSystem, Operational, Success] {
            /// Who.
            public by: PrincipalId,
            /// What was written.
            omit text: Sensitive<[u8; 32]>,
        },
    }
}

/// A rate as a record holds it.
#[must_use]
pub fn rate_metric(ul_per_hour: u32) -> Metric {
    Metric::new(i32::try_from(ul_per_hour).unwrap_or(i32::MAX), Unit::MicrolitrePerHour)
}

/// A volume as a record holds it.
#[must_use]
pub fn volume_metric(ul: u32) -> Metric {
    Metric::new(i32::try_from(ul).unwrap_or(i32::MAX), Unit::Microlitre)
}

/// A rate of the drive as a record holds it.
impl From<Rate> for Metric {
    fn from(rate: Rate) -> Self {
        rate_metric(rate.ul_per_hour())
    }
}
