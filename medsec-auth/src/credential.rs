//! Who may log in, and with what: up to sixteen people and their credentials, on flash.
//!
//! # Layout
//! One body of [`BODY_BYTES`] in a [cell of frames](medsec_core::flash::cell::body), kind [`CELL_KIND`], of fixed places: the
//! settings twice, the claim, then one record for each of [`PEOPLE`] slots, empty ones too. Each is sealed by itself
//! with [`AtRest`](medsec_core::key::AtRest). `docs/formats.md` §20 has every byte.
//!
//! # Rules
//! 1. A record opens only in its slot, as its kind and version, on its device, and only in the generation that the
//!    settings say: a record of before its last change does not open beside newer settings.
//! 2. A record is opened over the very bytes that were read, and nothing of it is used before that.
//! 3. A search opens every slot, whoever is asked for and whether he is there: one person more or less, or another
//!    slot, changes neither the order nor the number of operations.
//! 4. An id is made of four random bytes and the number of the enrolment, which only rises: no id is used twice. A role is for life: who gets
//!    another role is enrolled anew.
//! 5. A change takes effect as a whole when [`Store::step`] says [`Progress::Done`]; until then, and after an error, what
//!    is on flash may be either, and nobody can log in: [`Store::needs_settle`].
//! 6. Every change destroys what was before: the other frames are erased. Who takes the part does not find the
//!    credentials of people who were removed, nor verifiers of secrets that were changed.
//! 7. Of the roles that the caller names, the last person who can log in can neither be removed nor disabled, nor lose
//!    his last factor.
//!
//! # RAM
//! [`Store`] holds no record: a copy of all people would take 3 KiB of secrets for as long as the device runs. A
//! login reads one record after the other into a lent [`Search`], under 350 bytes, in 17 steps; a
//! change takes a lent [`Change`], under 700. Both are wiped on drop.
//!
//! # Damage
//! A bit that ages in a record costs the person of that record the login and nobody else; [`Search::unreadable`] says
//! which slots. Of the settings there are two. [`Store::is_whole`] says whether anything is damaged, and a change carries a damaged
//! record over as it is, until its slot is emptied by [`Change::clear`].
//!
//! # Limits
//! Who writes to the part can bring back a whole frame of the past, with all people as they were then; nothing on the part
//! tells. A monotonic counter outside of it would. What is equal is stored equal: who sees two images of one part sees which slots
//! changed, and which are empty if he saw them empty before.

mod change;
mod layout;
mod search;
mod store;

pub use self::change::{Change, ChangeError, Refusal};
pub use self::layout::BODY_BYTES;
pub use self::search::{Found, Search, Searching};
pub use self::store::{MountError, Store, StoreError};
pub use medsec_core::flash::cell::{FormatError, Progress};

use medsec_core::Secret;
use medsec_core::event::PrincipalId;

/// Slots of people.
pub const PEOPLE: usize = 16;

/// The kind of the cell that keeps them.
pub const CELL_KIND: u8 = 2;

/// Bytes of what is kept of a secret that a person knows.
pub const KNOWLEDGE_BYTES: usize = 56;
/// Bytes of what is kept of a generator of one-time passwords.
pub const ONE_TIME_BYTES: usize = 48;
/// Bytes of what is kept of a token.
pub const TOKEN_BYTES: usize = 48;

/// The place of a person in the store, below [`PEOPLE`]. It may be another person's after a removal: what is kept by slot
/// elsewhere is kept with the id.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(u8);

impl Slot {
    /// The slot `index`, if there is one.
    #[must_use]
    pub fn new(index: u8) -> Option<Self> {
        (usize::from(index) < PEOPLE).then_some(Self(index))
    }

    /// Its number, from 0.
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }
}

/// A role, as the policy of the device numbers it: below 32.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Role(u8);

impl Role {
    /// The role with this number, if a set can hold it.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number < 32 { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

/// A set of roles.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Roles(u32);

impl Roles {
    /// No role.
    pub const NONE: Self = Self(0);

    /// These, and `role`.
    #[must_use]
    pub fn with(self, role: Role) -> Self {
        Self(self.0 | 1_u32.checked_shl(u32::from(role.0)).unwrap_or(0))
    }

    /// Whether `role` is one of them.
    #[must_use]
    pub fn contains(self, role: Role) -> bool {
        self.0 & 1_u32.checked_shl(u32::from(role.0)).unwrap_or(0) != 0
    }
}

/// What is said of a person besides his role.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Flags(u8);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// The secret was set by another and has to be changed at the next login.
    pub const MUST_CHANGE: Self = Self(1);
    /// No login.
    pub const DISABLED: Self = Self(2);
    /// Login at the device only.
    pub const LOCAL_ONLY: Self = Self(4);
    /// Login from outside only.
    pub const REMOTE_ONLY: Self = Self(8);

    const KNOWN: u8 = 15;

    /// These and `other`.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Known flags that do not contradict each other.
    const fn parse(bits: u8) -> Option<Self> {
        let both = Self::LOCAL_ONLY.with(Self::REMOTE_ONLY);
        let flags = Self(bits);
        if bits & !Self::KNOWN != 0 || flags.contains(both) { None } else { Some(flags) }
    }
}

/// A person, as far as anyone but he himself needs to know him.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Principal {
    /// The id, made at the enrolment.
    pub id: PrincipalId,
    /// The role, for life.
    pub role: Role,
    /// What else is said of him.
    pub flags: Flags,
    /// The boot of the enrolment.
    pub created_boot: u32,
    /// The generation of the policy under which he was enrolled or last changed.
    pub policy_generation: u16,
}

/// What a person proves himself with. The bytes are those of the factors, and mean nothing here.
#[derive(Debug, Default)]
pub struct Credentials {
    /// A secret that he knows.
    pub knowledge: Option<Secret<KNOWLEDGE_BYTES>>,
    /// A generator of one-time passwords.
    pub one_time: Option<Secret<ONE_TIME_BYTES>>,
    /// A token.
    pub token: Option<Secret<TOKEN_BYTES>>,
}

impl Credentials {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.knowledge.is_none() && self.one_time.is_none() && self.token.is_none()
    }
}

/// How far the claim of the device has come, and what is kept of the code that claims it.
#[derive(Debug)]
pub struct Claim {
    /// As its owner numbers the states.
    pub state: u8,
    /// The claim that was begun.
    pub transaction: [u8; 16],
    /// Of the verifier.
    pub salt: [u8; 16],
    /// What is kept of the code.
    pub verifier: Secret<32>,
}

impl Claim {
    /// Nothing was begun, and there is no code.
    #[must_use]
    pub const fn none() -> Self {
        let (transaction, salt) = ([0; 16], [0; 16]);
        Self { state: 0, transaction, salt, verifier: Secret::new([0; 32]) }
    }
}
