//! Every course of events, each state once, breadth first: a claim falls in a shortest trace.

use std::collections::BTreeMap;

use medsec_core::identity::issuer_state::StateError;
use medsec_core::identity::trust::Refusal;

use crate::claims::{self, Claim};
use crate::parties::{
    BELOW, EPOCHS, HOLDERS, Kept, MAKER, MINTED, Make, Map, OWNER, Parties, STRANGERS, Said,
    Signed, Slot,
};
use crate::rules::{self, Flaw};
use crate::world::{Event, World};

/// States that an issuer makes at most.
const MAKES: usize = 3;

/// The whole of the model at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) kept: [Option<Kept>; 3],
    made: [[Option<Said>; MAKES]; 3],
    pub(crate) floor: u8,
}

/// Why a certificate does not hold: holders, what the thief made, what he could not make.
pub(crate) type Verdicts = [Option<Refusal>; HOLDERS + 3 + 9];

/// What happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// An honest issuer makes its next state.
    Make(Slot, Said),
    /// A state comes, for an issuer that it may not name, in a session with a peer.
    Take(Signed, Slot, Option<usize>),
    /// The second day is authenticated.
    Day,
    /// A clock shows the first day again.
    Clock,
}

/// A step and what is before and behind it.
pub(crate) struct Move<'m> {
    pub(crate) step: Step,
    pub(crate) before: (&'m Node, &'m Verdicts),
    pub(crate) behind: (&'m Node, &'m Verdicts),
    pub(crate) error: Option<StateError>,
}

/// What a search found.
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) deliveries: usize,
    pub(crate) depth: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) first: BTreeMap<Event, String>,
    pub(crate) broken: Option<String>,
}

struct Entry {
    node: Node,
    verdicts: Verdicts,
    from: usize,
    by: Option<Step>,
    depth: usize,
}

/// A search through one world.
pub(crate) struct Search<'s> {
    pub(crate) world: &'s World,
    pub(crate) parties: &'s mut Parties,
    pub(crate) flaw: Option<Flaw>,
    only: Option<Claim>,
    entries: Vec<Entry>,
    places: Map<Node, usize>,
}

impl<'s> Search<'s> {
    pub(crate) fn new(world: &'s World, parties: &'s mut Parties, flaw: Option<Flaw>) -> Self {
        let (entries, places) = (Vec::new(), Map::default());
        Self { world, parties, flaw, only: None, entries, places }
    }

    /// Looks at one claim alone.
    pub(crate) const fn only(mut self, claim: Claim) -> Self {
        self.only = Some(claim);
        self
    }

    /// That a claim holds here.
    pub(crate) fn claim(&self, claim: Claim, holds: bool) -> Result<(), Claim> {
        let is_asked = self.only.is_none_or(|only| only == claim);
        if holds || !is_asked { Ok(()) } else { Err(claim) }
    }

    /// Explores the world to its end, or to the first claim that falls.
    pub(crate) fn explore(mut self) -> Found {
        let mut found = Found {
            states: 0,
            deliveries: 0,
            depth: 0,
            events: Vec::new(),
            first: BTreeMap::new(),
            broken: None,
        };
        let first = Node { kept: [None; 3], made: [[None; MAKES]; 3], floor: 0 };
        self.place(first, 0, None, 0);
        let mut at = 0;
        while at < self.entries.len() && found.broken.is_none() {
            found.depth = self.entries[at].depth;
            for step in self.steps(&self.entries[at].node) {
                let broken = self.walk(at, step, &mut found).err();
                if let Some(claim) = broken {
                    found.broken = Some(format!("{claim:?} falls: {}", self.trace(at, step)));
                    break;
                }
            }
            at += 1;
        }
        found.states = self.entries.len();
        found.events = found.first.keys().copied().collect();
        found
    }

    fn trace(&self, mut at: usize, last: Step) -> String {
        let mut steps = vec![format!("{last:?}")];
        while let Some(step) = self.entries[at].by {
            steps.push(format!("{step:?}"));
            at = self.entries[at].from;
        }
        steps.reverse();
        steps.join("; ")
    }

    /// The place of a node, which is new if it was not met before.
    fn place(&mut self, node: Node, from: usize, by: Option<Step>, depth: usize) -> usize {
        if let Some(place) = self.places.get(&node) {
            return *place;
        }
        let mut verdicts = [None; HOLDERS + 3 + 9];
        let strangers = STRANGERS..STRANGERS + 9;
        for (verdict, place) in verdicts.iter_mut().zip((0..MINTED + 3).chain(strangers)) {
            *verdict = self.judge(place, &node.kept, node.floor);
        }
        self.entries.push(Entry { node, verdicts, from, by, depth });
        let place = self.entries.len() - 1;
        self.places.insert(node, place);
        place
    }

    /// Why a certificate does not hold.
    pub(crate) fn judge(
        &mut self,
        place: usize,
        kept: &[Option<Kept>; 3],
        floor: u8,
    ) -> Option<Refusal> {
        let (place, views) = rules::judged(self.flaw, place, kept);
        let real = self.flaw.is_none().then_some(kept);
        self.parties.judge(place, views, floor, real)
    }

    /// What is kept after a state: by the product, with which the rules agree, or by rules with a flaw.
    pub(crate) fn take(
        &mut self,
        all: &[Option<Kept>; 3],
        slot: Slot,
        signed: Signed,
        witness: Option<usize>,
    ) -> Result<Kept, StateError> {
        let ruled = rules::take(self.parties, self.flaw, all, slot, signed, witness);
        if self.flaw.is_some() {
            return ruled;
        }
        let taken = self.parties.take((slot, all[slot], signed, witness));
        assert_eq!(taken, ruled, "{:?} {signed:?} {witness:?}", all[slot]);
        taken
    }

    fn walk(&mut self, at: usize, step: Step, found: &mut Found) -> Result<(), Claim> {
        let Entry { node, verdicts, depth, .. } = self.entries[at];
        let mut next = node;
        let mut error = None;
        match step {
            Step::Make(slot, said) => {
                let place = next.made[slot].iter_mut().find(|place| place.is_none());
                *place.unwrap() = Some(said);
            }
            Step::Take(signed, slot, witness) => {
                found.deliveries += 1;
                match self.take(&node.kept, slot, signed, witness) {
                    Ok(kept) => {
                        next.kept[slot] = Some(kept);
                        if self.flaw == Some(Flaw::StateDay) {
                            next.floor = 1;
                        }
                    }
                    Err(refused) => {
                        error = Some(refused);
                        next.kept[slot] = rules::refused(self.flaw, node.kept[slot], signed);
                    }
                }
            }
            Step::Day => next.floor = 1,
            Step::Clock => {
                if self.flaw == Some(Flaw::FloorFalls) {
                    next.floor = 0;
                }
            }
        }
        let place = self.place(next, at, Some(step), depth + 1);
        let behind = self.entries[place].verdicts;
        let moved = Move { step, before: (&node, &verdicts), behind: (&next, &behind), error };
        for event in claims::events(self.world, &moved) {
            found.first.entry(event).or_insert_with(|| self.trace(at, step));
        }
        claims::hold(self, &moved)
    }

    /// All that can happen.
    fn steps(&self, node: &Node) -> Vec<Step> {
        let mut steps = vec![if node.floor == 0 { Step::Day } else { Step::Clock }];
        for slot in MAKER..=BELOW {
            self.makes(node, slot, &mut steps);
            let made = node.made[slot].iter().flatten();
            for said in made {
                let signed = Signed { said: *said, names: slot, by: slot };
                self.deliver(signed, slot, &mut steps);
            }
        }
        for signed in &self.world.alphabet {
            self.deliver(*signed, signed.names, &mut steps);
            if signed.names != signed.by {
                // In his own name, as if it were the other's.
                let own = Signed { names: signed.by, ..*signed };
                self.deliver(own, signed.names, &mut steps);
            }
        }
        steps
    }

    fn deliver(&self, signed: Signed, slot: Slot, steps: &mut Vec<Step>) {
        let foreign = if slot == OWNER { MAKER } else { OWNER };
        let minted = (self.world.stolen == Some(slot)).then_some(MINTED + slot);
        let peers = (3 * slot..3 * slot + 3).chain([3 * foreign + 1]).chain(minted);
        let peers = peers.filter(|place| self.parties.is_peer(*place)).map(Some);
        steps.extend(peers.chain([None]).map(|witness| Step::Take(signed, slot, witness)));
    }

    /// The states that an honest issuer can make next: one more serial number, a later epoch, or both.
    fn makes(&self, node: &Node, slot: Slot, steps: &mut Vec<Step>) {
        let made = node.made[slot].iter().flatten().count();
        if made >= self.world.makes[slot] {
            return;
        }
        let none = Said { number: 0, epoch: 0, permit: 0, list: 0 };
        let last = node.made[slot].iter().flatten().last().copied().unwrap_or(none);
        let highest = u8::try_from(EPOCHS.len() - 1).unwrap();
        for epoch in last.epoch..highest {
            let again = rules::listed_again(self.flaw, slot, last, epoch);
            let is_over = |make: Make| make.epoch > 0 && make.epoch < epoch;
            let more = (0..3_u8)
                .filter(|place| !is_over(Make::of(3 * slot + usize::from(*place))))
                .map(|place| again | (1 << place))
                .chain([again]);
            for list in more {
                let said = Said { number: last.number + 1, epoch, permit: 0, list };
                // Beside a thief, who has any state, others make few: their device goes.
                let is_plain = list == 0b100 && epoch != 1;
                let is_new = (epoch, list) != (last.epoch, last.list);
                if is_new && (self.world.stolen.is_none() || is_plain) {
                    steps.push(Step::Make(slot, said));
                }
            }
        }
    }
}
