//! Policies, decisions and grants.
#![expect(clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use medsec_core::access::{
    Approver, Authority, Class, Classes, Denied, Expired, Factors, Facts, Grant, Interface, Need,
    PERMISSIONS_MAX, Permission, PermissionInfo, Policy, ROLES_MAX, deficits,
};
use medsec_core::event::{Count, Event, Outcome, PrincipalId, RecordError, Recorder};
use medsec_core::rng::Random;
use medsec_core::time::Ticks;
use medsec_core::{events, policy};
use medsec_sim::rng::Noise;

policy! {
    /// A policy in which every word occurs.
    pub policy Ward, grants for 100 ms;

    /// Its roles; numbers are not those of their order.
    pub roles WardRole {
        /// Includes two.
        Chief = 7 includes [Clinician] may [Stop],
        /// Includes one.
        Clinician = 3 includes [Nurse] may [Limit],
        /// By itself.
        Nurse = 0 may [Rate],
        /// Manages people.
        Administrator = 2 may [People, Settings] assigns [Nurse, Clinician, Auditor],
        /// Reads the log.
        Auditor = 5 may [Log],
        /// Repairs.
        Service = 4 may [Repair],
    }

    permissions {
        /// Clinical, in an emergency, without a record.
        Rate = 0 [Clinical, OneFactor, Local, Remote] emergency essential,
        /// Clinical, somebody has to be there.
        Limit = 31 [Clinical, OneFactor, Local, Remote] presence,
        /// Clinical, two persons.
        Stop = 1 [Clinical, OneFactor, Local, Remote] two_persons,
        /// People.
        People = 2 [Administration, TwoFactors, Local] people,
        /// Two persons with two factors each.
        Settings = 9 [Administration, TwoFactors, Local, Remote] two_persons,
        /// Evidence.
        Log = 4 [Evidence, OneFactor, Local, Remote, Service],
        /// Maintenance.
        Repair = 17 [Maintenance, TwoFactors, Service],
    }

    apart {
        Rate and Log,
        People and Repair,
    }
}

events! {
    /// What is recorded.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[non_exhaustive]
    pub enum Done {
        /// Something was done.
        It = 0x4001 [ControlSystem, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// With what.
            public with: Count,
        },
    }
}

macro_rules! records {
    ($($permission:ident)*) => { $(
        impl Permission for $permission {
            type Args = u32;

            fn event(with: &u32, by: PrincipalId) -> impl Event {
                Done::It { by, with: Count::new(*with) }
            }
        }
    )* };
}
records! { Rate Limit Stop People Settings Log Repair }

/// Keeps ids and outcomes of what is recorded; fails on demand.
#[derive(Default)]
struct Book {
    ids: Vec<(u16, Outcome)>,
    error: Option<RecordError>,
}

impl Recorder for Book {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        match self.error {
            Some(error) => Err(error),
            None => {
                self.ids.push((event.id(), event.outcome()));
                Ok(())
            }
        }
    }
}

const NURSE: PrincipalId = PrincipalId::new([1; 8]);
const OTHER: PrincipalId = PrincipalId::new([2; 8]);

fn authority() -> Authority {
    Authority::take(&mut Random::new(<Noise>::good(1))).unwrap()
}

fn all_classes() -> Classes {
    Class::ALL.into_iter().fold(Classes::NONE, Classes::with)
}

/// A nurse at the device, with a password.
fn facts() -> Facts {
    Facts {
        by: NURSE,
        role: WardRole::Nurse.number(),
        factors: Factors::KNOWLEDGE,
        present: false,
        interface: Interface::Local,
        classes: all_classes(),
        approver: None,
    }
}

fn at(ms: u64) -> Ticks {
    Ticks::from_millis(ms)
}

#[test]
fn what_is_granted_was_recorded_and_comes_out_once() {
    let (mut authority, mut book) = (authority(), Book::default());
    let grant: Grant<Rate> = authority.grant(&facts(), 42, &mut book, at(10)).unwrap();
    assert_eq!(book.ids, [(0x4001, Outcome::Success)]);
    assert_eq!(grant.by(), NURSE);
    assert_eq!(grant.exercise(at(10)), Ok(42));
    assert!(!authority.is_unrecorded());
}

#[test]
fn a_grant_ends() {
    let (mut authority, mut book) = (authority(), Book::default());
    for (used, expected) in [
        (1_000, Ok(1)),
        (1_100, Ok(1)),
        (1_101, Err(Expired)),
        (u64::MAX, Err(Expired)),
        (999, Err(Expired)),
        (0, Err(Expired)),
    ] {
        let grant: Grant<Rate> = authority.grant(&facts(), 1, &mut book, at(1_000)).unwrap();
        assert_eq!(grant.exercise(at(used)), expected, "{used}");
    }
}

#[test]
fn without_a_record_only_what_is_essential_is_granted() {
    for error in
        [RecordError::Full, RecordError::NotReady, RecordError::TooLong, RecordError::Fault]
    {
        let mut authority = authority();
        let mut book = Book { error: Some(error), ..Book::default() };
        let present = Facts { present: true, role: WardRole::Clinician.number(), ..facts() };
        let refused = authority.grant::<Limit, _>(&present, 1, &mut book, at(0)).map(|_| ());
        assert_eq!(refused, Err(Denied::NotRecorded(error)));
        assert!(!authority.is_unrecorded());
        let grant = authority.grant::<Rate, _>(&present, 1, &mut book, at(0)).unwrap();
        assert_eq!(grant.exercise(at(0)), Ok(1));
        assert!(authority.is_unrecorded());
    }
}

#[test]
fn nothing_that_is_denied_is_recorded() {
    let (mut authority, mut book) = (authority(), Book::default());
    let denied = authority.grant::<Log, _>(&facts(), 1, &mut book, at(0)).map(|_| ());
    assert_eq!(denied, Err(Denied::Role));
    assert!(book.ids.is_empty());
}

#[test]
fn there_is_one_authority() {
    let mut random = Random::new(<Noise>::good(1));
    assert!(Authority::take(&mut random).is_some());
    assert!(Authority::take(&mut random).is_none());
}

#[test]
fn in_an_emergency_clinical_things_are_granted_without_a_credential_or_a_record() {
    let mut authority = authority();
    let mut book = Book { error: Some(RecordError::Fault), ..Book::default() };
    let nobody = PrincipalId::new([9; 8]);
    let grant =
        authority.grant_in_emergency::<Rate, _>(nobody, (true, true), 7, &mut book, at(5)).unwrap();
    assert_eq!(grant.exercise(at(5)), Ok(7));
    assert!(authority.is_unrecorded());
    for (state, why) in [((false, true), Denied::Presence), ((true, false), Denied::Lifecycle)] {
        let refused =
            authority.grant_in_emergency::<Rate, _>(nobody, state, 7, &mut book, at(5)).map(|_| ());
        assert_eq!(refused, Err(why));
    }
}

/// A permission that says it is for emergencies, which its policy does not: the tables decide.
#[test]
fn a_marker_written_by_hand_opens_nothing() {
    enum Smuggled {}
    impl medsec_core::access::check::Declared for Smuggled {
        type Policy = Ward;
        const NUMBER: u8 = 2;
    }
    impl medsec_core::access::check::DeclaredInEmergency for Smuggled {}
    impl Permission for Smuggled {
        type Args = ();

        fn event((): &(), by: PrincipalId) -> impl Event {
            Done::It { by, with: Count::new(0) }
        }
    }
    let (mut authority, mut book) = (authority(), Book::default());
    let refused = authority
        .grant_in_emergency::<Smuggled, _>(NURSE, (true, true), (), &mut book, at(0))
        .map(|_| ());
    assert_eq!(refused, Err(Denied::Role));
    let refused = authority.grant::<Smuggled, _>(&facts(), (), &mut book, at(0)).map(|_| ());
    assert_eq!(refused, Err(Denied::Role));
}

/// What each role of `Ward` holds, written out from its declaration.
const HELD: [(u8, &[u8]); 6] =
    [(0, &[0]), (2, &[2, 9]), (3, &[0, 31]), (4, &[17]), (5, &[4]), (7, &[0, 1, 31])];

fn holds(role: u8, number: u8) -> bool {
    HELD.iter().any(|(holder, held)| *holder == role && held.contains(&number))
}

fn factor_sets() -> impl Iterator<Item = Factors> {
    (0..8_u8).map(|bits| {
        [Factors::KNOWLEDGE, Factors::ONE_TIME, Factors::TOKEN]
            .into_iter()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .fold(Factors::NONE, |set, (_, factor)| set.and(factor))
    })
}

/// The naive oracle: the sentences of the module's documentation, one after the other.
fn is_allowed(info: &PermissionInfo, facts: &Facts) -> bool {
    let has = |set: Factors, factor| set.has(factor);
    let two = |set: Factors| {
        has(set, Factors::KNOWLEDGE) && (has(set, Factors::ONE_TIME) || has(set, Factors::TOKEN))
    };
    if !holds(facts.role, info.number) {
        return false;
    }
    if !info.interfaces.has(facts.interface) || !facts.classes.has(info.class) {
        return false;
    }
    if facts.factors == Factors::NONE || (info.need == Need::TwoFactors && !two(facts.factors)) {
        return false;
    }
    let away = facts.interface != Interface::Local;
    if away && !(two(facts.factors) && has(facts.factors, Factors::TOKEN)) {
        return false;
    }
    if info.presence && !facts.present {
        return false;
    }
    if info.two_persons {
        let Some(second) = facts.approver else { return false };
        let away = second.interface != Interface::Local;
        let strong = two(second.factors) || (info.need == Need::OneFactor && !away);
        let shown = second.factors != Factors::NONE;
        let token = has(second.factors, Factors::TOKEN) || !away;
        let there = info.interfaces.has(second.interface);
        if second.by == facts.by || !holds(second.role, info.number) {
            return false;
        }
        if !strong || !shown || !token || !there {
            return false;
        }
    }
    true
}

fn approvers() -> Vec<Option<Approver>> {
    let mut all = vec![None];
    for by in [NURSE, OTHER] {
        for role in [0, 2, 7, 8] {
            for factors in factor_sets() {
                for interface in [Interface::Local, Interface::Remote] {
                    all.push(Some(Approver { by, role, factors, interface }));
                }
            }
        }
    }
    all
}

/// Goal: the decision is that of the sentences. Method: every role number, also of none; every permission; all sets of
/// classes, factors and interfaces; presence; approvers of every kind.
#[test]
#[expect(clippy::print_stdout, reason = "the count is evidence")]
fn every_decision_is_that_of_the_rules() {
    let approvers = approvers();
    let (mut decisions, mut allowed) = (0_u32, 0_u32);
    for info in Ward::PERMISSIONS {
        for role in 0..=8 {
            for interface in Interface::ALL {
                for bits in 0..16_u8 {
                    let classes = Class::ALL
                        .into_iter()
                        .enumerate()
                        .filter(|(at, _)| bits >> at & 1 == 1)
                        .fold(Classes::NONE, |set, (_, class)| set.with(class));
                    for factors in factor_sets() {
                        for present in [false, true] {
                            for approver in &approvers {
                                let approver = *approver;
                                let facts = Facts {
                                    by: NURSE,
                                    role,
                                    factors,
                                    present,
                                    interface,
                                    classes,
                                    approver,
                                };
                                let lacks = deficits::<Ward>(&facts, info.number);
                                assert_eq!(
                                    lacks == 0,
                                    is_allowed(info, &facts),
                                    "{info:?} {facts:?}"
                                );
                                assert_eq!(lacks == 0, Denied::of(lacks).is_none());
                                decisions += 1;
                                allowed += u32::from(lacks == 0);
                            }
                        }
                    }
                }
            }
        }
    }
    println!("access: {decisions} decisions, {allowed} allowed");
    assert!(decisions >= 6_000_000 && allowed > 1_000, "{decisions} {allowed}");
}

#[test]
fn fewer_factors_never_allow_more() {
    let mut pairs = 0;
    for info in Ward::PERMISSIONS {
        for role in 0..8 {
            for interface in Interface::ALL {
                for few in factor_sets() {
                    for many in factor_sets().filter(|many| many.has(few)) {
                        let with = |factors| {
                            let approver = Some(Approver {
                                by: OTHER,
                                role,
                                factors: few.and(many),
                                interface,
                            });
                            let facts = Facts {
                                role,
                                factors,
                                interface,
                                present: true,
                                approver,
                                ..facts()
                            };
                            deficits::<Ward>(&facts, info.number)
                        };
                        assert!(with(few) != 0 || with(many) == 0, "{info:?} {few:?} {many:?}");
                        pairs += 1;
                    }
                }
            }
        }
    }
    assert!(pairs >= 4_536, "{pairs}");
}

#[test]
fn numbers_that_nobody_has_are_denied() {
    let everything = Factors::KNOWLEDGE.and(Factors::ONE_TIME).and(Factors::TOKEN);
    let known: Vec<u8> = Ward::PERMISSIONS.iter().map(|info| info.number).collect();
    for number in (0..=255).filter(|number| !known.contains(number)) {
        for role in 0..=255 {
            let facts = Facts { role, factors: everything, present: true, ..facts() };
            assert_ne!(deficits::<Ward>(&facts, number), 0);
        }
    }
    for (number, rule) in Ward::RULES.iter().enumerate() {
        let is_known = known.iter().any(|known| usize::from(*known) == number);
        assert_eq!(*rule != Ward::RULES[30], is_known, "{number}");
    }
    assert_eq!((Ward::ALLOW.len(), Ward::RULES.len()), (ROLES_MAX, PERMISSIONS_MAX));
}

#[test]
fn the_tables_are_those_of_the_declaration() {
    for (role, held) in HELD {
        let bits = held.iter().fold(0, |sum, number| sum | 1_u32 << number);
        assert_eq!(Ward::ALLOW[usize::from(role)], bits, "{role}");
    }
    let by_number = |number: u8| Ward::ROLES.iter().find(|info| info.number == number).unwrap();
    assert_eq!(by_number(2).assigns, 0b10_1001);
    assert_eq!(Ward::ROLES.iter().filter(|info| info.assigns != 0).count(), 1);
    assert_eq!(WardRole::of(5), Some(WardRole::Auditor));
    assert_eq!(WardRole::of(6), None);
    assert_eq!(WardRole::ALL.len(), 6);
    assert_eq!(Ward::GRANT_MS, 100);
}
