//! The product's own decision, asked through its authority; and what it decides of facts that were changed on the way.

use core::marker::PhantomData;

use medsec::SystemEvent;
use medsec::core::access::check::{Declared, DeclaredInEmergency};
use medsec::core::access::{Authority, Facts, Permission, Policy};
use medsec::core::event::{Count, Event, PrincipalId, RecordError, Recorder};
use medsec::core::rng::Random;
use medsec::core::time::Ticks;
use medsec_sim::rng::Noise;

use crate::cells::{Cell, life};

/// The permission of `P` with this number, whatever it is called; it says that it is for emergencies, and the tables are asked all the same.
enum Numbered<P, const NUMBER: u8> {
    #[expect(dead_code, reason = "it only names the policy")]
    Never(core::convert::Infallible, PhantomData<P>),
}

impl<P: Policy, const NUMBER: u8> Declared for Numbered<P, NUMBER> {
    type Policy = P;
    const NUMBER: u8 = NUMBER;
}

impl<P: Policy, const NUMBER: u8> DeclaredInEmergency for Numbered<P, NUMBER> {}

impl<P: Policy, const NUMBER: u8> Permission for Numbered<P, NUMBER> {
    type Args = ();

    fn event((): &(), _: PrincipalId) -> impl Event {
        SystemEvent::RecordsSuppressed { count: Count::new(0) }
    }
}

/// A log that works or is dead.
struct Book {
    is_dead: bool,
}

impl Recorder for Book {
    fn record<E: Event>(&mut self, _: &E) -> Result<(), RecordError> {
        if self.is_dead { Err(RecordError::Fault) } else { Ok(()) }
    }
}

const NOW: Ticks = Ticks::from_millis(1_000);

/// What is granted.
pub(crate) trait Judge {
    /// In a cell, with a log that is dead or not.
    fn allows(&mut self, cell: &Cell, is_dead: bool) -> bool;

    /// In an emergency: permission, life, presence.
    fn allows_in_emergency(&mut self, asked: (usize, usize, bool)) -> bool;

    /// The roles that a role gives to people, one bit each.
    fn assigns(&self, role: u8) -> u8;
}

/// The product with the policy `P`; the facts go through `change` first.
pub(crate) struct Product<P> {
    authority: Authority,
    change: fn(&Cell, Facts) -> Facts,
    policy: PhantomData<P>,
}

impl<P: Policy> Product<P> {
    pub(crate) fn new() -> Self {
        Self::with(|_, facts| facts)
    }

    pub(crate) fn with(change: fn(&Cell, Facts) -> Facts) -> Self {
        let authority = Authority::take(&mut Random::new(<Noise>::good(1))).unwrap();
        Self { authority, change, policy: PhantomData }
    }

    fn grant<const NUMBER: u8>(&mut self, facts: &Facts, is_dead: bool) -> bool {
        let book = &mut Book { is_dead };
        let granted = self.authority.grant::<Numbered<P, NUMBER>, _>(facts, (), book, NOW);
        granted.is_ok_and(|grant| grant.exercise(NOW).is_ok())
    }

    fn rescue<const NUMBER: u8>(&mut self, state: (bool, bool)) -> bool {
        let (book, by) = (&mut Book { is_dead: true }, PrincipalId::EMERGENCY);
        let authority = &mut self.authority;
        let granted =
            authority.grant_in_emergency::<Numbered<P, NUMBER>, _>(by, state, (), book, NOW);
        granted.is_ok_and(|grant| grant.exercise(NOW).is_ok())
    }
}

impl<P: Policy> Judge for Product<P> {
    fn allows(&mut self, cell: &Cell, is_dead: bool) -> bool {
        let facts = (self.change)(cell, cell.facts());
        match cell.permission {
            0 => self.grant::<0>(&facts, is_dead),
            1 => self.grant::<1>(&facts, is_dead),
            2 => self.grant::<2>(&facts, is_dead),
            3 => self.grant::<3>(&facts, is_dead),
            4 => self.grant::<4>(&facts, is_dead),
            5 => self.grant::<5>(&facts, is_dead),
            other => panic!("no permission {other}"),
        }
    }

    fn allows_in_emergency(&mut self, (permission, part, present): (usize, usize, bool)) -> bool {
        let state = (present, life(part).runs_emergency());
        match permission {
            0 => self.rescue::<0>(state),
            1 => self.rescue::<1>(state),
            2 => self.rescue::<2>(state),
            3 => self.rescue::<3>(state),
            4 => self.rescue::<4>(state),
            5 => self.rescue::<5>(state),
            other => panic!("no permission {other}"),
        }
    }

    fn assigns(&self, role: u8) -> u8 {
        let info = P::ROLES.iter().find(|info| info.number == role);
        info.map_or(0, |info| info.assigns)
    }
}
