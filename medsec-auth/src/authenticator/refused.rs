//! Why something was not granted or begun.

use medsec_core::access::Denied;
use medsec_core::event::PrincipalId;

use crate::event::DeniedReason;
use crate::session::NoSession;

/// Why another part of life is not put in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LifecycleError {
    /// The flash has work to do first.
    Busy,
    /// It was recorded in another part of life than the present one.
    Stale,
    /// There is nowhere to store it: the attempts could not be mounted.
    Unmounted,
}

impl core::fmt::Display for LifecycleError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Busy => "flash has work to do first",
            Self::Stale => "recorded in another part of life",
            Self::Unmounted => "attempts could not be mounted",
        })
    }
}

impl core::error::Error for LifecycleError {}

/// That an emergency was reviewed: what the permission to do so is done with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reviewed;

/// Why something was not granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// There is no such session, or it is locked.
    Session,
    /// The policy says no, or the log.
    Denied(Denied),
}

/// That something was not granted, and to whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// Who asked; the device itself if there was no session.
    pub by: PrincipalId,
    /// Why not.
    pub why: Why,
}

impl Refused {
    /// The reason as it is recorded; none if it is the log that failed.
    #[must_use]
    pub const fn reason(&self) -> Option<DeniedReason> {
        Some(match self.why {
            Why::Session => DeniedReason::Session,
            Why::Denied(Denied::Role) => DeniedReason::Role,
            Why::Denied(Denied::Lifecycle) => DeniedReason::Lifecycle,
            Why::Denied(Denied::Interface) => DeniedReason::Interface,
            Why::Denied(Denied::Factor) => DeniedReason::Factor,
            Why::Denied(Denied::Presence) => DeniedReason::Presence,
            Why::Denied(Denied::SecondPerson) => DeniedReason::SecondPerson,
            Why::Denied(Denied::NotRecorded(_) | _) => return None,
        })
    }
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.why {
            Why::Session => NoSession.fmt(f),
            Why::Denied(denied) => denied.fmt(f),
        }
    }
}

impl core::error::Error for Refused {}
