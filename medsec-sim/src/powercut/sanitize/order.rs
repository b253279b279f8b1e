//! Two persons who want the device sanitized, and who they are to it.

use medsec_core::access::{
    Approver, Authority, Class, Classes, Factors, Facts, Grant, Interface, Permission,
};
use medsec_core::event::{Count, Event, PrincipalId, RecordError, Recorder};
use medsec_core::rng::Random;
use medsec_core::sanitize::{Approved, Order};
use medsec_core::time::Ticks;
use medsec_core::{events, policy};

use crate::rng::Noise;

policy! {
    /// Who may sanitize.
    policy Maker;

    roles Role {
        /// May.
        Owner = 0 may [Sanitize, People] assigns [Owner],
    }

    permissions {
        /// With a second one.
        Sanitize = 0 [Administration, TwoFactors, Local] two_persons,
        /// Every policy has it.
        People = 1 [Administration, TwoFactors, Local] people,
    }

    apart {}
}

events! {
    /// What the maker records.
    enum Done {
        /// Somebody wants the device sanitized.
        Ordered = 0x4001 [ConfigurationChange, Security, Success] {
            public by: PrincipalId,
            public outcome: Count,
        },
    }
}

impl Permission for Sanitize {
    type Args = Order;

    fn event(order: &Order, by: PrincipalId) -> impl Event {
        Done::Ordered { by, outcome: Count::new(u32::from(order.outcome.code())) }
    }
}

/// A log that takes everything.
pub(super) struct Log;

impl Recorder for Log {
    fn record<E: Event>(&mut self, _: &E) -> Result<(), RecordError> {
        Ok(())
    }
}

/// What two owners approve.
pub(super) fn approved(order: Order) -> Option<Approved> {
    let mut authority = Authority::take(&mut Random::new(<Noise>::good(1)))?;
    let factors = Factors::KNOWLEDGE.and(Factors::TOKEN);
    let role = Role::Owner.number();
    let (by, second) = (PrincipalId::new([1; 8]), PrincipalId::new([2; 8]));
    let interface = Interface::Local;
    let facts = Facts {
        by,
        role,
        factors,
        present: true,
        interface,
        classes: Class::ALL.into_iter().fold(Classes::NONE, Classes::with),
        approver: Some(Approver { by: second, role, factors, interface }),
    };
    let now = Ticks::from_millis(1);
    let grant: Grant<Sanitize> = authority.grant(&facts, order, &mut Log, now).ok()?;
    Approved::by_two(grant, now).ok()
}
