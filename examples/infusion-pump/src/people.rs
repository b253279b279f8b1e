//! Who may do what at the pump, and what each of it is done with.
//!
//! Stopping and silencing are not here: whoever stands at the pump may always do so.

use medsec::auth::authenticator::Reviewed;
use medsec::auth::event::AuthEvent;
use medsec::auth::people::PersonChange;
use medsec::core::Purpose;
use medsec::core::access::Permission;
use medsec::core::event::{Event, PrincipalId};
use medsec::policy;

use crate::events::{PatientNumber, PumpEvent, rate_metric};
use crate::therapy::Rate;

policy! {
    /// The policy of the pump.
    pub policy PumpPolicy;

    /// What people are to the pump.
    pub roles PumpRole {
        /// Cares for the patient: sets what was ordered.
        Nurse = 0 may [ChangeRate],
        /// Decides on the treatment: gives the pump to a patient.
        Clinician = 1 includes [Nurse] may [AssignPatient],
        /// Makes people known. Treats nobody and reads no log.
        Administrator = 2 may [ManagePeople]
            assigns [Nurse, Clinician, Administrator, Auditor, Technician],
        /// Reads and takes away the log, and reviews emergencies.
        Auditor = 3 may [ExportLog, ReviewEmergency],
        /// Repairs.
        Technician = 4 may [Calibrate],
    }

    permissions {
        /// Changes the rate of delivery.
        ChangeRate = 0 [Clinical, OneFactor, Local, Remote] emergency,
        /// Gives the pump to a patient.
        AssignPatient = 1 [Clinical, TwoFactors, Local],
        /// Makes people known, changes and removes them.
        ManagePeople = 2 [Administration, TwoFactors, Local, Remote] people,
        /// Takes the log away.
        ExportLog = 3 [Evidence, OneFactor, Local, Remote],
        /// Says that an emergency was looked at.
        ReviewEmergency = 4 [Evidence, TwoFactors, Local],
        /// Adjusts the drive. Two technicians, one of them at the pump.
        Calibrate = 5 [Maintenance, TwoFactors, Local, Service] presence two_persons,
    }

    apart {
        ChangeRate and ManagePeople,
        ChangeRate and ExportLog,
        ChangeRate and Calibrate,
        ManagePeople and Calibrate,
        ExportLog and Calibrate,
    }
}

/// A rate for a patient, instead of another.
pub struct RateChange {
    /// Until now, in microlitres per hour.
    pub from_ul_per_hour: u32,
    /// From now on.
    pub to: Rate,
    /// At whose bed.
    pub patient: PatientNumber,
}

impl Permission for ChangeRate {
    type Args = RateChange;

    fn event(change: &RateChange, by: PrincipalId) -> impl Event {
        PumpEvent::RateChanged {
            from: rate_metric(change.from_ul_per_hour),
            to: rate_metric(change.to.ul_per_hour()),
            by,
            patient: PatientNumber::new(*change.patient.expose(&Purpose::TREATMENT)),
        }
    }
}

impl Permission for AssignPatient {
    type Args = PatientNumber;

    fn event(patient: &PatientNumber, by: PrincipalId) -> impl Event {
        let patient = PatientNumber::new(*patient.expose(&Purpose::TREATMENT));
        PumpEvent::PatientAssigned { by, patient }
    }
}

impl Permission for ManagePeople {
    type Args = PersonChange;

    fn event(change: &PersonChange, by: PrincipalId) -> impl Event {
        change.event(by)
    }
}

impl Permission for ReviewEmergency {
    type Args = Reviewed;

    fn event(_: &Reviewed, by: PrincipalId) -> impl Event {
        AuthEvent::EmergencyReviewed { by }
    }
}
