//! Policies with one row changed, and decisions from facts that were changed: each has to be found.

use infusion_pump::people::PumpPolicy;
use medsec::core::access::check::{bit, rules};
use medsec::core::access::{
    Class, Factors, Facts, Interface, Interfaces, Need, PERMISSIONS_MAX, PermissionInfo, Policy,
    ROLES_MAX, RoleInfo, Rule,
};
use medsec::core::event::PrincipalId;

use crate::cells::Cell;
use crate::checks::Check::{
    self, Apart, Assigns, Ceiling, Cells, Elsewhere, Emergencies, EmergencyApart, Fewer, Life,
    Presence, Second, Unrecorded,
};
use crate::judge::{Judge, Product};

/// One flaw: what it is, who decides with it, and what finds it.
pub(crate) struct Flaw {
    pub(crate) name: &'static str,
    pub(crate) judge: fn() -> Box<dyn Judge>,
    pub(crate) found_by: &'static [Check],
}

/// The rows of a policy.
#[derive(Clone, Copy)]
struct Rows {
    permissions: [PermissionInfo; 6],
    roles: [RoleInfo; 5],
    allow: [u32; ROLES_MAX],
}

const PUMP: Rows = {
    let [a, b, c, d, e, f] = PumpPolicy::PERMISSIONS else { panic!() };
    let [g, h, i, j, k] = PumpPolicy::ROLES else { panic!() };
    Rows {
        permissions: [*a, *b, *c, *d, *e, *f],
        roles: [*g, *h, *i, *j, *k],
        allow: PumpPolicy::ALLOW,
    }
};

const RATE: usize = 0;
const ASSIGN: usize = 1;
const PEOPLE: usize = 2;
const EXPORT: usize = 3;
const REVIEW: usize = 4;
const CALIBRATE: usize = 5;

macro_rules! rows {
    ($($name:ident = |$rows:ident| $change:block)*) => { $(
        enum $name {}

        impl $name {
            const ROWS: Rows = {
                let mut $rows = PUMP;
                $change
                $rows
            };
        }

        impl Policy for $name {
            const ROLES: &'static [RoleInfo] = &Self::ROWS.roles;
            const PERMISSIONS: &'static [PermissionInfo] = &Self::ROWS.permissions;
            const ALLOW: [u32; ROLES_MAX] = Self::ROWS.allow;
            const RULES: [Rule; PERMISSIONS_MAX] = rules(Self::PERMISSIONS);
        }
    )* };
}

rows! {
    NurseAssigns = |rows| { rows.allow[0] |= bit(1); }
    NurseManages = |rows| { rows.allow[0] |= bit(2); }
    ClinicianExports = |rows| { rows.allow[1] |= bit(3); }
    AdministratorReviews = |rows| { rows.allow[2] |= bit(4); }
    TechnicianChangesRates = |rows| { rows.allow[4] |= bit(0); }
    NobodyHoldsAll = |rows| { rows.allow[7] = u32::MAX; }
    AdministratorIsLost = |rows| { rows.allow[2] = 0; }
    PeopleByOneFactor = |rows| { rows.permissions[PEOPLE].need = Need::OneFactor; }
    ExportByTwoFactors = |rows| { rows.permissions[EXPORT].need = Need::TwoFactors; }
    AssignedFromAfar = |rows| {
        rows.permissions[ASSIGN].interfaces = Interfaces::NONE.with(Interface::Remote);
    }
    RateForService = |rows| {
        rows.permissions[RATE].interfaces = rows.permissions[RATE].interfaces.with(Interface::Service);
    }
    CalibratedAlone = |rows| { rows.permissions[CALIBRATE].two_persons = false; }
    CalibratedUnseen = |rows| { rows.permissions[CALIBRATE].presence = false; }
    CalibratedInService = |rows| { rows.permissions[CALIBRATE].class = Class::Administration; }
    ReviewIsClinical = |rows| { rows.permissions[REVIEW].class = Class::Clinical; }
    RateInMaintenance = |rows| { rows.permissions[RATE].class = Class::Evidence; }
    AssignedInEmergency = |rows| { rows.permissions[ASSIGN].emergency = true; }
    PeopleInEmergency = |rows| {
        rows.permissions[PEOPLE].class = Class::Clinical;
        rows.permissions[PEOPLE].emergency = true;
    }
    NoEmergency = |rows| { rows.permissions[RATE].emergency = false; }
    RateUnrecorded = |rows| { rows.permissions[RATE].essential = true; }
    ExportUnrecorded = |rows| { rows.permissions[EXPORT].essential = true; }
    AuditorAssigns = |rows| { rows.roles[3].assigns = 0b1000; }
    AuditorsOfNobody = |rows| { rows.roles[2].assigns &= 0b1_0111; }
    UnknownIsAssigned = |rows| { rows.roles[2].assigns |= 0b10_0000; }
}

fn of<P: Policy + 'static>() -> Box<dyn Judge> {
    Box::new(Product::<P>::new())
}

fn row<P: Policy + 'static>(name: &'static str, found_by: &'static [Check]) -> Flaw {
    Flaw { name, judge: of::<P>, found_by }
}

/// Flaws of the policy's rows.
pub(crate) fn rows() -> Vec<Flaw> {
    vec![
        row::<NurseAssigns>("a nurse assigns patients", &[Cells, Ceiling]),
        row::<NurseManages>("a nurse manages people", &[Cells, Ceiling, Apart]),
        row::<ClinicianExports>("a clinician exports the log", &[Cells, Ceiling, Apart]),
        row::<AdministratorReviews>("an administrator reviews", &[Cells, Ceiling, Apart]),
        row::<TechnicianChangesRates>(
            "a technician changes rates",
            &[Cells, Ceiling, Apart, EmergencyApart],
        ),
        row::<NobodyHoldsAll>("a role that there is not holds all", &[Cells, Ceiling, Apart]),
        row::<AdministratorIsLost>("an administrator holds nothing", &[Cells]),
        row::<PeopleByOneFactor>("people are managed by one factor", &[Cells]),
        row::<ExportByTwoFactors>("the log is exported by two factors only", &[Cells]),
        row::<AssignedFromAfar>("patients are assigned from afar only", &[Cells, Elsewhere]),
        row::<RateForService>("rates are changed at the port for service", &[Cells]),
        row::<CalibratedAlone>("one technician calibrates", &[Cells]),
        row::<CalibratedUnseen>("nobody is there when it is calibrated", &[Cells]),
        row::<CalibratedInService>("it is calibrated in service", &[Cells, Life]),
        row::<ReviewIsClinical>("reviews are clinical", &[Cells]),
        row::<RateInMaintenance>("rates are changed in maintenance", &[Cells, Emergencies, Life]),
        row::<AssignedInEmergency>("patients are assigned in an emergency", &[Emergencies]),
        row::<PeopleInEmergency>(
            "people are managed in an emergency",
            &[Cells, Emergencies, EmergencyApart],
        ),
        row::<NoEmergency>("an emergency treats nobody", &[Emergencies]),
        row::<RateUnrecorded>("rates are changed without a record", &[Unrecorded]),
        row::<ExportUnrecorded>("the log is exported without a record", &[Unrecorded]),
        row::<AuditorAssigns>("an auditor makes auditors", &[Assigns]),
        row::<AuditorsOfNobody>("nobody makes auditors", &[Assigns]),
        row::<UnknownIsAssigned>("a role is given that there is not", &[Assigns, Ceiling]),
    ]
}

fn facts(change: fn(&Cell, Facts) -> Facts) -> Box<dyn Judge> {
    Box::new(Product::<PumpPolicy>::with(change))
}

/// Flaws of the decision, which no row brings about.
pub(crate) fn decisions() -> Vec<Flaw> {
    let flaw = |name, judge, found_by| Flaw { name, judge, found_by };
    vec![
        flaw("a third factor is one too many", || facts(third_is_too_many), &[Cells, Fewer]),
        flaw("whoever is there has shown a secret", || facts(presence_counts), &[Cells, Presence]),
        flaw("a link is the pump itself", || facts(link_is_local), &[Cells, Elsewhere]),
        flaw("every part of life is in service", || facts(life_is_ignored), &[Cells, Life]),
        flaw("a person is another than himself", || facts(himself_approves), &[Cells, Second]),
        flaw("any role approves", || facts(anybody_approves), &[Cells, Second]),
    ]
}

fn third_is_too_many(cell: &Cell, facts: Facts) -> Facts {
    let factors = if cell.shown == 7 { Factors::NONE } else { facts.factors };
    Facts { factors, ..facts }
}

fn presence_counts(_: &Cell, facts: Facts) -> Facts {
    let factors = if facts.present { facts.factors.and(Factors::KNOWLEDGE) } else { facts.factors };
    Facts { factors, ..facts }
}

fn link_is_local(_: &Cell, facts: Facts) -> Facts {
    let is_link = facts.interface == Interface::Remote;
    Facts { interface: if is_link { Interface::Local } else { facts.interface }, ..facts }
}

fn life_is_ignored(cell: &Cell, facts: Facts) -> Facts {
    Facts { classes: Cell { life: 3, ..*cell }.facts().classes, ..facts }
}

fn himself_approves(_: &Cell, facts: Facts) -> Facts {
    let mut facts = facts;
    if let Some(approver) = &mut facts.approver {
        approver.by = PrincipalId::new([3; 8]);
    }
    facts
}

fn anybody_approves(_: &Cell, facts: Facts) -> Facts {
    let mut facts = facts;
    if let Some(approver) = &mut facts.approver {
        approver.role = facts.role;
    }
    facts
}
