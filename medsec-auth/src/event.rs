//! What is recorded of people.

use medsec_core::event::{Count, PermissionNumber, PrincipalId};
use medsec_core::events;

events! {
    /// From where somebody acts.
    pub codes From {
        /// At the device.
        Local = 1,
        /// Over a link.
        Remote = 2,
        /// At a port for service.
        Service = 3,
    }
}

events! {
    /// With what somebody showed who he is.
    pub codes With {
        /// A secret that is known.
        Knowledge = 1,
        /// A code that is good once.
        OneTime = 2,
        /// A token.
        Token = 4,
    }
}

events! {
    /// Why a login failed. It is in the log only: who tried is told that it failed.
    pub codes LoginRefused {
        /// Nobody has this name, or he may not log in, or not from there.
        Unknown = 1,
        /// What was shown is wrong.
        Wrong = 2,
        /// Too soon after the last failure.
        Backoff = 3,
        /// Too many failures.
        Disabled = 4,
        /// The session is another's, or an emergency is under way.
        NotAllowed = 5,
        /// A code that was used before.
        Used = 6,
        /// Something in the device failed, so nobody could be judged.
        Fault = 7,
        /// As many sessions as there can be.
        Sessions = 8,
    }
}

events! {
    /// Why a session ended.
    pub codes SessionEnd {
        /// The person logged out.
        LoggedOut = 1,
        /// Nothing was done for too long.
        Idle = 2,
        /// It had lasted long enough.
        Over = 3,
        /// A second factor did not come in time.
        HalfOpen = 4,
        /// Somebody ended it.
        Terminated = 5,
        /// An emergency began.
        Emergency = 6,
        /// The link under it ended.
        Link = 7,
        /// The part of the device's life has changed.
        Lifecycle = 8,
        /// The clock of this boot went back.
        Clock = 9,
        /// The person was removed, disabled or given another secret.
        Person = 10,
    }
}

events! {
    /// Why an emergency was called.
    pub codes EmergencyReason {
        /// A patient is in danger.
        Patient = 1,
        /// Nobody who may is there.
        Absent = 2,
        /// Who is there cannot log in.
        Locked = 3,
        /// It is tried out.
        Drill = 4,
    }
}

events! {
    /// Why something was not permitted.
    pub codes DeniedReason {
        /// The role does not hold the permission.
        Role = 1,
        /// Not in this part of the device's life.
        Lifecycle = 2,
        /// Not from there.
        Interface = 3,
        /// Another factor is needed.
        Factor = 4,
        /// Somebody has to be at the device.
        Presence = 5,
        /// A second person has to approve.
        SecondPerson = 6,
        /// There is no such session, or it is locked.
        Session = 7,
    }
}

events! { @system
    /// What is recorded of people. Ids `0x1000..=0x1FFF`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub enum AuthEvent {
        /// Somebody has shown who he is, and has a session.
        SessionOpened = 0x1001 [AccessControl, Security, Success] {
            /// Who.
            public by: PrincipalId,
            /// From where.
            public from: From,
            /// With what.
            public with: With,
        },
        /// Somebody in a session has shown another factor, or one again after it was locked.
        FactorAdded = 0x1002 [AccessControl, Security, Success] {
            /// Who.
            public by: PrincipalId,
            /// With what.
            public with: With,
        },
        /// A login failed.
        LoginFailed = 0x1003 [AccessControl, Security, MinorFailure] {
            /// Who it would have been; the device itself for a name that nobody has, or of which that was not told.
            public by: PrincipalId,
            /// From where.
            public from: From,
            /// With what.
            public with: With,
            /// Why.
            public why: LoginRefused,
        },
        /// A session has ended.
        SessionEnded = 0x1004 [AccessControl, Security, Success] {
            /// Whose.
            public by: PrincipalId,
            /// Why.
            public why: SessionEnd,
        },
        /// A session was locked: it goes on with one factor.
        SessionLocked = 0x1005 [AccessControl, Security, Success] {
            /// Whose.
            public by: PrincipalId,
        },
        /// A second person approved something.
        Approved = 0x1006 [AccessControl, Security, Success] {
            /// Who.
            public by: PrincipalId,
            /// What.
            public permission: PermissionNumber,
        },
        /// Something was not permitted.
        AccessDenied = 0x1007 [AccessControl, Security, MinorFailure] {
            /// Who asked.
            public by: PrincipalId,
            /// What for.
            public permission: PermissionNumber,
            /// Why not.
            public why: DeniedReason,
        },
        /// An emergency was called: clinical functions are open without a credential.
        EmergencyOpened = 0x1008 [AccessControl, Security, SeriousFailure] {
            /// Why.
            public reason: EmergencyReason,
        },
        /// An emergency has ended.
        EmergencyClosed = 0x1009 [AccessControl, Security, Success] {
            /// What was granted in it.
            public granted: Count,
        },
        /// An emergency was reviewed.
        EmergencyReviewed = 0x100A [AccessControl, Security, Success] {
            /// By whom.
            public by: PrincipalId,
        },
        /// A person was made known to the device.
        PersonEnrolled = 0x100B [AccessControl, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// Who.
            public person: PrincipalId,
        },
        /// A person was removed.
        PersonRemoved = 0x100C [AccessControl, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// Who.
            public person: PrincipalId,
        },
        /// What a person proves himself with, or whether he may log in, was changed.
        PersonChanged = 0x100D [AccessControl, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// Who.
            public person: PrincipalId,
        },
    }
}
