//! In which part of its life a device is, and what that forbids.
//!
//! # Purpose
//! A device is made, waits for an owner, serves, is maintained, passes to another owner, ends. Much that is right in one of these states is
//! an attack in another: a station in service, an administrator before there is an owner, clinical work while patients' data are being erased.
//! [`Lifecycle`] is what the device has read of its state, and says what that allows; what it does not say is forbidden. A state is left
//! through a [`Change`] that is asked for by name, and counts only once it was recorded and stored.
//!
//! This module reads and writes nothing. The caller keeps the word in a [`crate::flash::cell`], and hands in what he read.
//!
//! # States
//! | state | word | meaning | left to |
//! |---|---|---|---|
//! | [`State::Blank`] | `cd3a_2972` | firmware, nothing else | Provisioning |
//! | [`State::Provisioning`] | `9ce3_6cc1` | a station gives it keys and a certificate | AwaitClaim |
//! | [`State::AwaitClaim`] | `f580_c5bc` | complete; waits for an owner | InService, Sanitizing |
//! | [`State::InService`] | `f02e_daa2` | has an owner, and may have a patient | Maintenance, Sanitizing |
//! | [`State::Maintenance`] | `35ac_265b` | has an owner, and no patient | InService, Sanitizing |
//! | [`State::Sanitizing`] | `8511_de9b` | erases what its owner left | AwaitClaim, Decommissioned |
//! | [`State::Decommissioned`] | `aa27_85ce` | the end | – |
//!
//! Any other word, and none at all, is *unreadable*. An erased part is unreadable too, not blank: the image of the factory brings the word
//! of Blank with it ([`BLANK_WORD`]). So whoever erases the word of a device in service gains nothing by it.
//!
//! # Invariants
//! 1. Two words differ in at least [`DISTANCE_BITS_MIN`] bits, and agree in as many; so does each with `0000_0000`, with `ffff_ffff`, and with
//!    the words in the other order of bytes or of halves, its own among them. No bits that are programmed or lost alone lead from one state
//!    to another. The compiler checks it.
//! 2. What is unreadable forbids all but emergency access, which counts it as in service: a damaged word may stop an administrator, and no help.
//! 3. Nothing goes back but Maintenance to InService, and a sanitized device to AwaitClaim.
//! 4. None of this stops therapy that runs (invariant 1 of the architecture).
//!
//! # Source
//! States and their attestation: PSA Certified Attestation API, RFC 9783 section 4.3.1. Sanitizing: NIST SP 800-88.

mod change;

pub use change::{Change, ChangeError, NotStored, Recorded, Transition};

use crate::event::LifecycleState;
use crate::identity::certificate::Kind;
use crate::identity::trust::Stage;

/// Least number of bits in which the words of two states differ, and agree.
pub const DISTANCE_BITS_MIN: u32 = 12;

/// The word of [`State::Blank`], for the image that the factory programs.
pub const BLANK_WORD: u32 = State::Blank.word();

/// A part of a device's life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum State {
    /// It has firmware and nothing else: no key, no log, no name.
    Blank,
    /// A station gives it keys, a certificate and the code for its first owner.
    Provisioning,
    /// It is complete and waits for whoever has that code. There are no persons on it.
    AwaitClaim,
    /// It has an owner, and may have a patient.
    InService,
    /// It has an owner, and no patient: service may work on it.
    Maintenance,
    /// It erases what its owner left. Over boots as well, until it is done.
    Sanitizing,
    /// It is nobody's, holds no key, and stays so.
    Decommissioned,
}

impl State {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] = [
        Self::Blank,
        Self::Provisioning,
        Self::AwaitClaim,
        Self::InService,
        Self::Maintenance,
        Self::Sanitizing,
        Self::Decommissioned,
    ];

    /// The word that is stored for it. Outside it is given for a [`Recorded`] change only.
    const fn word(self) -> u32 {
        match self {
            Self::Blank => 0xcd3a_2972,
            Self::Provisioning => 0x9ce3_6cc1,
            Self::AwaitClaim => 0xf580_c5bc,
            Self::InService => 0xf02e_daa2,
            Self::Maintenance => 0x35ac_265b,
            Self::Sanitizing => 0x8511_de9b,
            Self::Decommissioned => 0xaa27_85ce,
        }
    }

    const fn of(word: u32) -> Option<Self> {
        let mut rest: &[Self] = &Self::ALL;
        while let Some((state, others)) = rest.split_first() {
            if state.word() == word {
                return Some(*state);
            }
            rest = others;
        }
        None
    }

    /// The functions it allows; it forbids the others.
    const fn allowed(self) -> u16 {
        match self {
            Self::Blank | Self::Provisioning => STATION | PROVISIONING,
            Self::AwaitClaim => CLAIM | LOCKED,
            Self::InService => IN_SERVICE,
            Self::Maintenance => {
                PERSON
                    | SERVICE
                    | ADMINISTRATION
                    | MAINTENANCE
                    | EVIDENCE
                    | EMERGENCY
                    | UPDATE
                    | PORTS
                    | DEBUG_PORTS
                    | LOCKED
            }
            Self::Sanitizing => SANITIZING | LOCKED,
            Self::Decommissioned => LOCKED,
        }
    }
}

const CLINICAL: u16 = 0x0001;
const ADMINISTRATION: u16 = 0x0002;
const MAINTENANCE: u16 = 0x0004;
const EVIDENCE: u16 = 0x0008;
const EMERGENCY: u16 = 0x0010;
const STATION: u16 = 0x0020;
const CLAIM: u16 = 0x0040;
const PERSON: u16 = 0x0080;
const SERVICE: u16 = 0x0100;
const DEVICE: u16 = 0x0200;
const PROVISIONING: u16 = 0x0400;
const UPDATE: u16 = 0x0800;
const SANITIZING: u16 = 0x1000;
const PORTS: u16 = 0x2000;
const DEBUG_PORTS: u16 = 0x4000;
/// Not a function, but a duty: the debug port is locked.
const LOCKED: u16 = 0x8000;

const IN_SERVICE: u16 = CLINICAL
    | ADMINISTRATION
    | EVIDENCE
    | EMERGENCY
    | PERSON
    | SERVICE
    | DEVICE
    | UPDATE
    | PORTS
    | LOCKED;
/// Of what is allowed in service, only what saves lives, and the duty.
const UNREADABLE: u16 = IN_SERVICE & (EMERGENCY | LOCKED);

const fn are_apart(one: u32, other: u32) -> bool {
    let differing = (one ^ other).count_ones();
    differing >= DISTANCE_BITS_MIN && differing <= u32::BITS.saturating_sub(DISTANCE_BITS_MIN)
}

const fn words_are_apart() -> bool {
    let mut rest: &[State] = &State::ALL;
    while let Some((state, others)) = rest.split_first() {
        if !are_apart(state.word(), 0) {
            return false;
        }
        let mut tail = others;
        while let Some((other, more)) = tail.split_first() {
            if !are_apart(state.word(), other.word()) {
                return false;
            }
            tail = more;
        }
        // The others have met this one already.
        let mut tail = rest;
        while let Some((other, more)) = tail.split_first() {
            let is_turned_apart = are_apart(state.word(), other.word().swap_bytes())
                && are_apart(state.word(), other.word().rotate_left(16));
            if !is_turned_apart {
                return false;
            }
            tail = more;
        }
        rest = others;
    }
    true
}

const _: () = assert!(words_are_apart(), "the words of two states are too close");

/// The stored word is that of no state, or there is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tamper;

impl core::fmt::Display for Tamper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("state of life cannot be read")
    }
}

impl core::error::Error for Tamper {}

/// What a device has read of its state, and what that allows.
///
/// # Trust
/// The word is as good as the store it comes from: a cell that authenticates its value keeps a thief of the flash from choosing
/// another state, not from putting back an older copy of all of the flash. Nor, in a cell that keeps its pages of before, from going back by one
/// state: whoever erases the page of the newest word makes the one before count, until what is stored later has taken that page too.
///
/// # Security
/// It says what a state allows, not to whom. All of the predicates are false for a state that cannot be read, but
/// [`Lifecycle::runs_emergency`] and [`Lifecycle::locks_debug`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifecycle(Option<State>);

impl Lifecycle {
    /// The state could not be read: no word, or a store that is not authentic.
    pub const UNREADABLE: Self = Self(None);

    /// The end, for who finds that it came.
    pub(crate) const DECOMMISSIONED: Self = Self(Some(State::Decommissioned));

    /// What a stored word means. One of no state is [`Lifecycle::UNREADABLE`], never the nearest.
    #[must_use]
    pub const fn of(word: u32) -> Self {
        Self(State::of(word))
    }

    /// The state.
    ///
    /// # Errors
    /// [`Tamper`]: it could not be read. It is recorded ([`crate::event::DeviceEvent::LifecycleUnreadable`]) and told the user; therapy goes on.
    pub fn state(self) -> Result<State, Tamper> {
        self.0.ok_or(Tamper)
    }

    /// The code that stands for it in records.
    #[must_use]
    pub const fn code(self) -> LifecycleState {
        match self.0 {
            Some(State::Blank) => LifecycleState::Blank,
            Some(State::Provisioning) => LifecycleState::Provisioning,
            Some(State::AwaitClaim) => LifecycleState::AwaitClaim,
            Some(State::InService) => LifecycleState::InService,
            Some(State::Maintenance) => LifecycleState::Maintenance,
            Some(State::Sanitizing) => LifecycleState::Sanitizing,
            Some(State::Decommissioned) => LifecycleState::Decommissioned,
            None => LifecycleState::Unreadable,
        }
    }

    /// The security lifecycle that an attestation claims (RFC 9783). `0x0000`, unknown, stands for what cannot be read.
    #[must_use]
    pub const fn psa(self) -> u16 {
        match self.0 {
            Some(State::Blank) => 0x1000,
            Some(State::Provisioning) => 0x2000,
            Some(State::AwaitClaim | State::InService) => 0x3000,
            Some(State::Maintenance) => 0x4000,
            Some(State::Sanitizing | State::Decommissioned) => 0x6000,
            None => 0x0000,
        }
    }

    /// As far as certificates go: those for tests, and stations, hold before the device waits for an owner and not after.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self.0 {
            Some(State::Blank | State::Provisioning) => Stage::Production,
            Some(
                State::AwaitClaim
                | State::InService
                | State::Maintenance
                | State::Sanitizing
                | State::Decommissioned,
            )
            | None => Stage::Service,
        }
    }

    const fn allows(self, function: u16) -> bool {
        let allowed = match self.0 {
            Some(state) => state.allowed(),
            None => UNREADABLE,
        };
        allowed & function != 0
    }

    /// Functions for a patient: a dose, a mode of therapy. Therapy that runs does not ask.
    #[must_use]
    pub const fn runs_clinical(self) -> bool {
        self.allows(CLINICAL)
    }

    /// Functions of the owner: persons, settings, recipients, entering and leaving maintenance.
    #[must_use]
    pub const fn runs_administration(self) -> bool {
        self.allows(ADMINISTRATION)
    }

    /// Functions of service: calibration, tests of outputs.
    #[must_use]
    pub const fn runs_maintenance(self) -> bool {
        self.allows(MAINTENANCE)
    }

    /// Reading and releasing the log.
    #[must_use]
    pub const fn runs_evidence(self) -> bool {
        self.allows(EVIDENCE)
    }

    /// Access in an emergency, without a credential. What cannot be read counts as in service here, and nowhere else.
    #[must_use]
    pub const fn runs_emergency(self) -> bool {
        self.allows(EMERGENCY)
    }

    /// What a station does: keys are made, the certificate and the code of the first owner are stored.
    #[must_use]
    pub const fn runs_provisioning(self) -> bool {
        self.allows(PROVISIONING)
    }

    /// Installing software. What the boot loader verifies at each start does not ask.
    #[must_use]
    pub const fn runs_update(self) -> bool {
        self.allows(UPDATE)
    }

    /// The steps that erase what an owner left.
    #[must_use]
    pub const fn runs_sanitizing(self) -> bool {
        self.allows(SANITIZING)
    }

    /// A link with a station.
    #[must_use]
    pub const fn takes_station(self) -> bool {
        self.allows(STATION)
    }

    /// A link with whoever knows the code of the first owner.
    #[must_use]
    pub const fn takes_claim(self) -> bool {
        self.allows(CLAIM)
    }

    /// A link with a person of the owner.
    #[must_use]
    pub const fn takes_person(self) -> bool {
        self.allows(PERSON)
    }

    /// A link with service of the maker.
    #[must_use]
    pub const fn takes_service(self) -> bool {
        self.allows(SERVICE)
    }

    /// A link with another device.
    #[must_use]
    pub const fn takes_device(self) -> bool {
        self.allows(DEVICE)
    }

    /// A link with a peer of this kind. Recipients and issuers are peers of no link.
    #[must_use]
    pub const fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::Device => self.takes_device(),
            Kind::Person => self.takes_person(),
            Kind::Service => self.takes_service(),
            Kind::Station => self.takes_station(),
            Kind::Recipient | Kind::Issuer => false,
        }
    }

    /// Opening local ports ([`crate::local_port`]), those that show the inside of the processor apart.
    #[must_use]
    pub const fn opens_ports(self) -> bool {
        self.allows(PORTS)
    }

    /// Opening local ports that show the inside of the processor.
    #[must_use]
    pub const fn opens_debug_ports(self) -> bool {
        self.allows(DEBUG_PORTS)
    }

    /// The debug port has to be locked at boot ([`crate::local_port::debug`]).
    #[must_use]
    pub const fn locks_debug(self) -> bool {
        self.allows(LOCKED)
    }
}
