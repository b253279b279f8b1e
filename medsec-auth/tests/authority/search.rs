//! All that can come about, breadth first, by the rules; and walks through it on which the product is asked the same.

use std::collections::{HashMap, HashSet};

use medsec_core::lifecycle::State;

use crate::claims::{self, Claim, Move};
use crate::device::Device;
use crate::rules::{Flaw, Rules};
use crate::world::{Node, Reply, Step};

/// A state that was met, and how it was come to.
pub(crate) struct Entry {
    node: Node,
    from: usize,
    by: Option<Step>,
    depth: usize,
}

/// What a search met.
pub(crate) struct Found {
    pub(crate) entries: Vec<Entry>,
    pub(crate) transitions: usize,
    pub(crate) broken: Option<(Claim, String)>,
}

/// Explores what is less than `depth` steps from a device in the state `life`, until a claim falls that `asks` asks for.
pub(crate) fn explore(
    flaw: Option<Flaw>,
    life: State,
    depth: usize,
    asks: impl Fn(Claim) -> bool,
) -> Found {
    let rules = Rules(flaw);
    let first = Entry { node: Node::new(life), from: 0, by: None, depth: 0 };
    let mut places = HashMap::from([(first.node, 0)]);
    let mut found = Found { entries: vec![first], transitions: 0, broken: None };
    let mut at = 0;
    while at < found.entries.len() && found.entries[at].depth < depth {
        let Entry { node, depth, .. } = found.entries[at];
        for step in node.steps() {
            let (behind, reply) = rules.apply(&node, step);
            found.transitions += 1;
            let moved = Move { step, before: &node, behind: &behind, reply };
            if let Some(claim) = claims::hold(rules, &moved, &asks) {
                found.broken = Some((claim, found.trace(at, step)));
                return found;
            }
            places.entry(behind).or_insert_with(|| {
                found.entries.push(Entry {
                    node: behind,
                    from: at,
                    by: Some(step),
                    depth: depth + 1,
                });
                found.entries.len() - 1
            });
        }
        at += 1;
    }
    found
}

impl Found {
    /// The deepest step that was taken.
    pub(crate) fn depth(&self) -> usize {
        self.entries.last().map_or(0, |entry| entry.depth)
    }

    fn path(&self, mut at: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        while let Some(step) = self.entries[at].by {
            steps.push(step);
            at = self.entries[at].from;
        }
        steps.reverse();
        steps
    }

    fn trace(&self, at: usize, last: Step) -> String {
        let steps = self.path(at).into_iter().chain([last]);
        steps.map(|step| format!("{step:?}")).collect::<Vec<_>>().join("; ")
    }
}

/// What walks came to.
#[derive(Default)]
pub(crate) struct Walked {
    pub(crate) transitions: usize,
    pub(crate) calls: usize,
    pub(crate) walks: usize,
}

/// Takes every transition from states that are less than `depth` steps away at least once on the product, whose answers and whose state behind
/// it have to be those of the rules. A walk goes on from where it has come to, as long as there is something new near by.
pub(crate) fn walk(found: &Found, device: &mut Device, life: State, depth: usize) -> Walked {
    let near: Vec<&Entry> = found.entries.iter().take_while(|entry| entry.depth < depth).collect();
    let places: HashMap<Node, usize> =
        near.iter().enumerate().map(|(place, entry)| (entry.node, place)).collect();
    let after = |place: usize| {
        let node = near[place].node;
        let behind = |step| places.get(&Rules(None).apply(&node, step).0).copied();
        let mut steps: Vec<Way> =
            node.steps().into_iter().map(|step| (step, behind(step))).collect();
        // What leads nowhere new comes last, what leaves all as it is first: the end of the list is taken.
        steps.sort_by_key(|(_, behind)| (*behind == Some(place), behind.is_some()));
        steps
    };
    let ways: Vec<Vec<Way>> = (0..near.len()).map(after).collect();
    let mut left = ways.clone();
    let mut walked = Walked::default();
    for start in 0..near.len() {
        while !left[start].is_empty() {
            walked.walks += 1;
            device.begin(life);
            for step in found.path(start) {
                device.step(step);
                walked.calls += 1;
            }
            let mut at = Some(start);
            while let Some(place) = at {
                let own = left[place].pop().map(|way| vec![(place, way)]);
                let Some(path) = own.or_else(|| nearest(&ways, &left, place)) else { break };
                for (place, (step, behind)) in path {
                    ask(device, &near[place].node, step);
                    walked.calls += 1;
                    at = behind;
                }
            }
        }
    }
    walked.transitions = ways.iter().map(Vec::len).sum();
    walked
}

/// A step, and the state it leads to if that is near enough.
type Way = (Step, Option<usize>);

/// How many states are looked through for one with something new.
const LOOKED_THROUGH: usize = 200;

/// The shortest way to a state from which there is something new: each step with the state it is taken in.
fn nearest(ways: &[Vec<Way>], left: &[Vec<Way>], from: usize) -> Option<Vec<(usize, Way)>> {
    let mut met: Vec<(usize, usize, Way)> = vec![(from, 0, (Step::Later, None))];
    let mut seen = HashSet::from([from]);
    let mut at = 0;
    while at < met.len().min(LOOKED_THROUGH) {
        let (place, ..) = met[at];
        if !left[place].is_empty() {
            let mut path = Vec::new();
            while at > 0 {
                let (_, before, way) = met[at];
                path.push((met[before].0, way));
                at = before;
            }
            path.reverse();
            return Some(path);
        }
        for way in &ways[place] {
            if let Some(behind) = way.1.filter(|behind| seen.insert(*behind)) {
                met.push((behind, at, *way));
            }
        }
        at += 1;
    }
    None
}

/// Takes one step on the product.
fn ask(device: &mut Device, node: &Node, step: Step) {
    let (behind, expected) = Rules(None).apply(node, step);
    let reply: Reply = device.step(step);
    let trace = || format!("{step:?} at {node:?}");
    assert_eq!(reply, expected, "{}", trace());
    device.check(&behind, &trace);
}
