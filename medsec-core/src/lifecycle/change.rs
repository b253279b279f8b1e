//! The ways from one state to another, each recorded before it is stored and stored before it counts.

use super::{Lifecycle, State, Tamper};
use crate::event::{DeviceEvent, PrincipalId, RecordError, Recorder};

impl Lifecycle {
    /// Begins to leave this state.
    ///
    /// It does not ask who wants it and whether he may: that is decided before, from the permission or permit that the change needs.
    ///
    /// # Errors
    /// [`ChangeError`]: the device stays in the state it is in.
    pub fn change(self, change: Change, by: PrincipalId) -> Result<Transition, ChangeError> {
        if !change.leaves(self.0) {
            return Err(self.0.map_or(ChangeError::Unreadable, |_| ChangeError::State));
        }
        Ok(Transition { from: self, change, by })
    }
}

/// The ways from one state to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A station begins: Blank to Provisioning.
    BeginProvisioning,
    /// It is complete: Provisioning to AwaitClaim.
    FinishProvisioning,
    /// An owner has claimed it: AwaitClaim to InService.
    Claim,
    /// It leaves the patient: InService to Maintenance.
    BeginMaintenance,
    /// It goes back into service: Maintenance to InService.
    EndMaintenance,
    /// Its owner's data are to be erased: from AwaitClaim, InService or Maintenance to Sanitizing. Also from a state that cannot be read: it is
    /// the only way out, keeps nothing that anyone could want to read, and asks for a permit of the maker.
    Sanitize,
    /// All was erased, and another owner may have it: Sanitizing to AwaitClaim.
    ReturnToClaim,
    /// All was erased, keys and identity too: Sanitizing to Decommissioned.
    Decommission,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::BeginProvisioning,
        Self::FinishProvisioning,
        Self::Claim,
        Self::BeginMaintenance,
        Self::EndMaintenance,
        Self::Sanitize,
        Self::ReturnToClaim,
        Self::Decommission,
    ];

    /// Where it leads.
    #[must_use]
    pub const fn to(self) -> State {
        match self {
            Self::BeginProvisioning => State::Provisioning,
            Self::FinishProvisioning | Self::ReturnToClaim => State::AwaitClaim,
            Self::Claim | Self::EndMaintenance => State::InService,
            Self::BeginMaintenance => State::Maintenance,
            Self::Sanitize => State::Sanitizing,
            Self::Decommission => State::Decommissioned,
        }
    }

    const fn leaves(self, from: Option<State>) -> bool {
        match self {
            Self::BeginProvisioning => matches!(from, Some(State::Blank)),
            Self::FinishProvisioning => matches!(from, Some(State::Provisioning)),
            Self::Claim => matches!(from, Some(State::AwaitClaim)),
            Self::BeginMaintenance => matches!(from, Some(State::InService)),
            Self::EndMaintenance => matches!(from, Some(State::Maintenance)),
            Self::Sanitize => matches!(
                from,
                None | Some(State::AwaitClaim | State::InService | State::Maintenance)
            ),
            Self::ReturnToClaim | Self::Decommission => matches!(from, Some(State::Sanitizing)),
        }
    }

    /// Whether there is a log to record it in. A blank device has no keys for one yet, and one at its end has none any more: its
    /// sanitization certificate stands for the record.
    #[must_use]
    pub const fn has_log(self) -> bool {
        !matches!(self, Self::BeginProvisioning | Self::Decommission)
    }
}

/// Why a state is not left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ChangeError {
    /// The change does not begin at the state the device is in.
    State,
    /// The state could not be read, and the change begins at one that can.
    Unreadable,
}

impl core::fmt::Display for ChangeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::State => "change does not begin at this state",
            Self::Unreadable => return Tamper.fmt(f),
        })
    }
}

impl core::error::Error for ChangeError {}

/// A change that is legal, and neither recorded nor stored yet. Only [`Lifecycle::change`] makes one, and there is no `Clone`.
///
/// # Power loss
/// Until it is stored, the device is in the state it was in. After a cut between record and store the log tells of a change that did not
/// come about, and whoever wants it asks again: the next record begins at the same state.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "the state is not changed before this is recorded, stored and confirmed"]
pub struct Transition {
    from: Lifecycle,
    change: Change,
    by: PrincipalId,
}

impl Transition {
    /// The event that comes before the change.
    #[must_use]
    pub const fn event(&self) -> DeviceEvent {
        let to = Lifecycle(Some(self.change.to())).code();
        DeviceEvent::LifecycleChange { from: self.from.code(), to, by: self.by }
    }

    /// Records it; only then there is a word to store.
    ///
    /// # Errors
    /// [`RecordError`]: nothing was recorded, and the device stays in the state it is in.
    pub fn record<R: Recorder>(self, log: &mut R) -> Result<Recorded, RecordError> {
        log.record(&self.event())?;
        Ok(Recorded { from: self.from, to: self.change.to() })
    }

    /// Goes on without a record, for a change at which there is no log ([`Change::has_log`]). For the others there is nothing, and the
    /// device stays in the state it is in.
    #[must_use]
    pub fn unlogged(self) -> Option<Recorded> {
        (!self.change.has_log()).then_some(Recorded { from: self.from, to: self.change.to() })
    }
}

/// A change that was recorded, and is to be stored. Only a [`Transition`] becomes one.
#[derive(PartialEq, Eq, Debug)]
#[must_use = "the state is not changed before this is stored and confirmed"]
pub struct Recorded {
    from: Lifecycle,
    to: State,
}

impl Recorded {
    /// Whether it leaves this part of life. Whoever stores it asks: another change may have been stored since it was recorded.
    #[must_use]
    pub fn begins_at(&self, now: Lifecycle) -> bool {
        self.from == now
    }

    /// The word to store.
    #[must_use]
    pub const fn word(&self) -> u32 {
        self.to.word()
    }

    /// The state from now on, by the word that was read back after the store; `None` if none could be read.
    ///
    /// # Errors
    /// [`NotStored`]: the word that was read is not the one to store. What counts from now on is in it.
    pub fn confirm(self, read_back: Option<u32>) -> Result<Lifecycle, NotStored> {
        let read = read_back.map_or(Lifecycle::UNREADABLE, Lifecycle::of);
        if read == Lifecycle(Some(self.to)) {
            return Ok(read);
        }
        // A third state is none that anybody stored.
        Err(NotStored { now: if read == self.from { read } else { Lifecycle::UNREADABLE } })
    }
}

/// A change was recorded, and is not stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotStored {
    /// What counts from now on: the state before, if that is what is stored, or nothing that could be read.
    pub now: Lifecycle,
}

impl core::fmt::Display for NotStored {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("change of state was not stored")
    }
}

impl core::error::Error for NotStored {}
