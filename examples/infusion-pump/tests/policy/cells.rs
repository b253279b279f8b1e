//! The cells of the table: who, what, when, from where, with what, whether somebody is there, and who else approves.

use medsec::auth::authenticator::classes;
use medsec::core::access::{Approver, Factors, Facts, Interface};
use medsec::core::event::PrincipalId;
use medsec::core::lifecycle::{Lifecycle, State};

/// Names of the roles, then of one that there is not, which is the last number or that of a session in which nothing is permitted.
pub(crate) const ROLES: [(&str, u8); 7] = [
    ("Nurse", 0),
    ("Clinician", 1),
    ("Administrator", 2),
    ("Auditor", 3),
    ("Technician", 4),
    ("Nobody", 7),
    ("Nobody", u8::MAX),
];
/// Of whom a second person may be: every role, and none.
const SECONDS: usize = 6;

pub(crate) const PERMISSIONS: [&str; 6] =
    ["ChangeRate", "AssignPatient", "ManagePeople", "ExportLog", "ReviewEmergency", "Calibrate"];

/// Words of the states, as the documentation of the module has them; the last is no state's.
const LIVES: [(&str, u32, Option<State>); 8] = [
    ("Blank", 0xcd3a_2972, Some(State::Blank)),
    ("Provisioning", 0x9ce3_6cc1, Some(State::Provisioning)),
    ("AwaitClaim", 0xf580_c5bc, Some(State::AwaitClaim)),
    ("InService", 0xf02e_daa2, Some(State::InService)),
    ("Maintenance", 0x35ac_265b, Some(State::Maintenance)),
    ("Sanitizing", 0x8511_de9b, Some(State::Sanitizing)),
    ("Decommissioned", 0xaa27_85ce, Some(State::Decommissioned)),
    ("Unreadable", 0xffff_ffff, None),
];

pub(crate) const FROM: [(&str, Interface); 3] =
    [("Local", Interface::Local), ("Remote", Interface::Remote), ("Service", Interface::Service)];

/// Sets of factors, by their bits.
pub(crate) const SHOWN: [&str; 8] = [
    "none",
    "Password",
    "Code",
    "Password+Code",
    "Token",
    "Password+Token",
    "Code+Token",
    "Password+Code+Token",
];

pub(crate) const PRESENT: [&str; 2] = ["absent", "present"];

/// The names of the parts of life.
pub(crate) fn lives() -> Vec<&'static str> {
    LIVES.iter().map(|life| life.0).collect()
}

/// The part of life with this place.
pub(crate) fn life(place: usize) -> Lifecycle {
    let (_, word, state) = LIVES[place];
    let life = Lifecycle::of(word);
    assert_eq!(life.state().ok(), state);
    life
}

/// Who else approves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Second {
    pub(crate) is_himself: bool,
    pub(crate) role: usize,
    pub(crate) from: usize,
    pub(crate) shown: usize,
}

/// One cell; all but presence are places in the lists above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cell {
    pub(crate) role: usize,
    pub(crate) permission: usize,
    pub(crate) life: usize,
    pub(crate) from: usize,
    pub(crate) shown: usize,
    pub(crate) present: bool,
    pub(crate) second: Option<Second>,
}

const SECOND_PERSONS: usize = 1 + 2 * SECONDS * FROM.len() * SHOWN.len();

/// How many cells there are.
pub(crate) const CELLS: usize = ROLES.len()
    * PERMISSIONS.len()
    * LIVES.len()
    * FROM.len()
    * SHOWN.len()
    * PRESENT.len()
    * SECOND_PERSONS;

/// All cells; those without a second person first.
pub(crate) fn all() -> impl Iterator<Item = Cell> {
    let roles = || 0..ROLES.len();
    seconds().flat_map(move |second| {
        roles().flat_map(move |role| {
            (0..PERMISSIONS.len()).flat_map(move |permission| {
                (0..LIVES.len()).flat_map(move |life| {
                    (0..FROM.len()).flat_map(move |from| {
                        (0..2 * SHOWN.len()).map(move |both| Cell {
                            role,
                            permission,
                            life,
                            from,
                            shown: both / 2,
                            present: both % 2 == 1,
                            second,
                        })
                    })
                })
            })
        })
    })
}

/// No second person, then every one.
fn seconds() -> impl Iterator<Item = Option<Second>> {
    let second = |number: usize| Second {
        shown: number % SHOWN.len(),
        from: number / SHOWN.len() % FROM.len(),
        role: number / (SHOWN.len() * FROM.len()) % SECONDS,
        is_himself: number >= SHOWN.len() * FROM.len() * SECONDS,
    };
    core::iter::once(None).chain((0..SECOND_PERSONS - 1).map(second).map(Some))
}

const FIRST: PrincipalId = PrincipalId::new([1; 8]);
const OTHER: PrincipalId = PrincipalId::new([2; 8]);

fn factors(set: usize) -> Factors {
    [Factors::KNOWLEDGE, Factors::ONE_TIME, Factors::TOKEN]
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| set >> bit & 1 == 1)
        .fold(Factors::NONE, |set, (_, factor)| set.and(factor))
}

impl Cell {
    /// What the product is asked with.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            by: FIRST,
            role: ROLES[self.role].1,
            factors: factors(self.shown),
            present: self.present,
            interface: FROM[self.from].1,
            classes: classes(life(self.life)),
            approver: self.second.map(|second| Approver {
                by: if second.is_himself { FIRST } else { OTHER },
                role: ROLES[second.role].1,
                factors: factors(second.shown),
                interface: FROM[second.from].1,
            }),
        }
    }
}
