//! What is asked of a whole table: that it is the expected one, and what has to be true of any.

use medsec::core::access::Interface;

use crate::cells::{self, Cell, FROM, PERMISSIONS, ROLES, life};
use crate::expected::{Expected, has};
use crate::judge::Judge;

/// What can be found.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Check {
    /// Each cell is as a line says, each line is about some cell.
    Cells,
    /// Each emergency is as a line says.
    Emergencies,
    /// Without a record nothing is granted but what a line says.
    Unrecorded,
    /// Each role gives the roles that a line says.
    Assigns,
    /// Fewer factors, of the first or the second person, never allow more.
    Fewer,
    /// What is allowed in an emergency is clinical, and nobody who manages, audits or repairs holds it.
    EmergencyApart,
    /// No role is allowed anything above its ceiling, and none gives a role that is.
    Ceiling,
    /// Nothing is allowed in a part of life that forbids it.
    Life,
    /// From afar and for service never less is needed than at the pump, and a secret and a token always.
    Elsewhere,
    /// Somebody's presence replaces no factor.
    Presence,
    /// What is to be kept apart is allowed to no role, in no cells.
    Apart,
    /// Nobody is his own second person, and there is no second person who could not do it himself.
    Second,
}

impl Check {
    pub(crate) const ALL: [Self; 12] = [
        Self::Cells,
        Self::Emergencies,
        Self::Unrecorded,
        Self::Assigns,
        Self::Fewer,
        Self::EmergencyApart,
        Self::Ceiling,
        Self::Life,
        Self::Elsewhere,
        Self::Presence,
        Self::Apart,
        Self::Second,
    ];

    /// How much was looked at.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn of(self, judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
        match self {
            Self::Cells => cells_are_expected(judge, expected),
            Self::Emergencies => emergencies_are_expected(judge, expected),
            Self::Unrecorded => unrecorded_is_expected(judge, expected),
            Self::Assigns => assigns_are_expected(judge, expected),
            Self::Fewer => fewer_never_allow_more(judge),
            Self::EmergencyApart => emergencies_are_apart(judge),
            Self::Ceiling => no_role_is_above(judge, expected),
            Self::Life => life_forbids(judge),
            Self::Elsewhere => elsewhere_needs_more(judge),
            Self::Presence => presence_is_no_factor(judge),
            Self::Apart => apart_stays_apart(judge, expected),
            Self::Second => the_second_is_another(judge),
        }
    }
}

fn fail<T>(what: &str, cell: &Cell) -> Result<T, String> {
    let (role, permission) = (ROLES[cell.role].0, PERMISSIONS[cell.permission]);
    Err(format!("{what}: {role}, {permission}: {cell:?}"))
}

fn cells_are_expected(judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
    let mut met = 0_u64;
    let mut allowed = 0;
    for cell in cells::all() {
        let allows = judge.allows(&cell, false);
        if expected.cell(&cell, &mut met)? != allows {
            return fail(if allows { "allowed" } else { "denied" }, &cell);
        }
        allowed += usize::from(allows);
    }
    emergency_cells().try_for_each(|asked| expected.emergency(asked, &mut met).map(|_| ()))?;
    if usize::try_from(met.count_ones()).ok() != Some(expected.count()) {
        return Err("a line is about no cell".to_owned());
    }
    Ok(allowed)
}

/// Permission, life, presence.
fn emergency_cells() -> impl Iterator<Item = (usize, usize, bool)> {
    let permissions = 0..PERMISSIONS.len();
    permissions.flat_map(|permission| {
        let lives = 0..cells::lives().len();
        lives.flat_map(move |life| [false, true].map(|present| (permission, life, present)))
    })
}

fn emergencies_are_expected(judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
    let mut met = 0_u64;
    let mut count = 0;
    for asked in emergency_cells() {
        if expected.emergency(asked, &mut met)? != judge.allows_in_emergency(asked) {
            return Err(format!("emergency: {} {asked:?}", PERMISSIONS[asked.0]));
        }
        count += 1;
    }
    Ok(count)
}

fn unrecorded_is_expected(judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
    let mut allowed = 0;
    for cell in cells::all() {
        if judge.allows(&cell, false) {
            allowed += 1;
            if judge.allows(&cell, true) != expected.unrecorded(cell.permission) {
                return fail("without a record", &cell);
            }
        }
    }
    Ok(allowed)
}

fn assigns_are_expected(judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
    let mut count = 0;
    for (place, (name, number)) in ROLES.iter().enumerate() {
        let given = expected.assigns.get(&place).copied().unwrap_or(0);
        for number_given in 0..8_u8 {
            let known = ROLES.iter().position(|role| role.1 == number_given);
            let is_expected = known.is_some_and(|known| has(given, known));
            let does = has(u32::from(judge.assigns(*number)), usize::from(number_given));
            if does != is_expected {
                return Err(format!("{name} gives role {number_given}: {does}"));
            }
            count += 1;
        }
    }
    Ok(count)
}

fn fewer_never_allow_more(judge: &mut dyn Judge) -> Result<usize, String> {
    let mut pairs = 0;
    for cell in cells::all() {
        if !judge.allows(&cell, false) {
            continue;
        }
        for bit in [1, 2, 4] {
            let second =
                cell.second.map(|second| cells::Second { shown: second.shown | bit, ..second });
            for more in [Cell { shown: cell.shown | bit, ..cell }, Cell { second, ..cell }] {
                if !judge.allows(&more, false) {
                    return fail("allowed with fewer factors only", &cell);
                }
                pairs += 1;
            }
        }
    }
    Ok(pairs)
}

/// Who may do a permission in some cell, one bit for each role. Asked with all factors: [`fewer_never_allow_more`].
fn holders(judge: &mut dyn Judge) -> [u32; PERMISSIONS.len()] {
    let mut holders = [0; PERMISSIONS.len()];
    let all = cells::SHOWN.len() - 1;
    let shows_all =
        |cell: &Cell| cell.shown == all && cell.second.is_none_or(|second| second.shown == all);
    for cell in cells::all().filter(shows_all) {
        let bit = 1 << cell.role;
        if holders[cell.permission] & bit == 0 && judge.allows(&cell, false) {
            holders[cell.permission] |= bit;
        }
    }
    holders
}

/// Those who treat, by their names: the first two roles.
const TREAT: u32 = 0b11;

fn emergencies_are_apart(judge: &mut dyn Judge) -> Result<usize, String> {
    let holders = holders(judge);
    let mut allowed = 0;
    for asked in emergency_cells() {
        if judge.allows_in_emergency(asked) {
            allowed += 1;
            if holders[asked.0] & !TREAT != 0 || holders[asked.0] == 0 {
                return Err(format!("{} in an emergency", PERMISSIONS[asked.0]));
            }
        }
    }
    Ok(allowed)
}

fn no_role_is_above(judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
    let mut looked = 0;
    for (permission, roles) in holders(judge).into_iter().enumerate() {
        for (place, ceiling) in &expected.ceilings {
            looked += 1;
            if has(roles, *place) && !has(*ceiling, permission) {
                return Err(format!("{} may {}", ROLES[*place].0, PERMISSIONS[permission]));
            }
        }
    }
    let gives_none = |number: u8| expected.ceilings.keys().all(|place| ROLES[*place].1 != number);
    let unknown = (0..8).filter(|number| gives_none(*number));
    let mut given =
        unknown.filter(|number| ROLES.iter().any(|role| judge.assigns(role.1) >> number & 1 == 1));
    given.next().map_or(Ok(looked), |number| Err(format!("role {number} is given")))
}

/// In which parts of life each permission has a place at all, by what the lifecycle itself says.
fn life_forbids(judge: &mut dyn Judge) -> Result<usize, String> {
    let mut looked = 0;
    for cell in cells::all() {
        let life = life(cell.life);
        let runs = match PERMISSIONS[cell.permission] {
            "ChangeRate" | "AssignPatient" => life.runs_clinical(),
            "ManagePeople" => life.runs_administration(),
            "ExportLog" | "ReviewEmergency" => life.runs_evidence(),
            "Calibrate" => life.runs_maintenance(),
            other => panic!("nobody said what {other} is"),
        };
        if !runs {
            looked += 1;
            if judge.allows(&cell, false) {
                return fail("this part of life forbids it", &cell);
            }
        }
    }
    Ok(looked)
}

fn elsewhere_needs_more(judge: &mut dyn Judge) -> Result<usize, String> {
    let local = FROM.iter().position(|from| from.1 == Interface::Local).unwrap();
    let mut looked = 0;
    for cell in cells::all() {
        if cell.from == local || !judge.allows(&cell, false) {
            continue;
        }
        looked += 1;
        let (secret, token) = (1, 4);
        if cell.shown & (secret | token) != secret | token {
            return fail("from elsewhere without a secret and a token", &cell);
        }
        if !judge.allows(&Cell { from: local, ..cell }, false) {
            return fail("allowed from elsewhere with less than at the pump", &cell);
        }
    }
    Ok(looked)
}

fn presence_is_no_factor(judge: &mut dyn Judge) -> Result<usize, String> {
    let mut looked = 0;
    for cell in cells::all().filter(|cell| cell.present) {
        if !judge.allows(&cell, false) {
            continue;
        }
        looked += 1;
        let is_asked_for = PERMISSIONS[cell.permission] == "Calibrate";
        if cell.shown == 0 {
            return fail("nothing but presence was shown", &cell);
        }
        if !is_asked_for && !judge.allows(&Cell { present: false, ..cell }, false) {
            return fail("presence has replaced something", &cell);
        }
    }
    Ok(looked)
}

fn apart_stays_apart(judge: &mut dyn Judge, expected: &Expected) -> Result<usize, String> {
    let holders = holders(judge);
    let mut looked = 0;
    for (ones, others) in &expected.apart {
        for one in (0..PERMISSIONS.len()).filter(|one| has(*ones, *one)) {
            for other in (0..PERMISSIONS.len()).filter(|other| has(*others, *other)) {
                looked += 1;
                if holders[one] & holders[other] != 0 {
                    return Err(format!("{} and {}", PERMISSIONS[one], PERMISSIONS[other]));
                }
            }
        }
    }
    Ok(looked)
}

fn the_second_is_another(judge: &mut dyn Judge) -> Result<usize, String> {
    let mut looked = 0;
    for cell in cells::all() {
        let Some(second) = cell.second else { continue };
        // Where it makes a difference, that there is a second person.
        if !judge.allows(&cell, false) || judge.allows(&Cell { second: None, ..cell }, false) {
            continue;
        }
        looked += 1;
        let first = cells::Second {
            is_himself: false,
            role: cell.role,
            from: cell.from,
            shown: cell.shown,
        };
        let himself = Cell { from: second.from, shown: second.shown, role: second.role, ..cell };
        if second.is_himself || !judge.allows(&Cell { second: Some(first), ..himself }, false) {
            return fail("who approves may not do it himself", &cell);
        }
    }
    Ok(looked)
}
