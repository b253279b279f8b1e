//! The rules by which a state is taken, once more, each of which can be left out. Nothing else is taken from here: without a flaw the product's
//! own code decides, and both have to agree on all that is ever asked.

use medsec_core::identity::issuer_state::StateError;

use crate::claims::Claim;
use crate::parties::{
    BELOW, FRESH, Kept, MINTED, Make, OWNER, Parties, STRANGERS, Said, Signed, Slot, View,
};

use Claim::{AtOnce, Back, Below, Days, Forged, Limit, Next, Others, Path, Rise};

/// One of these at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Signatures of states are not looked at.
    Unsigned,
    /// A state is checked with the key of whoever signed it, and kept for another issuer.
    AnyIssuer,
    /// A lower number is taken.
    LowerNumber,
    /// The same number is taken again.
    SameNumber,
    /// All issuers count their states together.
    SharedNumber,
    /// The epoch rises without a witness.
    NoWitness,
    /// The witness's epoch is not looked at.
    OldWitness,
    /// The witness's serial number is not looked at.
    ListedWitness,
    /// The witness may be another issuer's.
    ForeignWitness,
    /// An epoch in force falls with a state that says so.
    EpochFalls,
    /// Permits that ended count again.
    PermitFalls,
    /// A list drops what it likes.
    ListShrinks,
    /// A list that drops something is taken once its epoch is announced, before that is in force.
    AnnouncedShrinks,
    /// A list counts only in front of a witness.
    ListWaits,
    /// Of a state that is refused, the number is kept.
    RefusedCounts,
    /// The announced epoch counts for certificates.
    AnnouncedCounts,
    /// The highest epoch of any issuer counts for all.
    SharedEpoch,
    /// A serial number is looked for in all lists.
    SharedList,
    /// Devices are in no list.
    DevicesUnlisted,
    /// The standing of an issuer below an anchor is not asked.
    IssuerKept,
    /// Signatures of certificates are not looked at.
    UnsignedCertificate,
    /// What an issuer can issue is not asked.
    AnyKind,
    /// The day of a state becomes the floor.
    StateDay,
    /// The floor goes back with the clock.
    FloorFalls,
    /// An issuer that opens an epoch lists no device again.
    ForgetsDevices,
    /// An issuer that opens an epoch lists nobody of a later epoch again.
    ForgetsLater,
}

/// Each with the claims that fall with it.
pub(crate) const FLAWS: [(Flaw, &[Claim]); 26] = [
    (Flaw::Unsigned, &[Others]),
    (Flaw::AnyIssuer, &[Others]),
    (Flaw::LowerNumber, &[Rise]),
    (Flaw::SameNumber, &[Rise]),
    (Flaw::SharedNumber, &[AtOnce, Next]),
    (Flaw::NoWitness, &[Path]),
    (Flaw::OldWitness, &[Path]),
    (Flaw::ListedWitness, &[Path]),
    (Flaw::ForeignWitness, &[Path]),
    (Flaw::EpochFalls, &[Rise, Limit]),
    (Flaw::PermitFalls, &[Rise]),
    (Flaw::ListShrinks, &[Rise, Back, Limit]),
    (Flaw::AnnouncedShrinks, &[Rise, Back, Limit]),
    (Flaw::ListWaits, &[AtOnce]),
    (Flaw::RefusedCounts, &[Rise]),
    (Flaw::AnnouncedCounts, &[Path]),
    (Flaw::SharedEpoch, &[Others]),
    (Flaw::SharedList, &[Others]),
    (Flaw::DevicesUnlisted, &[AtOnce]),
    (Flaw::IssuerKept, &[Below]),
    (Flaw::UnsignedCertificate, &[Forged]),
    (Flaw::AnyKind, &[Forged]),
    (Flaw::StateDay, &[Others, Days]),
    (Flaw::FloorFalls, &[Days]),
    (Flaw::ForgetsDevices, &[Back]),
    (Flaw::ForgetsLater, &[Back]),
];

/// What is kept of the issuer `slot` after a state, by these rules.
pub(crate) fn take(
    parties: &mut Parties,
    flaw: Option<Flaw>,
    all: &[Option<Kept>; 3],
    slot: Slot,
    signed: Signed,
    witness: Option<usize>,
) -> Result<Kept, StateError> {
    let is = |other| flaw == Some(other);
    let is_own = signed.names == slot || is(Flaw::AnyIssuer);
    let signer = if is(Flaw::AnyIssuer) { signed.by } else { slot };
    let is_signed = is(Flaw::Unsigned)
        || is(Flaw::AnyIssuer) && signed.names == signer
        || parties.is_signed(signed, slot);
    if !is_own || !is_signed {
        return Err(StateError::NotAuthentic);
    }
    let said = signed.said;
    let stored = all[slot];
    let old = if is(Flaw::SharedNumber) {
        all.iter().flatten().map(|kept| kept.said.number).max()
    } else {
        stored.map(|kept| kept.said.number)
    };
    let is_newer = old.is_none_or(|old| said.number > old);
    let is_same = old == Some(said.number);
    if !(is_newer || is(Flaw::LowerNumber) && !is_same || is(Flaw::SameNumber) && is_same) {
        return Err(StateError::Old);
    }
    let before = stored.map_or(0, |kept| kept.in_force);
    let is_live = |place: usize| {
        let make = Make::of(place);
        (make.names == slot || is(Flaw::ForeignWitness))
            && (make.epoch >= said.epoch || is(Flaw::OldWitness))
            && (!make.is_in(said.list) || is(Flaw::ListedWitness))
    };
    let is_witnessed = is(Flaw::NoWitness) || witness.is_some_and(is_live);
    let mut in_force = if is_witnessed { said.epoch } else { before };
    if is(Flaw::EpochFalls) {
        in_force = in_force.min(said.epoch);
    }
    let old_list = stored.map_or(0, |kept| kept.said.list);
    let keeps_all = old_list & !said.list == 0;
    let may_shrink = is(Flaw::ListShrinks)
        || in_force > before
        || is(Flaw::AnnouncedShrinks) && said.epoch > before;
    let permit = stored.map_or(0, |kept| kept.said.permit);
    if said.epoch < before && !is(Flaw::EpochFalls)
        || said.permit < permit && !is(Flaw::PermitFalls)
        || !keeps_all && !may_shrink
        || is(Flaw::ListWaits) && !is_witnessed
    {
        return Err(StateError::TakesBack);
    }
    Ok(Kept { said, in_force })
}

/// What is kept although it was refused: with the flaw, its number.
pub(crate) fn refused(flaw: Option<Flaw>, stored: Option<Kept>, signed: Signed) -> Option<Kept> {
    stored.map(|mut kept| {
        if flaw == Some(Flaw::RefusedCounts) {
            kept.said.number = kept.said.number.max(signed.said.number);
        }
        kept
    })
}

/// Which certificate is judged, and by which lists and epochs in force.
pub(crate) fn judged(
    flaw: Option<Flaw>,
    place: usize,
    kept: &[Option<Kept>; 3],
) -> (usize, [View; 3]) {
    let mut views = kept.map(|kept| kept.map(|kept| (kept.said.list, kept.in_force)));
    let make = Make::of(place);
    let stranger = place.checked_sub(STRANGERS).map(|stranger| (stranger / 3, stranger % 3));
    let is_kindless = stranger.is_some_and(|(by, names)| by == names);
    match flaw {
        Some(Flaw::AnnouncedCounts) => {
            views = kept.map(|kept| kept.map(|kept| (kept.said.list, kept.said.epoch)));
        }
        Some(Flaw::SharedEpoch) => {
            let highest = views.iter().flatten().map(|view| view.1).max().unwrap_or(0);
            views = [Some((views[make.names].map_or(0, |view| view.0), highest)); 3];
            for (view, kept) in views.iter_mut().zip(kept) {
                *view = Some((kept.map_or(0, |kept| kept.said.list), highest));
            }
        }
        Some(Flaw::SharedList) => {
            let every = views.iter().flatten().fold(0, |every, view| every | view.0);
            views = views.map(|view| Some((every, view.map_or(0, |view| view.1))));
        }
        Some(Flaw::DevicesUnlisted) => {
            views = views.map(|view| view.map(|(list, in_force)| (list & 0b011, in_force)));
        }
        Some(Flaw::IssuerKept) if make.names == BELOW => views[OWNER] = None,
        Some(Flaw::UnsignedCertificate) if stranger.is_some() && !is_kindless => {
            return (MINTED + make.names, views);
        }
        Some(Flaw::AnyKind) if is_kindless => return (MINTED + make.names, views),
        _ => {}
    }
    (place, views)
}

/// The serial numbers that an issuer lists again in its next state: of a new epoch, those that the epoch does not end.
pub(crate) fn listed_again(flaw: Option<Flaw>, slot: Slot, last: Said, epoch: u8) -> u8 {
    let stays = |place: &u8| {
        let make = Make::of(3 * slot + usize::from(*place));
        let is_device = make.epoch == 0;
        if is_device {
            flaw != Some(Flaw::ForgetsDevices)
        } else {
            make.epoch >= epoch && flaw != Some(Flaw::ForgetsLater)
        }
    };
    if epoch == last.epoch {
        return last.list;
    }
    (0..3).filter(stays).fold(0, |list, place| list | last.list & (1 << place))
}

/// The state that an issuer makes when it needs the next one, and a holder for it.
pub(crate) fn next_of(slot: Slot, kept: Kept) -> (Signed, usize) {
    let number = kept.said.number + 1;
    let said = Said { number, epoch: kept.in_force, ..kept.said };
    let holder = FRESH + 4 * slot + usize::from(kept.in_force);
    (Signed { said, names: slot, by: slot }, holder)
}
