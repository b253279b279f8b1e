//! Who may do what: a maker's policy, and the proof that something is permitted now.
//!
//! # Purpose
//! A maker declares roles, permissions and duties to keep apart once, with [`policy!`](crate::policy!); what contradicts the rules
//! below does not compile. A function that acts takes a [`Grant`], which only [`Authority`] makes, once it was recorded who
//! does what; its arguments come out of the grant, so that what is done is what was recorded.
//!
//! # Definitions
//! A *role* is what a person is to the device; a session has one. A *permission* is one kind of act. Its *class* says in
//! which parts of a device's life it can be used ([`Classes`]); its *need*, how many factors; its *interfaces*, from where.
//!
//! # Rules that each policy is checked for, where it is declared
//! 1. Numbers of roles are below 8, those of permissions below 32, and none is given twice.
//! 2. A role holds what it includes, and includes itself on no way.
//! 3. No role holds two permissions that are to be kept apart, also not by what it includes.
//! 4. Each permission is held by a role.
//! 5. What is allowed in an emergency, or without a record, is clinical. What is allowed in an emergency can be done at the device.
//! 6. A permission to manage people is administration and needs two factors; some role has one.
//! 7. Who manages people reads no evidence, so that nobody enrols and audits. It assigns roles, and nobody else does.
//!
//! # Rules of the decision
//! [`deficits`] is a function of the policy's tables and of [`Facts`]: nothing else enters. From afar and for service two factors
//! are needed, one of them a token, whatever the policy says. The two have to be of different kinds: a secret that is known,
//! and a thing that is had. Fewer factors never allow more.
//!
//! # Not claimed
//! A function that acts and takes no grant is not protected. A maker who builds a second random source can take a second
//! [`Authority`]. `unsafe` code can forge anything.
//!
//! # Source
//! INCITS 359 (roles, hierarchy, separation of duty; a person has one role, so that static separation between roles
//! holds by itself, and dynamic separation with it); IEC 62443-4-2 CR 2.1 and its RE 1, 2, 3 (supervisor override) and
//! RE 4 (dual approval); NIST SP 800-63B-4 (factors).

#[doc(hidden)]
pub mod check;
mod decision;
mod declare;
mod grant;
mod policy;

pub use decision::{Approver, Classes, Denied, Factors, Facts, Interface, Interfaces, deficits};
pub use grant::{Authority, Expired, GRANT_MS_MAX, Grant};
pub use policy::{
    Class, InEmergency, Need, PERMISSIONS_MAX, Permission, PermissionInfo, Policy, ROLES_MAX,
    RoleInfo, Rule,
};
