//! Who is honest, whose key is stolen, and what has to come about.

use crate::parties::{BELOW, LAST, MAKER, OWNER, Said, Signed, Slot};

/// What comes about in a course of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Event {
    /// A state is taken.
    Taken,
    /// A state is refused: it is not newer.
    Old,
    /// A state is refused: it takes something back.
    TakesBack,
    /// A state is refused: its issuer did not sign it.
    NotAuthentic,
    /// An epoch comes in force.
    Rises,
    /// A state that lists somebody for the first time is refused, because it drops somebody else before its epoch is in force.
    NewSerialWaits,
    /// A device that was revoked holds again.
    DeviceReturns,
    /// Another holder that was revoked holds again.
    HolderReturns,
    /// A witness lets an epoch rise that was revoked before.
    RevokedWitness,
    /// No holder of an issuer that was there holds any more, by lists alone.
    AllListed,
    /// No holder of an issuer that was there holds any more, by an epoch that only a thief's holder saw.
    AllOutlived,
    /// The last number is used up: there is no next state.
    LastNumber,
}

/// An adversary has every signed state, brings any to the device in any order with any peer as the witness, or withholds it.
pub(crate) struct World {
    pub(crate) name: &'static str,
    /// The issuer whose key the adversary has too.
    pub(crate) stolen: Option<Slot>,
    /// How many states each issuer makes at most, which no thief has.
    pub(crate) makes: [usize; 3],
    /// What the thief signs.
    pub(crate) alphabet: Vec<Signed>,
    pub(crate) events: Vec<Event>,
}

impl World {
    /// Whether it is the thief's issuer, or below it.
    pub(crate) fn is_under_thief(&self, slot: Slot) -> bool {
        self.stolen.is_some_and(|thief| slot == thief || (thief, slot) == (OWNER, BELOW))
    }
}

/// Each state that these numbers, epochs, permits and lists make, signed by the thief in his own name.
fn every(by: Slot, [numbers, epochs, permits, lists]: [&[u8]; 4]) -> Vec<Signed> {
    let mut all = Vec::new();
    for &number in numbers {
        for &epoch in epochs {
            for &permit in permits {
                let said = |list: &u8| Said { number, epoch, permit, list: *list };
                all.extend(lists.iter().map(|list| Signed { said: said(list), names: by, by }));
            }
        }
    }
    all
}

/// States in the name of others.
fn forged(by: Slot) -> impl Iterator<Item = Signed> {
    let said = Said { number: 2, epoch: 3, permit: 2, list: 0b111 };
    (MAKER..=BELOW).filter(move |slot| *slot != by).map(move |names| Signed { said, names, by })
}

/// All of them.
pub(crate) fn worlds() -> Vec<World> {
    use Event::{
        AllListed, AllOutlived, DeviceReturns, HolderReturns, LastNumber, NewSerialWaits,
        NotAuthentic, Old, RevokedWitness, Rises, Taken, TakesBack,
    };
    let honest = |name, makes, events: &[Event]| World {
        name,
        stolen: None,
        makes,
        alphabet: Vec::new(),
        events: events.to_vec(),
    };
    let stolen = |name, by, makes, said: [&[u8]; 4], events: &[Event]| World {
        name,
        stolen: Some(by),
        makes,
        alphabet: every(by, said).into_iter().chain(forged(by)).collect(),
        events: events.to_vec(),
    };
    let lists: Vec<u8> = (0..8).collect();
    let few: [u8; 4] = [0, 0b010, 0b100, 0b111];
    let three = [1, 2, LAST];
    let all: [&[u8]; 4] = [&[1, LAST], &[0, 1, 2, 3], &[0], &lists];
    let more: [&[u8]; 4] = [&three, &[0, 1, 2, 3], &[0], &few];
    let less: [&[u8]; 4] = [&three, &[0, 2, 3], &[0], &few];
    let permits: [&[u8]; 4] = [&three, &[0, 2], &[0, 1, 2], &[0, 0b100]];
    let lone = [Taken, Old, TakesBack, NotAuthentic, Rises, DeviceReturns, LastNumber];
    let thief = [
        Taken,
        Old,
        TakesBack,
        NotAuthentic,
        Rises,
        NewSerialWaits,
        DeviceReturns,
        HolderReturns,
        RevokedWitness,
        AllListed,
        AllOutlived,
        LastNumber,
    ];
    let one = [Taken, Old, TakesBack, Rises, NewSerialWaits];
    let two = [Taken, Old, TakesBack, Rises, NewSerialWaits, RevokedWitness];
    // Small ones first.
    vec![
        stolen("the owner's key is stolen, with permits", OWNER, [0, 0, 0], permits, &lone),
        stolen("the owner's key is stolen, with every list", OWNER, [0, 0, 0], all, &thief),
        honest("three states of the owner", [0, 3, 0], &one),
        honest("two states of the owner, one of the issuer below", [0, 2, 1], &two),
        honest("two states of the maker, one of the owner", [2, 1, 0], &one),
        stolen("the key of the issuer below is stolen", BELOW, [0, 2, 0], less, &thief),
        stolen("the owner's key is stolen", OWNER, [1, 0, 1], more, &thief),
        stolen("the maker's key is stolen", MAKER, [0, 1, 1], less, &thief),
    ]
}
