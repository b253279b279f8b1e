//! What is claimed of revocation, each claim a function of a step and what is before and behind it.

use medsec_core::identity::issuer_state::StateError;
use medsec_core::identity::trust::Refusal;

use crate::parties::{BELOW, HOLDERS, ISSUER_BELOW, Kept, LAST, MAKER, MINTED, Make, Slot};
use crate::rules;
use crate::search::{Move, Node, Search, Step};
use crate::world::{Event, World};

/// What is claimed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Claim {
    /// What an honest issuer revoked does not hold again, by number or by epoch, whatever is withheld or comes in which order.
    Back,
    /// What anybody revoked holds again in one case only: with a state that no more lists it and whose epoch comes in force with it, a
    /// device, or a holder of that epoch or a later one. Issuers list those again.
    Limit,
    /// A thief changes nothing for holders of other issuers, nor what is kept of those.
    Others,
    /// An epoch comes in force only before a holder of it that is left valid; otherwise nobody's epoch ends.
    Path,
    /// Whoever has the issuer's key can make a holder that holds, and bring the next state, as long as there are numbers.
    Next,
    /// Numbers, epochs in force and permits rise, lists grow or start anew with an epoch; what is refused changes nothing.
    Rise,
    /// A newer state that only adds is taken, whoever brings it, and what it lists holds no more.
    AtOnce,
    /// What was an issuer's goes with it.
    Below,
    /// What a thief's issuer cannot make never holds.
    Forged,
    /// The floor does not go back, and moves by days alone; what expired does not hold again.
    Days,
}

impl Claim {
    /// Claims that there are; each is seen to fall.
    pub(crate) const COUNT: usize = 10;
}

/// Whether a certificate is refused for its serial number or its epoch.
fn is_revoked(verdict: Option<Refusal>) -> bool {
    matches!(verdict, Some(Refusal::Revoked | Refusal::Epoch))
}

/// A holder, and the issuer's certificate above it if there is one.
fn chain(place: usize) -> impl Iterator<Item = usize> {
    let above = (Make::of(place).names == BELOW).then_some(ISSUER_BELOW);
    [place].into_iter().chain(above)
}

/// The one case in which a list drops who stays valid otherwise.
fn is_dropped(place: usize, before: &Node, behind: &Node) -> bool {
    let make = Make::of(place);
    let (old, new) = (before.kept[make.names], behind.kept[make.names]);
    old.zip(new).is_some_and(|(old, new)| {
        let is_device = make.epoch == 0;
        new.in_force > old.in_force
            && make.is_in(old.said.list)
            && !make.is_in(new.said.list)
            && (is_device || make.epoch >= new.in_force)
    })
}

/// Every claim, for this step.
pub(crate) fn hold(search: &mut Search<'_>, moved: &Move<'_>) -> Result<(), Claim> {
    let ((before, verdicts), (behind, next)) = (moved.before, moved.behind);
    for place in 0..HOLDERS {
        let returns = is_revoked(verdicts[place]) && !is_revoked(next[place]);
        let mut issuers = chain(place).map(|place| Make::of(place).names);
        let is_honest = !issuers.any(|slot| search.world.stolen == Some(slot));
        search.claim(Claim::Back, !(returns && is_honest))?;
        let is_free = chain(place).any(|place| is_dropped(place, before, behind));
        // Whose issuer is revoked does not return with his own number.
        let is_held = is_free && !returns && Make::of(place).names == BELOW;
        search.claim(Claim::Limit, returns == is_free || is_held)?;
        let is_over = verdicts[place] == Some(Refusal::Expired) && next[place].is_none();
        search.claim(Claim::Days, !is_over)?;
    }
    let is_gone = next[ISSUER_BELOW].is_some();
    let are_gone = next[3 * BELOW..HOLDERS].iter().all(Option::is_some);
    search.claim(Claim::Below, !is_gone || are_gone)?;
    let strangers = next[MINTED + 3..].iter();
    search.claim(Claim::Forged, strangers.clone().all(Option::is_some))?;
    let is_day = moved.step == Step::Day;
    search.claim(Claim::Days, behind.floor == before.floor || is_day && behind.floor == 1)?;
    if let Step::Take(signed, slot, witness) = moved.step {
        if search.world.stolen == Some(signed.by) {
            others(search, moved)?;
        }
        rise(search, moved, slot)?;
        path(search, moved, (slot, witness))?;
        let is_own = signed.names == slot && signed.by == slot;
        let is_more = before.kept[slot].is_none_or(|old| {
            signed.said.number > old.said.number
                && signed.said.epoch >= old.in_force
                && signed.said.permit >= old.said.permit
                && old.said.list & !signed.said.list == 0
        });
        if is_own && is_more {
            let is_listed = |place: &usize| Make::of(*place).is_in(signed.said.list);
            let mut listed = (3 * slot..3 * slot + 3).filter(is_listed);
            let are_refused = listed.all(|place| next[place].is_some());
            search.claim(Claim::AtOnce, moved.error.is_none() && are_refused)?;
        }
        if moved.error.is_none() {
            for slot in MAKER..=BELOW {
                next_state(search, behind, slot)?;
            }
        }
    }
    Ok(())
}

/// Nothing of others is changed.
fn others(search: &Search<'_>, moved: &Move<'_>) -> Result<(), Claim> {
    let ((before, verdicts), (behind, next)) = (moved.before, moved.behind);
    let is_other = |slot: &Slot| search.world.stolen != Some(*slot);
    let are_kept =
        (MAKER..=BELOW).filter(is_other).all(|slot| before.kept[slot] == behind.kept[slot]);
    let is_same = |place: usize| {
        search.world.is_under_thief(Make::of(place).names) || verdicts[place] == next[place]
    };
    search.claim(Claim::Others, are_kept && (0..HOLDERS).all(is_same))
}

/// Nothing goes back.
fn rise(search: &Search<'_>, moved: &Move<'_>, slot: Slot) -> Result<(), Claim> {
    let (before, behind) = (moved.before.0, moved.behind.0);
    let rises = |old: Kept, new: Kept| {
        new.said.number > old.said.number
            && new.in_force >= old.in_force
            && new.said.permit >= old.said.permit
            && (old.said.list & !new.said.list == 0 || new.in_force > old.in_force)
    };
    let is_sound = if moved.error.is_some() {
        before == behind
    } else {
        let (old, new) = (before.kept[slot], behind.kept[slot]);
        new.is_some_and(|new| old.is_none_or(|old| rises(old, new)))
    };
    search.claim(Claim::Rise, is_sound)
}

/// An epoch ends for somebody only before somebody of the same issuer for whom the new one does not.
fn path(
    search: &mut Search<'_>,
    moved: &Move<'_>,
    (slot, witness): (Slot, Option<usize>),
) -> Result<(), Claim> {
    let ((before, verdicts), (behind, next)) = (moved.before, moved.behind);
    let mut ended = (0..HOLDERS).filter(|place| {
        next[*place] == Some(Refusal::Epoch) && verdicts[*place] != Some(Refusal::Epoch)
    });
    let in_force = |node: &Node| node.kept[slot].map_or(0, |kept| kept.in_force);
    if ended.next().is_none() && in_force(behind) == in_force(before) {
        return Ok(());
    }
    // By this issuer's state alone: the one above it may have revoked the issuer.
    let mut kept = [None; 3];
    kept[slot] = behind.kept[slot];
    let is_left = witness.is_some_and(|place| {
        Make::of(place).names == slot && !is_revoked(search.judge(place, &kept, 0))
    });
    search.claim(Claim::Path, is_left)
}

/// The next state, brought by a holder made for it.
fn next_state(search: &mut Search<'_>, behind: &Node, slot: Slot) -> Result<(), Claim> {
    let Some(kept) = behind.kept[slot] else { return Ok(()) };
    if kept.said.number == LAST {
        return Ok(());
    }
    let (signed, holder) = rules::next_of(slot, kept);
    let taken = search.take(&behind.kept, slot, signed, Some(holder));
    let mut alone = [None; 3];
    alone[slot] = Some(kept);
    let holds = search.judge(holder, &alone, 0).is_none();
    search.claim(Claim::Next, holds && taken.is_ok())
}

/// What has come about with this step.
pub(crate) fn events(world: &World, moved: &Move<'_>) -> Vec<Event> {
    let ((before, verdicts), (behind, next)) = (moved.before, moved.behind);
    let Step::Take(signed, slot, witness) = moved.step else { return Vec::new() };
    let (old, new) = (before.kept[slot], behind.kept[slot]);
    let in_force = |kept: Option<Kept>| kept.map_or(0, |kept| kept.in_force);
    let rises = in_force(new) > in_force(old);
    let mut events = vec![match moved.error {
        None => Event::Taken,
        Some(StateError::Old) => Event::Old,
        Some(StateError::TakesBack) => Event::TakesBack,
        Some(_) => Event::NotAuthentic,
    }];
    let had = old.map_or(0, |kept| kept.said.list);
    let is_waiting = moved.error == Some(StateError::TakesBack)
        && signed.said.list & !had != 0
        && signed.said.epoch > in_force(old)
        && old.is_some_and(|old| signed.said.permit >= old.said.permit);
    let returns = |is_device: bool| {
        (0..HOLDERS).any(|place| {
            let is_kind = (Make::of(place).epoch == 0) == is_device;
            is_kind && verdicts[place] == Some(Refusal::Revoked) && next[place].is_none()
        })
    };
    let own = 3 * slot..3 * slot + 3;
    let are_out =
        next[own.clone()].iter().all(Option::is_some) && !verdicts[own].iter().all(Option::is_some);
    // Devices have no epoch.
    let is_minted = witness == Some(MINTED + slot);
    let are_old =
        next[3 * slot..3 * slot + 2].iter().all(|verdict| *verdict == Some(Refusal::Epoch));
    let is_by_epoch = rises && are_old && is_minted && signed.said.list == 0;
    let was_revoked = witness.is_some_and(|place| place < HOLDERS && is_revoked(verdicts[place]));
    let is_last = moved.error.is_none() && signed.said.number == LAST;
    let is_by_list = signed.said.list == 0b111 && witness.is_none();
    let others = [
        (Event::Rises, rises),
        (Event::NewSerialWaits, is_waiting),
        (Event::DeviceReturns, returns(true)),
        (Event::HolderReturns, returns(false)),
        (Event::RevokedWitness, rises && was_revoked),
        (Event::AllListed, are_out && is_by_list && world.stolen == Some(slot)),
        (Event::AllOutlived, is_by_epoch),
        (Event::LastNumber, is_last),
    ];
    events.extend(others.into_iter().filter(|(_, is_so)| *is_so).map(|(event, _)| event));
    events
}
