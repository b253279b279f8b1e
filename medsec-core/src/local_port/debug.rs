//! The debug port of the processor: locked from the moment the device waits for an owner.

use core::fmt;

use crate::event::DeviceEvent;
use crate::hal::{DebugLock, DebugState};
use crate::lifecycle::Lifecycle;

/// What the check of the debug port found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DebugPort {
    /// It is locked.
    Locked,
    /// It need not be yet: the device is still being made.
    InProduction,
    /// The part has no lock. Whoever can touch it reads and changes everything; reports and attestation say so.
    Unlockable,
}

/// The debug port was checked in this boot and is as it must be. Only [`check`] makes one, and there is no `Clone`: what serves functions
/// that need a permission takes it when it starts.
///
/// ```compile_fail,E0423
/// use medsec_core::local_port::debug::{DebugChecked, DebugPort};
/// fn glue() -> DebugChecked { DebugChecked(DebugPort::Locked) }
/// ```
#[derive(PartialEq, Eq, Debug)]
pub struct DebugChecked(DebugPort);

impl DebugChecked {
    /// What was found.
    #[must_use]
    pub const fn found(&self) -> DebugPort {
        self.0
    }
}

/// The debug port is open in a state in which it has to be locked: somebody may have been inside. Nothing that needs a permission is served in
/// this boot; therapy and access in an emergency go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DebugOpen {
    lifecycle: Lifecycle,
}

impl DebugOpen {
    /// The event to record.
    #[must_use]
    pub const fn event(&self) -> DeviceEvent {
        DeviceEvent::DebugPortOpen { state: self.lifecycle.code() }
    }
}

impl fmt::Display for DebugOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("debug port is open")
    }
}

impl core::error::Error for DebugOpen {}

/// Checks the debug port, once at boot, after the ports were made.
///
/// The state is read twice, and has to be locked both times. A port that is open is locked, which on many parts has effect from the next
/// reset on; in this boot it counts as open all the same.
///
/// # Errors
/// [`DebugOpen`]: record it, and refuse what needs a permission.
///
/// # Security
/// It tells of a lock that was never set, or was taken off by an erase that the part allows. Whoever controls the processor before this runs can
/// lie, and a lock that is glitched open is not seen.
pub fn check<D: DebugLock>(part: &mut D, lifecycle: Lifecycle) -> Result<DebugChecked, DebugOpen> {
    if !lifecycle.locks_debug() {
        return Ok(DebugChecked(DebugPort::InProduction));
    }
    if !D::LOCKABLE {
        return Ok(DebugChecked(DebugPort::Unlockable));
    }
    let states = [part.read_state(), part.read_state()];
    if states == [DebugState::Locked; 2] {
        return Ok(DebugChecked(DebugPort::Locked));
    }
    part.lock();
    Err(DebugOpen { lifecycle })
}
