//! An attempt, from the search for its person to its outcome on flash.

use medsec_core::access::Interface;
use medsec_core::hal::Flash;
use medsec_core::suite::Suite;

use super::login::may_be;
use super::{Authenticator, Login, LoginError, SEARCH_STEPS_MAX, row_of};
use crate::credential::{Found, Search, Searching, StoreError};
use crate::event::LoginRefused;
use crate::lockout::{self, Attempt, AttemptError, Outcome, Passed, Row, Settled};

/// Something in the device failed, so nobody could be judged.
const FAULT: LoginError = LoginError::Refused(LoginRefused::Fault);

impl<S: Suite> Authenticator<S> {
    pub(super) fn look_up<F: Flash>(
        &mut self,
        flash: &mut F,
        login: &Login<'_>,
    ) -> Result<Option<Found>, LoginError> {
        let (Some(attempts), Some(people)) = (&self.attempts, &self.people) else {
            return Err(FAULT);
        };
        if attempts.is_busy() {
            return Err(LoginError::NotReady);
        }
        let mut search = Search::new(login.who);
        for _ in 0..SEARCH_STEPS_MAX {
            match people.search(flash, &mut search) {
                // Who may not be there is nobody there: neither is an attempt counted as his, nor does a right secret show.
                Ok(Searching::Done) => {
                    return Ok(search.found().filter(|found| may_be(&found.principal, login)));
                }
                Ok(_) => {}
                Err(StoreError::Busy | StoreError::Unsettled) => return Err(LoginError::NotReady),
                Err(_) => return Err(FAULT),
            }
        }
        Err(FAULT)
    }

    pub(super) fn begin<F: Flash>(
        &mut self,
        flash: &mut F,
        found: Option<&Found>,
        factor: lockout::Factor,
        login: &Login<'_>,
    ) -> Result<Attempt, LoginError> {
        let row = found.map_or(Row::GHOST, row_of);
        let attempts = self.attempts.as_mut().ok_or(FAULT)?;
        let begun = attempts.begin(flash, row, login.place.class(), factor, login.now);
        begun.map_err(|error| match error {
            AttemptError::NotReady => LoginError::NotReady,
            AttemptError::Backoff { ms } if login.place.interface() == Interface::Local => {
                LoginError::Wait { ms }
            }
            AttemptError::Backoff { .. } => LoginError::Refused(LoginRefused::Backoff),
            AttemptError::Disabled if found.is_none() => LoginError::Refused(LoginRefused::Unknown),
            AttemptError::Disabled => LoginError::Refused(LoginRefused::Disabled),
            AttemptError::StoreFault | AttemptError::Flash(_) => FAULT,
        })
    }

    /// Settles an attempt that was not right, and says why there is no session.
    pub(super) fn failed<F: Flash>(
        &mut self,
        flash: &mut F,
        attempt: Attempt,
        outcome: Outcome,
        is_known: bool,
    ) -> LoginError {
        let is_fault = outcome == Outcome::NoVerdict;
        // It is a failure already; nothing is written, and nothing can fail that would make it less of one.
        let Some(attempts) = &mut self.attempts else { return FAULT };
        let settled = attempts.settle(flash, attempt, outcome);
        LoginError::Refused(match settled {
            Ok(_) if !is_fault && !is_known => LoginRefused::Unknown,
            Ok(_) if !is_fault => LoginRefused::Wrong,
            Ok(_) | Err(_) => LoginRefused::Fault,
        })
    }

    pub(super) fn settle_right<F: Flash>(
        &mut self,
        flash: &mut F,
        attempt: Attempt,
        step: Option<u32>,
    ) -> Result<Passed, LoginError> {
        let attempts = self.attempts.as_mut().ok_or(FAULT)?;
        match attempts.settle(flash, attempt, Outcome::Right { step }) {
            Ok(Settled::Passed(passed)) => Ok(passed),
            // There was room for the outcome when the attempt began.
            Ok(Settled::Later(_)) => Err(LoginError::NotReady),
            Ok(_) => Err(LoginError::Refused(LoginRefused::Wrong)),
            Err(lockout::SettleError::Step) => Err(LoginError::Refused(LoginRefused::Used)),
            Err(_) => Err(FAULT),
        }
    }
}
