//! What the log hears of people.

use medsec_audit::hal::Watcher;
use medsec_auth::authenticator::Refused;
use medsec_auth::event::{AuthEvent, From};
use medsec_core::access::{Class, Interface, Permission, Policy};
use medsec_core::event::{Event, PermissionNumber, RecordError, Recorder};

use super::Staff;
use crate::device::{Device, Port};

/// Records; what must not be missing also from the reserve of a log that is full.
pub(super) struct Kept<'d, P: Port, W: Watcher> {
    pub(super) device: &'d mut Device<P, W>,
    pub(super) takes_reserve: bool,
}

impl<P: Port, W: Watcher> Recorder for Kept<'_, P, W> {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        let device = &mut *self.device;
        let place = if self.takes_reserve { device.log_reserved(event) } else { device.log(event) };
        place.map(|_| ())
    }
}

/// Whether a permission is of the class of evidence.
pub(super) fn is_evidence<A: Permission>() -> bool {
    let number = medsec_auth::authenticator::number_of::<A>();
    let mut permissions = A::Policy::PERMISSIONS.iter();
    permissions.any(|info| info.number == number && info.class == Class::Evidence)
}

/// Records that a session began. Who may read evidence may use the reserve of a log that is full: he is the one to empty it.
pub(super) fn record<P: Port, S: Staff, W: Watcher>(
    device: &mut Device<P, W>,
    event: &AuthEvent,
    role: Option<u8>,
) -> Result<(), RecordError> {
    match device.log(event) {
        Err(RecordError::Full) if role.is_some_and(reads_evidence::<S::Policy>) => {
            device.log_reserved(event).map(|_| ())
        }
        other => other.map(|_| ()),
    }
}

fn reads_evidence<A: Policy>(role: u8) -> bool {
    let held = A::ALLOW.get(usize::from(role)).copied().unwrap_or(0);
    let is_evidence = |info: &&medsec_core::access::PermissionInfo| info.class == Class::Evidence;
    A::PERMISSIONS
        .iter()
        .filter(is_evidence)
        .any(|info| held & medsec_core::access::check::bit(info.number) != 0)
}

/// Records that something was denied, within limits. What the log itself denied is not recorded, since it cannot be.
pub(super) fn note<P: Port, W: Watcher, A: Permission>(
    device: &mut Device<P, W>,
    refused: &Refused,
) {
    let Some(why) = refused.reason() else { return };
    let permission = PermissionNumber::new(medsec_auth::authenticator::number_of::<A>());
    let event = AuthEvent::AccessDenied { by: refused.by, permission, why };
    let _lost: Result<_, RecordError> = device.log_limited(&event);
}

/// Where somebody comes from, as records have it.
pub(super) const fn from(interface: Interface) -> From {
    match interface {
        Interface::Local => From::Local,
        Interface::Service => From::Service,
        Interface::Remote | _ => From::Remote,
    }
}
