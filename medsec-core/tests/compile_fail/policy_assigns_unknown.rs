//@ error: E0599 "Surgeon"
//! A role that gives one that is not declared.
use medsec_core::policy;

policy! {
    /// Who may do what.
    pub policy PumpPolicy;

    /// What people are to the pump.
    pub roles PumpRole {
        /// Cares for the patient.
        Nurse = 0 may [ChangeRate],
        /// Decides on treatment.
        Clinician = 1 includes [Nurse] may [ChangeLimits],
        /// Knows people.
        Administrator = 2 may [ManagePeople] assigns [Nurse, Surgeon, Auditor],
        /// Reads the log.
        Auditor = 3 may [ExportLog],
    }

    permissions {
        /// Changes the rate.
        ChangeRate = 0 [Clinical, OneFactor, Local] emergency essential,
        /// Changes the limits of the rate.
        ChangeLimits = 1 [Clinical, TwoFactors, Local, Remote],
        /// Makes people known.
        ManagePeople = 2 [Administration, TwoFactors, Local] people,
        /// Takes the log away.
        ExportLog = 3 [Evidence, OneFactor, Local],
    }

    apart {
        ChangeRate and ManagePeople,
    }
}
