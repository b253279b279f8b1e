//! What a policy is, and the macro that declares one.

use crate::access::check::Declared;
use crate::access::decision::Interfaces;
use crate::event::{Event, PrincipalId};

/// Most roles of a policy.
pub const ROLES_MAX: usize = 8;

/// Most permissions of a policy.
pub const PERMISSIONS_MAX: usize = 32;

/// What kind of act a permission is for: it decides in which parts of the device's life it can be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Class {
    /// Treatment.
    Clinical,
    /// People, settings, security.
    Administration,
    /// Service and repair.
    Maintenance,
    /// The log, and what is exported for others to judge.
    Evidence,
}

impl Class {
    /// All of them, in the order of their bits.
    pub const ALL: [Self; 4] =
        [Self::Clinical, Self::Administration, Self::Maintenance, Self::Evidence];

    pub(super) const fn bit(self) -> u8 {
        match self {
            Self::Clinical => 1,
            Self::Administration => 2,
            Self::Maintenance => 4,
            Self::Evidence => 8,
        }
    }
}

/// How many factors a permission needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Need {
    /// Any.
    OneFactor,
    /// A secret that is known, and a thing that is had.
    TwoFactors,
}

/// A role, for those who print or check a policy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RoleInfo {
    /// Its number, for ever.
    pub number: u8,
    /// Its name in the source.
    pub name: &'static str,
    /// The roles that it gives to people, one bit each.
    pub assigns: u8,
}

impl RoleInfo {
    /// One line of a table. Called by [`crate::policy!`].
    #[must_use]
    pub const fn new(number: u8, name: &'static str, assigns: u8) -> Self {
        Self { number, name, assigns }
    }
}

/// A permission, for those who decide, print or check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "words of a declaration, each by itself")]
pub struct PermissionInfo {
    /// Its number, for ever.
    pub number: u8,
    /// Its name in the source.
    pub name: &'static str,
    /// What it is for.
    pub class: Class,
    /// How many factors it needs at the device.
    pub need: Need,
    /// From where it can be used.
    pub interfaces: Interfaces,
    /// Also in an emergency, without a credential.
    pub emergency: bool,
    /// Also if it cannot be recorded.
    pub essential: bool,
    /// Somebody has to be there.
    pub presence: bool,
    /// A second person with this permission has to approve.
    pub two_persons: bool,
    /// Makes people known to the device, and gives them roles.
    pub people: bool,
}

impl PermissionInfo {
    /// A permission without any of the words. Called by [`crate::policy!`].
    #[must_use]
    pub const fn new(
        number: u8,
        name: &'static str,
        class: Class,
        need: Need,
        interfaces: Interfaces,
    ) -> Self {
        Self {
            number,
            name,
            class,
            need,
            interfaces,
            emergency: false,
            essential: false,
            presence: false,
            two_persons: false,
            people: false,
        }
    }

    /// Also in an emergency.
    #[must_use]
    pub const fn emergency(mut self) -> Self {
        self.emergency = true;
        self
    }

    /// Also if it cannot be recorded.
    #[must_use]
    pub const fn essential(mut self) -> Self {
        self.essential = true;
        self
    }

    /// Somebody has to be there.
    #[must_use]
    pub const fn presence(mut self) -> Self {
        self.presence = true;
        self
    }

    /// A second person has to approve.
    #[must_use]
    pub const fn two_persons(mut self) -> Self {
        self.two_persons = true;
        self
    }

    /// Makes people known.
    #[must_use]
    pub const fn people(mut self) -> Self {
        self.people = true;
        self
    }
}

/// A maker's policy: tables that cannot change while the device runs. Declared with [`crate::policy!`].
pub trait Policy {
    /// The roles, in the order of their declaration.
    const ROLES: &'static [RoleInfo];
    /// The permissions, in the order of their declaration.
    const PERMISSIONS: &'static [PermissionInfo];
    /// What each role holds, by its number: one bit for each permission.
    const ALLOW: [u32; ROLES_MAX];
    /// What each permission asks for, by its number.
    const RULES: [Rule; PERMISSIONS_MAX];
    /// How long a grant can be used, in milliseconds: 250 unless the policy says otherwise.
    const GRANT_MS: u32 = 250;
}

/// One kind of act that a policy knows, as a type. Declared with [`crate::policy!`]; the maker says what is recorded of it.
///
/// A permission belongs to one policy, so that no other one can make a grant for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no permission that can be granted",
    label = "not declared in a policy, or nobody said what is recorded of it",
    note = "declare it with `policy!`, then implement `Permission` for it"
)]
pub trait Permission: Declared {
    /// What it is done with. A driver gets it from the grant and from nowhere else.
    type Args;

    /// What is recorded before it is done. `by` is who does it.
    fn event(args: &Self::Args, by: PrincipalId) -> impl Event;
}

/// A permission that is also granted in an emergency. Implemented by [`crate::policy!`] for those with the word `emergency`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not granted in an emergency",
    label = "its declaration in `policy!` lacks the word `emergency`"
)]
pub trait InEmergency: Permission {}

/// What a permission asks for, in one word, as the decision reads it. No number has the word 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule(u32);

impl Rule {
    /// Of a number that no permission has: nothing is enough for it.
    pub(super) const NONE: Self = Self(0);

    pub(super) const TWO_FACTORS: u32 = 0x0100;
    pub(super) const EMERGENCY: u32 = 0x0200;
    pub(super) const ESSENTIAL: u32 = 0x0400;
    pub(super) const PRESENCE: u32 = 0x0800;
    pub(super) const TWO_PERSONS: u32 = 0x1000;
    const EXISTS: u32 = 0x8000;

    pub(super) const fn of(info: &PermissionInfo) -> Self {
        let mut word = Self::EXISTS
            | u32::from_le_bytes([info.class.bit() | info.interfaces.bits() << 4, 0, 0, 0]);
        let words = [
            (matches!(info.need, Need::TwoFactors), Self::TWO_FACTORS),
            (info.emergency, Self::EMERGENCY),
            (info.essential, Self::ESSENTIAL),
            (info.presence, Self::PRESENCE),
            (info.two_persons, Self::TWO_PERSONS),
        ];
        let mut rest: &[(bool, u32)] = &words;
        while let [(said, bit), others @ ..] = rest {
            if *said {
                word |= *bit;
            }
            rest = others;
        }
        Self(word)
    }

    /// Whether the permission was declared with this word.
    pub(super) const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    pub(super) const fn exists(self) -> bool {
        self.has(Self::EXISTS)
    }

    pub(super) const fn class(self) -> u8 {
        self.0.to_le_bytes()[0] & 0x0f
    }

    pub(super) const fn interfaces(self) -> u8 {
        self.0.to_le_bytes()[0] >> 4
    }
}
