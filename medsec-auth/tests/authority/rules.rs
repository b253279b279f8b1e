//! The rules of authority once more, each of which can be left out. Without a flaw they have to agree with the product on all that is ever asked.

use medsec_core::lifecycle::{Change, State};

use crate::claims::Claim::{
    self, Apart, Ends, Escalation, Export, Life, Over, Recorded, Reserve, Sticky,
};
use crate::world::{
    AUDITOR, EVERYBODY, Node, RESERVE, Reply, Room, Second, Seen, Step, What, Who, place,
};

/// One of these at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// A full log keeps nothing back.
    NoReserve,
    /// The reserve is for logins of who reads evidence, not for what he does then.
    ExportOrdinary,
    /// The reserve is not for logins.
    LoginOrdinary,
    /// Every emergency takes from the reserve.
    CallsTakeReserve,
    /// Everybody's logins take from the reserve.
    AllTakeReserve,
    /// What was granted is recorded then, if it can be.
    RecordAfter,
    /// All that is clinical is essential.
    AllEssential,
    /// What was essential and not recorded is not told.
    NotTold,
    /// A session begins whether it is recorded or not.
    LoginUnrecorded,
    /// A review clears everything that is to be looked at.
    SharedClear,
    /// A review in an emergency is one of it.
    EarlyReview,
    /// What is recorded again clears that something was not.
    RecordClears,
    /// In an emergency everybody may everything.
    EmergencyIsRole,
    /// An emergency unlocks sessions.
    EmergencyUnlocks,
    /// An emergency leaves out the second person.
    EmergencyApproves,
    /// An emergency works in every part of life.
    EmergencyAnywhere,
    /// Nobody has called.
    Uncalled,
    /// What is done in an emergency lets it go on.
    EmergencyGoesOn,
    /// An emergency outlives a restart.
    EmergencyStays,
    /// Somebody approves for himself.
    Himself,
    /// Who has locked his session approves.
    LockedApproves,
    /// Anybody approves.
    AnyRoleApproves,
    /// An auditor treats.
    AuditorTreats,
    /// A nurse takes the log away.
    NurseExports,
    /// Sessions outlive a change of life.
    LifeKeeps,
    /// Sessions outlive a restart.
    CutKeeps,
    /// Who was removed goes on.
    RemovedGoesOn,
    /// Who was removed logs in.
    RemovedComesBack,
    /// Ticks that go back leave sessions as they are.
    BackKeeps,
    /// Idle sessions do not end.
    IdleKeeps,
    /// A locked session acts.
    LockedActs,
    /// The part of life is not asked.
    LifeIgnored,
    /// A life goes on without a record.
    LifeUnrecorded,
}

/// Each with the claims that fall with it.
pub(crate) const FLAWS: [(Flaw, &[Claim]); 33] = [
    (Flaw::NoReserve, &[Export]),
    (Flaw::ExportOrdinary, &[Export]),
    (Flaw::LoginOrdinary, &[Export]),
    (Flaw::CallsTakeReserve, &[Reserve]),
    (Flaw::AllTakeReserve, &[Reserve]),
    (Flaw::RecordAfter, &[Recorded]),
    (Flaw::AllEssential, &[Recorded]),
    (Flaw::NotTold, &[Recorded]),
    (Flaw::LoginUnrecorded, &[Recorded]),
    (Flaw::SharedClear, &[Sticky]),
    (Flaw::EarlyReview, &[Sticky]),
    (Flaw::RecordClears, &[Sticky]),
    (Flaw::EmergencyIsRole, &[Escalation, Apart]),
    (Flaw::EmergencyUnlocks, &[Escalation]),
    (Flaw::EmergencyApproves, &[Escalation, Apart]),
    (Flaw::EmergencyAnywhere, &[Life]),
    (Flaw::Uncalled, &[Escalation]),
    (Flaw::EmergencyGoesOn, &[Over]),
    (Flaw::EmergencyStays, &[Over]),
    (Flaw::Himself, &[Apart]),
    (Flaw::LockedApproves, &[Apart]),
    (Flaw::AnyRoleApproves, &[Apart]),
    (Flaw::AuditorTreats, &[Apart]),
    (Flaw::NurseExports, &[Apart]),
    (Flaw::LifeKeeps, &[Ends]),
    (Flaw::CutKeeps, &[Ends]),
    (Flaw::RemovedGoesOn, &[Ends]),
    (Flaw::RemovedComesBack, &[Ends]),
    (Flaw::BackKeeps, &[Ends]),
    (Flaw::IdleKeeps, &[Ends]),
    (Flaw::LockedActs, &[Ends]),
    (Flaw::LifeIgnored, &[Life]),
    (Flaw::LifeUnrecorded, &[Recorded]),
];

/// The rules, with a flaw or without.
#[derive(Clone, Copy)]
pub(crate) struct Rules(pub(crate) Option<Flaw>);

const REFUSED: Reply = Reply { is_done: false, records: 0 };
const DONE: Reply = Reply { is_done: true, records: 0 };

impl Rules {
    fn has(self, flaw: Flaw) -> bool {
        self.0 == Some(flaw)
    }

    /// What comes of a step, and what is behind it.
    pub(crate) fn apply(self, node: &Node, step: Step) -> (Node, Reply) {
        let mut next = *node;
        let reply = match step {
            Step::Login(who) => self.login(&mut next, who),
            Step::Lock(who) => {
                next.sessions[who] =
                    node.sessions[who].map(|seen| Seen { is_locked: true, ..seen });
                DONE
            }
            Step::LogOut(who) => {
                next.sessions[who] = None;
                DONE
            }
            Step::Ask(who, what) => self.ask(&mut next, who, what),
            Step::Call => self.call(&mut next),
            Step::Rescue => self.rescue(&mut next),
            Step::Close => {
                next.emergency = None;
                DONE
            }
            Step::Change(change) => self.change(&mut next, change),
            Step::Remove(who) => self.remove(&mut next, who),
            Step::Fill => {
                let is_near = node.room == Room::Near;
                next.room = if is_near { self.full() } else { Room::Near };
                DONE
            }
            Step::Die | Step::Heal => {
                next.is_dead = step == Step::Die;
                DONE
            }
            Step::Later => {
                self.later(&mut next);
                DONE
            }
            Step::Back => {
                if !self.has(Flaw::BackKeeps) {
                    next.sessions = [None; 3];
                }
                next.emergency = None;
                DONE
            }
            Step::Cut => {
                if !self.has(Flaw::CutKeeps) {
                    next.sessions = [None; 3];
                }
                if !self.has(Flaw::EmergencyStays) {
                    next.emergency = None;
                }
                (next.is_review_due, next.is_unrecorded) = (false, false);
                DONE
            }
        };
        (next, reply)
    }

    fn full(self) -> Room {
        Room::Full(if self.has(Flaw::NoReserve) { 0 } else { RESERVE })
    }

    /// One record, also from the reserve.
    fn put(self, node: &mut Node, from_reserve: bool) -> bool {
        if node.is_dead {
            return false;
        }
        node.room = match node.room {
            Room::Plenty => Room::Plenty,
            Room::Near => self.full(),
            Room::Full(left) if from_reserve && left > 0 => Room::Full(left - 1),
            Room::Full(_) => return false,
        };
        if self.has(Flaw::RecordClears) {
            node.is_unrecorded = false;
        }
        true
    }

    fn login(self, node: &mut Node, who: Who) -> Reply {
        if node.gone == Some(who) && !self.has(Flaw::RemovedComesBack) {
            return REFUSED;
        }
        let reads = who == AUDITOR && !self.has(Flaw::LoginOrdinary);
        let is_recorded = self.put(node, reads || self.has(Flaw::AllTakeReserve));
        if !is_recorded && !self.has(Flaw::LoginUnrecorded) {
            node.sessions[who] = None;
            return REFUSED;
        }
        node.sessions[who] = Some(Seen { age: 0, is_locked: false });
        Reply { is_done: true, records: u8::from(is_recorded) }
    }

    fn ask(self, node: &mut Node, who: Who, what: What) -> Reply {
        let is_emergency = node.emergency.is_some();
        let unlocks =
            self.has(Flaw::LockedActs) || is_emergency && self.has(Flaw::EmergencyUnlocks);
        let Some(seen) = node.sessions[who] else { return REFUSED };
        let approver = match what {
            What::Double(Second::By(other)) => Some(other),
            _ => None,
        };
        // Somebody who is named and not there ends it, before anything counts as an act.
        let is_away = |other: Who| !node.is_there(other) && !self.has(Flaw::LockedApproves);
        if approver.is_some_and(is_away) || seen.is_locked && !unlocks {
            return REFUSED;
        }
        node.sessions[who] = Some(Seen { age: 0, ..seen });
        let everything = is_emergency && self.has(Flaw::EmergencyIsRole);
        let holds = if what.is_clinical() {
            who != AUDITOR || self.has(Flaw::AuditorTreats)
        } else {
            who == AUDITOR || self.has(Flaw::NurseExports)
        };
        let life = node.state();
        let runs = life == State::InService || life == State::Maintenance && !what.is_clinical();
        let is_second = |other: Who| {
            (other != who || self.has(Flaw::Himself))
                && (other != AUDITOR || self.has(Flaw::AnyRoleApproves))
        };
        let is_approved = !matches!(what, What::Double(_))
            || approver.is_some_and(is_second)
            || is_emergency && self.has(Flaw::EmergencyApproves);
        let is_allowed =
            everything || holds && (runs || self.has(Flaw::LifeIgnored)) && is_approved;
        if !is_allowed {
            return REFUSED;
        }
        self.act(node, what, approver)
    }

    /// What is permitted is recorded, then done.
    fn act(self, node: &mut Node, what: What, approver: Option<Who>) -> Reply {
        let evidence = !what.is_clinical() && !self.has(Flaw::ExportOrdinary);
        let mut records = 0;
        if approver.is_some() {
            let is_recorded = self.put(node, evidence);
            records += u8::from(is_recorded);
            if !is_recorded {
                return Reply { is_done: false, records };
            }
        }
        let is_recorded = self.put(node, evidence);
        records += u8::from(is_recorded);
        let is_essential = what == What::Stop || what.is_clinical() && self.has(Flaw::AllEssential);
        if !is_recorded && !self.has(Flaw::RecordAfter) {
            if !is_essential {
                return Reply { is_done: false, records };
            }
            node.is_unrecorded |= !self.has(Flaw::NotTold);
        }
        match what {
            What::Export => node.room = Room::Plenty,
            What::Review => {
                node.is_review_due = node.emergency.is_some() && !self.has(Flaw::EarlyReview);
                node.is_unrecorded &= !self.has(Flaw::SharedClear);
            }
            What::Rate | What::Stop | What::Double(_) => {}
        }
        Reply { is_done: true, records }
    }

    fn treats(self, node: &Node) -> bool {
        let life = node.state();
        matches!(life, State::InService | State::Maintenance) || self.has(Flaw::EmergencyAnywhere)
    }

    fn call(self, node: &mut Node) -> Reply {
        if !self.treats(node) {
            return REFUSED;
        }
        // The first since the last review may take from the reserve.
        let is_first = !node.is_review_due || self.has(Flaw::CallsTakeReserve);
        let is_recorded = self.put(node, is_first);
        node.is_unrecorded |= !is_recorded;
        (node.emergency, node.is_review_due) = (Some(0), true);
        Reply { is_done: true, records: u8::from(is_recorded) }
    }

    fn rescue(self, node: &mut Node) -> Reply {
        let is_called = node.emergency.is_some() || self.has(Flaw::Uncalled);
        if !is_called || !self.treats(node) {
            return REFUSED;
        }
        if self.has(Flaw::EmergencyGoesOn) {
            node.emergency = Some(0);
        }
        let is_recorded = self.put(node, false);
        node.is_unrecorded |= !is_recorded;
        Reply { is_done: true, records: u8::from(is_recorded) }
    }

    fn change(self, node: &mut Node, change: Change) -> Reply {
        let from = node.state();
        let leaves = match change {
            Change::BeginProvisioning => from == State::Blank,
            Change::FinishProvisioning => from == State::Provisioning,
            Change::Claim => from == State::AwaitClaim,
            Change::BeginMaintenance => from == State::InService,
            Change::EndMaintenance => from == State::Maintenance,
            Change::Sanitize => {
                matches!(from, State::AwaitClaim | State::InService | State::Maintenance)
            }
            Change::ReturnToClaim | Change::Decommission => from == State::Sanitizing,
            _ => false,
        };
        let has_log = !matches!(change, Change::BeginProvisioning | Change::Decommission);
        if !leaves {
            return REFUSED;
        }
        let is_recorded = has_log && self.put(node, false);
        if has_log && !is_recorded && !self.has(Flaw::LifeUnrecorded) {
            return REFUSED;
        }
        node.life = place(change.to());
        if !self.has(Flaw::LifeKeeps) {
            node.sessions = [None; 3];
        }
        Reply { is_done: true, records: u8::from(is_recorded) }
    }

    fn remove(self, node: &mut Node, who: Who) -> Reply {
        let is_owned = matches!(node.state(), State::InService | State::Maintenance);
        if !is_owned || !self.put(node, false) {
            return REFUSED;
        }
        node.gone = Some(who);
        if !self.has(Flaw::RemovedGoesOn) {
            node.sessions[who] = None;
        }
        Reply { is_done: true, records: 1 }
    }

    /// Twice later is too late for a session in which nothing is done, three times for an emergency.
    fn later(self, node: &mut Node) {
        for who in EVERYBODY {
            node.sessions[who] = match node.sessions[who] {
                Some(Seen { age: 0, is_locked }) => Some(Seen { age: 1, is_locked }),
                Some(seen) if self.has(Flaw::IdleKeeps) => Some(seen),
                Some(_) | None => None,
            };
        }
        node.emergency = node.emergency.and_then(|age| (age < 2).then_some(age + 1));
    }
}
