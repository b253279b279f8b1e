//! How far the claim of a device has come: for the production line.

use medsec_audit::hal::Watcher;
use medsec_auth::credential::Claim;
use medsec_auth::people::{Pending, PeopleError};

use super::{People, Staff};
use crate::device::{Device, Port};

impl<P: Port, S: Staff> People<P, S> {
    /// How far the claim of the device has come.
    pub(crate) fn claim<W: Watcher>(
        &self,
        device: &mut Device<P, W>,
    ) -> Result<Claim, PeopleError> {
        self.auth.claim(device.log_mut().1)
    }

    /// Begins to store another, on a device that is being made.
    pub(crate) fn begin_claim(&self, claim: &Claim) -> Result<Pending, PeopleError> {
        self.auth.begin_claim(claim)
    }
}
