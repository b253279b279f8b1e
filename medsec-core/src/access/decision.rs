//! What a decision looks at, and what is missing for it.

use crate::access::check;
use crate::access::policy::{Class, PERMISSIONS_MAX, Policy, ROLES_MAX, Rule};
use crate::event::{PrincipalId, RecordError};

/// From where somebody acts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Interface {
    /// At the device: its keys, its screen.
    Local,
    /// Over a link.
    Remote,
    /// At a port for service.
    Service,
}

impl Interface {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 3] = [Self::Local, Self::Remote, Self::Service];

    const fn bit(self) -> u8 {
        match self {
            Self::Local => 1,
            Self::Remote => 2,
            Self::Service => 4,
        }
    }
}

/// A set of interfaces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interfaces(u8);

impl Interfaces {
    /// None.
    pub const NONE: Self = Self(0);

    /// These and `interface`.
    #[must_use]
    pub const fn with(self, interface: Interface) -> Self {
        Self(self.0 | interface.bit())
    }

    /// Whether `interface` is one of them.
    #[must_use]
    pub const fn has(self, interface: Interface) -> bool {
        self.0 & interface.bit() != 0
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }
}

/// The factors with which somebody has shown who he is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Factors(u8);

impl Factors {
    /// None.
    pub const NONE: Self = Self(0);
    /// A secret that is known: a password, a PIN.
    pub const KNOWLEDGE: Self = Self(1);
    /// A code that is good once.
    pub const ONE_TIME: Self = Self(2);
    /// A token that has signed what the device asked.
    pub const TOKEN: Self = Self(4);

    /// These and those.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are among these.
    #[must_use]
    pub const fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Whether there is a secret that is known and a thing that is had. Two things are not enough: who takes one bag has
    /// both.
    #[must_use]
    pub const fn are_two(self) -> bool {
        self.has(Self::KNOWLEDGE) && self.0 & (Self::ONE_TIME.0 | Self::TOKEN.0) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The classes of permissions that can be used in the present part of the device's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Classes(u8);

impl Classes {
    /// None.
    pub const NONE: Self = Self(0);

    /// These and `class`.
    #[must_use]
    pub const fn with(self, class: Class) -> Self {
        Self(self.0 | class.bit())
    }

    /// Whether `class` is one of them.
    #[must_use]
    pub const fn has(self, class: Class) -> bool {
        self.0 & class.bit() != 0
    }
}

/// A second person who approves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Approver {
    /// Who it is.
    pub by: PrincipalId,
    /// The number of the role in which he approves.
    pub role: u8,
    /// How he has shown who he is.
    pub factors: Factors,
    /// From where he approves.
    pub interface: Interface,
}

/// All that a decision looks at, beside the policy.
///
/// # Trust
/// Whoever holds the [`Authority`](super::Authority) answers for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Who acts.
    pub by: PrincipalId,
    /// The number of the role of his session.
    pub role: u8,
    /// How he has shown who he is.
    pub factors: Factors,
    /// Somebody is at the device.
    pub present: bool,
    /// From where he acts.
    pub interface: Interface,
    /// What can be done in this part of the device's life.
    pub classes: Classes,
    /// Who else approves.
    pub approver: Option<Approver>,
}

/// Why something is not permitted. The reason is for the log; who asked is told that it is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Denied {
    /// The role does not hold the permission.
    Role,
    /// Not in this part of the device's life.
    Lifecycle,
    /// Not from there.
    Interface,
    /// Another factor is needed.
    Factor,
    /// Somebody has to be at the device.
    Presence,
    /// A second person has to approve.
    SecondPerson,
    /// It could not be recorded.
    NotRecorded(RecordError),
}

impl Denied {
    const ROLE: u32 = 1;
    const LIFECYCLE: u32 = 2;
    const INTERFACE: u32 = 4;
    const FACTOR: u32 = 8;
    const PRESENCE: u32 = 16;
    const SECOND_PERSON: u32 = 32;

    /// The first of `deficits`, if there is one. What is missing first is what more factors cannot mend.
    #[must_use]
    pub const fn of(deficits: u32) -> Option<Self> {
        Some(if deficits == 0 {
            return None;
        } else if deficits & Self::LIFECYCLE != 0 {
            Self::Lifecycle
        } else if deficits & Self::INTERFACE != 0 {
            Self::Interface
        } else if deficits & Self::FACTOR != 0 && deficits & Self::ROLE == 0 {
            Self::Factor
        } else if deficits & Self::PRESENCE != 0 && deficits & Self::ROLE == 0 {
            Self::Presence
        } else if deficits & Self::SECOND_PERSON != 0 && deficits & Self::ROLE == 0 {
            Self::SecondPerson
        } else {
            Self::Role
        })
    }
}

impl core::fmt::Display for Denied {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotRecorded(error) => return error.fmt(f),
            Self::Role => "role does not hold the permission",
            Self::Lifecycle => "not in this part of the device's life",
            Self::Interface => "not from this interface",
            Self::Factor => "another factor is needed",
            Self::Presence => "somebody has to be at the device",
            Self::SecondPerson => "a second person has to approve",
        })
    }
}

impl core::error::Error for Denied {}

/// What `facts` lack for the permission with this number, one bit each; 0 if nothing.
///
/// # Limits
/// No RAM, no loop. [`Denied::of`] names the first.
#[must_use]
pub fn deficits<P: Policy>(facts: &Facts, number: u8) -> u32 {
    let rule = rule_of::<P>(number);
    let if_not = |has: bool, deficit: u32| if has { 0 } else { deficit };
    let enough = |factors: Factors, interface: Interface| {
        let two = factors.are_two() || !rule.has(Rule::TWO_FACTORS);
        if interface == Interface::Local {
            two && !factors.is_empty()
        } else {
            factors.are_two() && factors.has(Factors::TOKEN)
        }
    };
    let is_approved = facts.approver.as_ref().is_some_and(|approver| {
        approver.by != facts.by
            && holds::<P>(approver.role, number)
            && rule.interfaces() & approver.interface.bit() != 0
            && enough(approver.factors, approver.interface)
    });
    if_not(rule.exists() && holds::<P>(facts.role, number), Denied::ROLE)
        | if_not(rule.interfaces() & facts.interface.bit() != 0, Denied::INTERFACE)
        | if_not(rule.class() & facts.classes.0 != 0, Denied::LIFECYCLE)
        | if_not(enough(facts.factors, facts.interface), Denied::FACTOR)
        | if_not(facts.present || !rule.has(Rule::PRESENCE), Denied::PRESENCE)
        | if_not(is_approved || !rule.has(Rule::TWO_PERSONS), Denied::SECOND_PERSON)
}

/// What an emergency lacks for the permission with this number: only what was declared for emergencies, with somebody at the
/// device, and where the device treats somebody.
pub(super) fn emergency_deficits<P: Policy>(present: bool, runs: bool, number: u8) -> u32 {
    let rule = rule_of::<P>(number);
    let if_not = |has: bool, deficit: u32| if has { 0 } else { deficit };
    if_not(rule.exists() && rule.has(Rule::EMERGENCY), Denied::ROLE)
        | if_not(rule.class() == Class::Clinical.bit(), Denied::ROLE)
        | if_not(runs, Denied::LIFECYCLE)
        | if_not(present, Denied::PRESENCE)
}

/// Whether the permission with this number may be used without a record.
pub(super) fn is_essential<P: Policy>(number: u8) -> bool {
    rule_of::<P>(number).has(Rule::ESSENTIAL)
}

fn rule_of<P: Policy>(number: u8) -> Rule {
    const { assert!(PERMISSIONS_MAX == 32) };
    P::RULES.get(usize::from(number)).copied().unwrap_or(Rule::NONE)
}

fn holds<P: Policy>(role: u8, number: u8) -> bool {
    const { assert!(ROLES_MAX == 8) };
    let held = P::ALLOW.get(usize::from(role)).copied().unwrap_or(0);
    held & check::bit(number) != 0
}
