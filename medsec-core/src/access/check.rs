//! What the expansion of [`crate::policy!`] uses.

use crate::access::decision::Interface;
use crate::access::policy::{
    Class, Need, PERMISSIONS_MAX, PermissionInfo, Policy, ROLES_MAX, RoleInfo, Rule,
};

/// That a type is a permission of a policy. It says nothing of what the permission asks for: the policy's tables do.
pub trait Declared {
    /// Whose permission it is.
    type Policy: Policy;
    /// Its number there.
    const NUMBER: u8;
}

/// That a permission was declared with the word `emergency`. The policy's tables are asked all the same.
pub trait DeclaredInEmergency: Declared {}

impl<P: crate::access::Permission + DeclaredInEmergency> crate::access::InEmergency for P {}

/// What a policy says of one role.
#[derive(Clone, Copy, Debug)]
pub struct RoleRow {
    /// Its number.
    pub number: u8,
    /// The roles that it includes, one bit each.
    pub includes: u8,
    /// What it holds by itself.
    pub holds: u32,
}

/// The bit of a number; none of a number that is too high.
#[must_use]
pub const fn bit(number: u8) -> u32 {
    match 1_u32.checked_shl(u32::from_le_bytes([number, 0, 0, 0])) {
        Some(bit) => bit,
        None => 0,
    }
}

/// The bits of all of `numbers`.
#[must_use]
pub const fn bits(numbers: &[u8]) -> u32 {
    let mut sum = 0;
    let mut rest = numbers;
    while let [number, others @ ..] = rest {
        sum |= bit(*number);
        rest = others;
    }
    sum
}

/// The bits of all of `roles`.
#[must_use]
pub const fn role_bits(roles: &[u8]) -> u8 {
    bits(roles).to_le_bytes()[0]
}

/// The roles that `role` includes on any way; also itself, if it does.
const fn included(rows: &[RoleRow], role: u8) -> u8 {
    let mut reached = 0;
    let mut from = role_bits(&[role]);
    let mut round = 0;
    while round < ROLES_MAX {
        let mut rest = rows;
        while let [row, others @ ..] = rest {
            if from & role_bits(&[row.number]) != 0 {
                reached |= row.includes;
            }
            rest = others;
        }
        from |= reached;
        round = round.saturating_add(1);
    }
    reached
}

/// Whether `role` includes itself on some way.
#[must_use]
pub const fn includes_itself(rows: &[RoleRow], role: u8) -> bool {
    included(rows, role) & role_bits(&[role]) != 0
}

/// All that `role` holds, with what it includes.
#[must_use]
pub const fn held(rows: &[RoleRow], role: u8) -> u32 {
    let roles = included(rows, role) | role_bits(&[role]);
    let mut sum = 0;
    let mut rest = rows;
    while let [row, others @ ..] = rest {
        if roles & role_bits(&[row.number]) != 0 {
            sum |= row.holds;
        }
        rest = others;
    }
    sum
}

/// What each role holds, by its number.
#[must_use]
pub const fn allow(rows: &[RoleRow]) -> [u32; ROLES_MAX] {
    [
        held(rows, 0),
        held(rows, 1),
        held(rows, 2),
        held(rows, 3),
        held(rows, 4),
        held(rows, 5),
        held(rows, 6),
        held(rows, 7),
    ]
}

const fn find(permissions: &[PermissionInfo], number: u8) -> Option<PermissionInfo> {
    let mut rest = permissions;
    while let [info, others @ ..] = rest {
        if info.number == number {
            return Some(*info);
        }
        rest = others;
    }
    None
}

/// What each permission asks for, by its number.
#[must_use]
pub const fn rules(permissions: &[PermissionInfo]) -> [Rule; PERMISSIONS_MAX] {
    let mut rules = [Rule::NONE; PERMISSIONS_MAX];
    let mut rest: &mut [Rule] = &mut rules;
    let mut number = 0_u8;
    while let [slot, others @ ..] = rest {
        if let Some(info) = find(permissions, number) {
            *slot = Rule::of(&info);
        }
        number = number.saturating_add(1);
        rest = others;
    }
    rules
}

/// Whether the numbers are below `limit` and none is there twice.
#[must_use]
pub const fn numbers_are_good(numbers: &[u8], limit: u8) -> bool {
    let mut rest = numbers;
    let mut seen = 0;
    while let [number, others @ ..] = rest {
        let bit = bit(*number);
        if *number >= limit || seen & bit != 0 {
            return false;
        }
        seen |= bit;
        rest = others;
    }
    true
}

/// Whether some role holds the permission.
#[must_use]
pub const fn is_held(rows: &[RoleRow], permission: u8) -> bool {
    let mut rest = rows;
    while let [row, others @ ..] = rest {
        if row.holds & bit(permission) != 0 {
            return true;
        }
        rest = others;
    }
    false
}

/// Whether what `role` holds keeps the two apart, and they are two.
#[must_use]
pub const fn keeps_apart(rows: &[RoleRow], role: u8, one: u8, other: u8) -> bool {
    let both = bit(one) | bit(other);
    one != other && held(rows, role) & both != both
}

/// Rule 5: what needs no credential or no record is clinical, and done at the device.
#[must_use]
pub const fn words_suit(permissions: &[PermissionInfo], number: u8) -> bool {
    let Some(info) = find(permissions, number) else {
        return false;
    };
    let clinical = matches!(info.class, Class::Clinical);
    let local = info.interfaces.has(Interface::Local);
    (!info.emergency || (clinical && local)) && (!info.essential || clinical)
}

/// Rule 6, for one permission.
#[must_use]
pub const fn people_suit(permissions: &[PermissionInfo], number: u8) -> bool {
    let Some(info) = find(permissions, number) else {
        return false;
    };
    !info.people
        || (matches!(info.class, Class::Administration) && matches!(info.need, Need::TwoFactors))
}

/// Rule 6, for the policy.
#[must_use]
pub const fn manages_people(permissions: &[PermissionInfo]) -> bool {
    people(permissions) != 0
}

const fn people(permissions: &[PermissionInfo]) -> u32 {
    let mut sum = 0;
    let mut rest = permissions;
    while let [info, others @ ..] = rest {
        if info.people {
            sum |= bit(info.number);
        }
        rest = others;
    }
    sum
}

const fn evidence(permissions: &[PermissionInfo]) -> u32 {
    let mut sum = 0;
    let mut rest = permissions;
    while let [info, others @ ..] = rest {
        if matches!(info.class, Class::Evidence) {
            sum |= bit(info.number);
        }
        rest = others;
    }
    sum
}

/// Rule 7: who manages people reads no evidence.
#[must_use]
pub const fn enrols_or_audits(permissions: &[PermissionInfo], rows: &[RoleRow], role: u8) -> bool {
    let held = held(rows, role);
    held & people(permissions) == 0 || held & evidence(permissions) == 0
}

/// Rule 7: who manages people assigns roles, and nobody else does.
#[must_use]
pub const fn assigns_suit(
    permissions: &[PermissionInfo],
    roles: &[RoleInfo],
    rows: &[RoleRow],
    role: u8,
) -> bool {
    let manages = held(rows, role) & people(permissions) != 0;
    let mut rest = roles;
    while let [info, others @ ..] = rest {
        if info.number == role && manages == (info.assigns == 0) {
            return false;
        }
        rest = others;
    }
    true
}

/// Whether a grant can be used, and not for long.
#[must_use]
pub const fn grants_end(ms: u32) -> bool {
    ms > 0 && ms <= crate::access::grant::GRANT_MS_MAX
}
