//! What is claimed of authority, each claim a function of a step and what is before and behind it.

use medsec_core::lifecycle::State;

use crate::rules::Rules;
use crate::world::{AUDITOR, EVERYBODY, Node, Reply, Room, Second, Step, What, Who};

/// What is claimed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Claim {
    /// Nothing is granted and nothing begins without a record, but what is essential or an emergency; and then the device says so.
    Recorded,
    /// An emergency gives nobody anything but what it is for, to nobody who has not called it, and no session.
    Escalation,
    /// Who treats neither audits nor the other way round; what takes two takes two who are there, each of whom may do it.
    Apart,
    /// Whatever came before, who reads evidence can log in and take the log away, as long as there is a log with a reserve.
    Export,
    /// Only who reads evidence takes from the reserve, and the first emergency since a review.
    Reserve,
    /// No session outlives a restart, a change of life, its person, the clock or its time, and none that is locked acts.
    Ends,
    /// An emergency ends: by its time, by the clock, by a restart.
    Over,
    /// Nothing is done in a part of life that has no place for it.
    Life,
    /// What is to be looked at stays so until it was looked at, or until a restart, which the log tells of.
    Sticky,
}

impl Claim {
    /// Claims that there are; each is seen to fall.
    pub(crate) const COUNT: usize = 9;
}

/// A step, and what is before and behind it.
pub(crate) struct Move<'m> {
    pub(crate) step: Step,
    pub(crate) before: &'m Node,
    pub(crate) behind: &'m Node,
    pub(crate) reply: Reply,
}

type Holds = fn(Rules, &Move<'_>) -> bool;

/// Every claim, for this step; the one that falls, if `asks` asks for it.
pub(crate) fn hold(rules: Rules, moved: &Move<'_>, asks: impl Fn(Claim) -> bool) -> Option<Claim> {
    let claims: [(Claim, Holds); Claim::COUNT] = [
        (Claim::Recorded, recorded),
        (Claim::Escalation, escalation),
        (Claim::Apart, apart),
        (Claim::Export, export),
        (Claim::Reserve, reserve),
        (Claim::Ends, ends),
        (Claim::Over, over),
        (Claim::Life, life),
        (Claim::Sticky, sticky),
    ];
    let mut asked = claims.into_iter().filter(|(claim, _)| asks(*claim));
    asked.find(|(_, holds)| !holds(rules, moved)).map(|(claim, _)| claim)
}

fn recorded(_: Rules, moved: &Move<'_>) -> bool {
    let Reply { is_done, records } = moved.reply;
    let says_so = moved.behind.is_unrecorded;
    match moved.step {
        _ if !is_done => true,
        Step::Ask(_, What::Stop) | Step::Call | Step::Rescue => records == 1 || says_so,
        Step::Ask(_, What::Double(_)) => records == 2,
        Step::Ask(..) | Step::Login(_) | Step::Remove(_) => records == 1,
        Step::Change(change) => records == 1 || !change.has_log(),
        _ => true,
    }
}

fn escalation(rules: Rules, moved: &Move<'_>) -> bool {
    let (before, behind) = (moved.before, moved.behind);
    let is_same_or_gone =
        |who: Who| behind.sessions[who].is_none() || before.sessions[who].is_some();
    match moved.step {
        // What is granted is what would be without an emergency.
        Step::Ask(..) => {
            let calm = Node { emergency: None, ..*before };
            rules.apply(&calm, moved.step).1.is_done == moved.reply.is_done
        }
        Step::Rescue => before.emergency.is_some() || !moved.reply.is_done,
        Step::Call => EVERYBODY.into_iter().all(is_same_or_gone),
        _ => true,
    }
}

fn apart(_: Rules, moved: &Move<'_>) -> bool {
    let Step::Ask(who, what) = moved.step else { return true };
    if !moved.reply.is_done {
        return true;
    }
    let is_his = what.is_clinical() == (who != AUDITOR);
    let is_second = match what {
        What::Double(Second::Nobody) => false,
        What::Double(Second::By(other)) => {
            other != who && other != AUDITOR && moved.before.is_there(other)
        }
        What::Rate | What::Stop | What::Export | What::Review => true,
    };
    is_his && is_second
}

/// Whether this part of life has an owner, whose log it is.
fn is_owned(node: &Node) -> bool {
    matches!(node.state(), State::InService | State::Maintenance)
}

fn export(rules: Rules, moved: &Move<'_>) -> bool {
    let node = moved.behind;
    let has_reserve = !matches!(moved.behind.room, Room::Full(0 | 1));
    // With a flaw there may be no reserve from the beginning; what took it is looked at by another claim.
    let is_used_up = !has_reserve && moved.before.room != Room::Near;
    if node.is_dead || !is_owned(node) || node.gone == Some(AUDITOR) || is_used_up {
        return true;
    }
    let mut node = *node;
    if !node.is_there(AUDITOR) {
        node = rules.apply(&node, Step::Login(AUDITOR)).0;
    }
    let (empty, reply) = rules.apply(&node, Step::Ask(AUDITOR, What::Export));
    reply.is_done && empty.room == Room::Plenty
}

fn reserve(_: Rules, moved: &Move<'_>) -> bool {
    let (before, behind) = (moved.before, moved.behind);
    match (before.room, behind.room) {
        (Room::Full(had), Room::Full(has)) if has < had => match moved.step {
            Step::Login(who) | Step::Ask(who, _) => who == AUDITOR,
            Step::Call => !before.is_review_due,
            _ => false,
        },
        _ => true,
    }
}

fn ends(_: Rules, moved: &Move<'_>) -> bool {
    let (before, behind) = (moved.before, moved.behind);
    let is_done = moved.reply.is_done;
    let are_none = behind.sessions == [None; 3];
    let has_place = |who: &Who| behind.gone != Some(*who) || behind.sessions[*who].is_none();
    let is_in_time = |who: &Who| match before.sessions[*who] {
        Some(seen) if seen.age == 1 => behind.sessions[*who].is_none(),
        Some(_) | None => true,
    };
    let are_here = match moved.step {
        Step::Cut | Step::Back => are_none,
        Step::Change(_) => !is_done || are_none,
        Step::Later => EVERYBODY.iter().all(is_in_time),
        Step::Ask(who, _) => !is_done || before.is_there(who),
        _ => true,
    };
    are_here && EVERYBODY.iter().all(has_place)
}

fn over(_: Rules, moved: &Move<'_>) -> bool {
    let (before, behind) = (moved.before.emergency, moved.behind.emergency);
    match moved.step {
        Step::Call => true,
        Step::Cut | Step::Back | Step::Close => behind.is_none(),
        Step::Later => behind > before || behind.is_none() && before.is_none_or(|age| age == 2),
        _ => behind == before,
    }
}

fn life(_: Rules, moved: &Move<'_>) -> bool {
    let state = moved.before.state();
    match moved.step {
        _ if !moved.reply.is_done => true,
        Step::Ask(_, what) if what.is_clinical() => state == State::InService,
        Step::Ask(..) | Step::Call | Step::Rescue | Step::Remove(_) => is_owned(moved.before),
        _ => true,
    }
}

fn sticky(_: Rules, moved: &Move<'_>) -> bool {
    let (before, behind) = (moved.before, moved.behind);
    let is_cut = moved.step == Step::Cut;
    let is_reviewed = moved.step == Step::Ask(AUDITOR, What::Review)
        && moved.reply.is_done
        && before.emergency.is_none();
    (behind.is_unrecorded || !before.is_unrecorded || is_cut)
        && (behind.is_review_due || !before.is_review_due || is_cut || is_reviewed)
        && (behind.is_review_due || behind.emergency.is_none() || is_cut)
}
