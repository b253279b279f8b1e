//! Every course of events in a world: breadth first, each state once, so the first trace that breaks a claim is a shortest one.

use std::collections::{HashMap, HashSet};

use medsec_core::identity::certificate::{Certificate, Kind};
use medsec_transport::link::LinkError;
use medsec_transport::noise::Primitives as _;
use medsec_transport::noise::handshake_state::Role;
use medsec_transport::noise::pattern::{Pattern, Token};

use crate::adversary::Knowledge;
use crate::certificates::Roots;
use crate::claims::{self, Claim};
use crate::flaw::{self, Flaw};
use crate::side::{Side, Start};
use crate::terms::{self, SlotId, Symbolic, Term, term_of};
use crate::world::{ADVERSARY, Event, Holder, LABEL, Plan, World, ephemeral, holders};

/// Sides in one world.
const PLANS_MAX: usize = 5;
pub(crate) type NodeId = u32;
/// The byte before a frame.
pub(crate) const FRAME: u8 = 0x81;
/// What the adversary says in frames of his own.
pub(crate) const LIES: [u8; 32] = [0xee; 32];

/// Where one side stands after the messages it took.
pub(crate) struct Node {
    pub(crate) plan: usize,
    pub(crate) inputs: Vec<Vec<u8>>,
    /// The messages of its handshake, in turn, of both sides.
    pub(crate) transcript: Vec<Vec<u8>>,
    /// What it said can be seen by everybody.
    said: Vec<Term>,
    /// The frame it said.
    frame: Vec<u8>,
    pub(crate) end: Option<Outcome>,
    /// The body of the frame it took.
    pub(crate) heard: Option<[u8; 32]>,
}

/// A complete handshake.
pub(crate) struct Outcome {
    pub(crate) hash: [u8; 32],
    pub(crate) remote: [u8; 32],
    pub(crate) send: Term,
    pub(crate) receive: Term,
    pub(crate) peer: Option<Certificate>,
    pub(crate) announced: Kind,
    pub(crate) is_confirmed: bool,
}

/// All sides, and what was told to the adversary.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    nodes: [NodeId; PLANS_MAX],
    revealed: u8,
    /// Sides that were confirmed when the secrets that prove their peer were not told to anybody.
    sound: u8,
}

/// What was found in a world.
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) deliveries: usize,
    pub(crate) depth: usize,
    pub(crate) events: Vec<Event>,
    pub(crate) broken: Option<(Claim, String)>,
}

pub(crate) struct Search<'w> {
    pub(crate) world: &'w World,
    flaw: Option<Flaw>,
    /// The one claim that is looked at, or all of them.
    only: Option<Claim>,
    pub(crate) holders: Vec<Holder>,
    pub(crate) certificates: Vec<Certificate>,
    roots: Roots,
    pub(crate) patterns: Vec<&'static Pattern>,
    pub(crate) nodes: Vec<Node>,
    next: HashMap<(NodeId, Vec<u8>), Option<NodeId>>,
    pub(crate) slots: HashMap<(NodeId, Vec<u8>), Option<SlotId>>,
    /// Public keys of everybody.
    pub(crate) keys: Vec<Term>,
}

/// What one side says in its first frame.
pub(crate) fn frame_of(plan: usize) -> [u8; 32] {
    [0xf0 + u8::try_from(plan).unwrap(); 32]
}

impl<'w> Search<'w> {
    pub(crate) fn new(world: &'w World, flaw: Option<Flaw>) -> Self {
        terms::begin(flaw);
        let holders = holders();
        let certificates: Vec<Certificate> =
            holders.iter().map(|holder| holder.certificate).collect();
        for certificate in &certificates {
            terms::text(&certificate.to_wire());
        }
        let patterns = world.plans.iter().map(|plan| flaw::pattern(plan.way, flaw)).collect();
        let mut secrets: Vec<u8> = holders.iter().map(|holder| holder.secret).collect();
        secrets.extend(ADVERSARY);
        let plans = u8::try_from(world.plans.len()).unwrap();
        secrets.extend((0..plans).map(ephemeral));
        secrets.sort_unstable();
        secrets.dedup();
        let keys = secrets.into_iter().map(|secret| terms::public(terms::secret(secret)));
        let mut search = Self {
            world,
            flaw,
            only: None,
            holders,
            certificates,
            roots: Roots::new(),
            patterns,
            nodes: Vec::new(),
            next: HashMap::new(),
            slots: HashMap::new(),
            keys: keys.collect(),
        };
        for plan in 0..world.plans.len() {
            terms::text(&frame_of(plan));
            let node = search.run(plan, &[]).unwrap_or_else(|_| Node {
                plan,
                inputs: Vec::new(),
                transcript: Vec::new(),
                said: Vec::new(),
                frame: Vec::new(),
                end: None,
                heard: None,
            });
            search.nodes.push(node);
        }
        search
    }

    /// Looks at one claim as if there were no others.
    pub(crate) fn only(mut self, claim: Claim) -> Self {
        self.only = Some(claim);
        self
    }

    /// A claim that holds or not, if it is looked at.
    pub(crate) fn claim(&self, claim: Claim, holds: bool) -> Result<(), Claim> {
        let is_asked = self.only.is_none_or(|only| only == claim);
        if is_asked && !holds { Err(claim) } else { Ok(()) }
    }

    pub(crate) fn start<'a>(
        &'a self,
        plan: &Plan,
        index: usize,
        pair: &'a Term,
    ) -> Start<'a, Symbolic> {
        let holder = |place: usize| &self.holders[place].certificate;
        let number = if self.flaw == Some(Flaw::OneEphemeral) { plan.party } else { index };
        let number = u8::try_from(number).unwrap();
        Start {
            way: plan.way,
            pattern: self.patterns[index],
            pair,
            certificate: holder(plan.party),
            pin: plan.pin.map(holder),
            psk: plan.psk.map(|psk| terms::bytes(terms::secret(psk))),
            binding: [plan.binding; 32],
            kinds: plan.kinds,
            subject: plan.subject.map(|place| holder(place).claims().subject),
            ephemeral: terms::bytes(terms::secret(ephemeral(number))),
            roots: &self.roots,
            certificates: &self.certificates,
            flaw: self.flaw,
        }
    }

    /// A side from its beginning, after these messages.
    pub(crate) fn run(&self, index: usize, inputs: &[Vec<u8>]) -> Result<Node, LinkError> {
        let plan = &self.world.plans[index];
        let pattern = self.patterns[index];
        let pair = terms::secret(self.holders[plan.party].secret);
        let start = self.start(plan, index, &pair);
        let mut node = Node {
            plan: index,
            inputs: inputs.to_vec(),
            transcript: Vec::new(),
            said: Vec::new(),
            frame: Vec::new(),
            end: None,
            heard: None,
        };
        let mut rest = inputs.iter();
        let mut side = if plan.role == Role::Initiator {
            let (side, first) = Side::begin(&start)?;
            node.said.extend(self.terms_in(index, 0, &first));
            node.transcript.push(first);
            side
        } else {
            let Some(first) = rest.next() else { return Ok(node) };
            let (side, second) = Side::accept(&start, first)?;
            node.said.extend(self.terms_in(index, 1, &second));
            node.transcript.extend([first.clone(), second]);
            side
        };
        if node.transcript.len() < pattern.messages.len() {
            let Some(message) = rest.next() else { return Ok(node) };
            let answer = side.receive(message)?;
            node.transcript.push(message.clone());
            if let Some(third) = answer {
                node.said.extend(self.terms_in(index, 2, &third));
                node.transcript.push(third);
            }
        }
        let Ok(mut end) = side.end() else { return Ok(node) };
        if let Some(frame) = rest.next() {
            node.heard = Some(open(&mut end.finished.receive, frame)?);
            end.is_confirmed = true;
        }
        let key = |cipher: &terms::Cipher| term_of(&cipher.key).unwrap();
        node.end = Some(Outcome {
            hash: end.finished.handshake_hash,
            remote: end.finished.remote_static,
            send: key(&end.finished.send),
            receive: key(&end.finished.receive),
            peer: end.peer,
            announced: end.announced,
            is_confirmed: end.is_confirmed,
        });
        if end.is_confirmed {
            node.frame = frame(&mut end.finished.send, index);
            node.said.extend(term_of(&node.frame[33..]));
        }
        Ok(node)
    }

    /// The terms in a message as it was written.
    fn terms_in(&self, plan: usize, message: usize, bytes: &[u8]) -> Vec<Term> {
        let mut terms = Vec::new();
        let mut at = if message == 0 { 4 } else { 1 };
        for token in self.patterns[plan].messages[message] {
            if *token == Token::E {
                terms.extend(term_of(&bytes[at..at + 32]));
                at += 32;
            } else if *token == Token::S {
                terms.extend(term_of(&bytes[at + 32..at + 48]));
                at += 48;
            }
        }
        if at < bytes.len() {
            terms.extend(term_of(&bytes[bytes.len() - 16..]));
        }
        terms
    }

    fn deliver(&mut self, id: NodeId, message: Vec<u8>) -> Option<NodeId> {
        let key = (id, message);
        if let Some(next) = self.next.get(&key) {
            return *next;
        }
        let node = &self.nodes[index(id)];
        let mut inputs = node.inputs.clone();
        inputs.push(key.1.clone());
        let next = self.run(node.plan, &inputs).ok().map(|next| {
            self.nodes.push(next);
            NodeId::try_from(self.nodes.len() - 1).unwrap()
        });
        self.next.insert(key, next);
        next
    }

    fn knowledge(&self, state: &State, told: &[u8]) -> Knowledge {
        let world = self.world;
        let is_hidden =
            |secret: u8| world.hidden.iter().any(|place| self.holders[*place].secret == secret);
        let revealed = self.revealed(state);
        let secrets = ADVERSARY.iter().chain(&world.leaked).chain(&revealed).chain(told);
        let names = self.holders.iter().filter(|holder| !is_hidden(holder.secret));
        let names = names.flat_map(|holder| {
            let wire = terms::text(&holder.certificate.to_wire());
            [wire, terms::public(terms::secret(holder.secret))]
        });
        let said = self.at(state).flat_map(|node| node.said.iter().copied());
        Knowledge::of(secrets.map(|secret| terms::secret(*secret)).chain(names).chain(said))
    }

    fn revealed(&self, state: &State) -> Vec<u8> {
        let is_told = |place: &usize| state.revealed & (1 << place) != 0;
        let places = (0..self.world.reveals.len()).filter(is_told);
        places.map(|place| self.world.reveals[place]).collect()
    }

    /// The secret of a static key, if it is anybody's.
    pub(crate) fn holder_of(&self, key: &[u8; 32]) -> Option<Term> {
        let term = term_of(key)?;
        self.keys.contains(&term).then_some(term)
    }

    fn at<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a Node> {
        let nodes = state.nodes.iter().take(self.world.plans.len());
        nodes.map(|id| &self.nodes[index(*id)])
    }

    /// What is claimed of every state, whatever comes after it.
    fn holds(&self, state: &State, knowledge: &mut Knowledge) -> Result<(), Claim> {
        let nodes: Vec<&Node> = self.at(state).collect();
        let told = self.revealed(state);
        claims::secrecy(self, &nodes, state.sound, &told, knowledge)?;
        if state.sound == 0 && self.world.hidden.is_empty() {
            return Ok(());
        }
        let hidden = &self.world.hidden;
        let mut all = vec![0, 1, 2, LABEL];
        all.retain(|secret| hidden.iter().all(|place| self.holders[*place].secret != *secret));
        let mut later = self.knowledge(state, &all);
        claims::forward_secrecy(self, &nodes, state.sound, &told, &mut later)?;
        claims::hiding(self, &mut later)
    }

    /// All of the world, or up to the first claim that does not hold.
    pub(crate) fn explore(mut self) -> Found {
        let mut nodes = [0; PLANS_MAX];
        for (place, id) in nodes.iter_mut().zip(0..NodeId::try_from(self.nodes.len()).unwrap()) {
            *place = id;
        }
        let first = State { nodes, revealed: 0, sound: 0 };
        let mut states = vec![(first, 0_usize, String::new(), 0_usize)];
        let mut seen = HashSet::from([first]);
        let mut found =
            Found { states: 0, deliveries: 0, depth: 0, events: Vec::new(), broken: None };
        let mut at = 0;
        while at < states.len() && found.broken.is_none() {
            let (state, _, _, depth) = states[at];
            found.depth = depth;
            let mut knowledge = self.knowledge(&state, &[]);
            let mut broken = self.holds(&state, &mut knowledge).err().map(|claim| (claim, None));
            let steps = self.steps(&state, &mut knowledge, &mut found, &mut broken);
            for (next, step) in steps {
                if seen.insert(next) {
                    states.push((next, at, step, depth + 1));
                }
            }
            found.broken = broken.map(|(claim, last)| (claim, trace(&states, at, last)));
            at += 1;
        }
        found.states = states.len();
        found.events.sort_unstable();
        found
    }

    /// A message by what is in it.
    fn describe(&self, message: &[u8]) -> String {
        let parts = (0..message.len().saturating_sub(7)).filter_map(|at| {
            let (name, rest) = message[at..].split_first_chunk()?;
            let term = Term::from_le_bytes(*rest.first_chunk()?);
            let is_seen = || self.nodes.iter().any(|node| node.said.contains(&term));
            match name {
                b"term" => Some(terms::name(term)),
                b"seal" if is_seen() => Some("ciphertext".to_owned()),
                b"seal" => Some("own ciphertext".to_owned()),
                _ => None,
            }
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    fn steps(
        &mut self,
        state: &State,
        knowledge: &mut Knowledge,
        found: &mut Found,
        broken: &mut Option<(Claim, Option<String>)>,
    ) -> Vec<(State, String)> {
        let mut steps = Vec::new();
        for plan in 0..self.world.plans.len() {
            let id = state.nodes[plan];
            for message in self.messages(id, knowledge) {
                let is_sent =
                    |node: &Node| node.transcript.contains(&message) || node.frame == message;
                if self.world.is_listening && !self.at(state).any(is_sent) {
                    continue;
                }
                found.deliveries += 1;
                let Some(node) = self.deliver(id, message.clone()) else { continue };
                let mut next = *state;
                next.nodes[plan] = node;
                let step = format!("side {plan} takes {}", self.describe(&message));
                let moved = next;
                let nodes: Vec<&Node> = self.at(&moved).collect();
                let was_confirmed = is_confirmed(&self.nodes[index(id)]);
                let was_sound = state.sound & (1 << plan) != 0;
                let told = self.revealed(state);
                match claims::moved(self, &nodes, plan, (was_confirmed, was_sound), &told) {
                    Ok(is_sound) => next.sound |= u8::from(is_sound) << plan,
                    Err(claim) => {
                        broken.get_or_insert((claim, Some(step.clone())));
                    }
                }
                claims::events(self, &nodes, plan, next.sound, &mut found.events);
                steps.push((next, step));
            }
        }
        if claims::is_seen(self, knowledge) && !found.events.contains(&Event::Seen) {
            found.events.push(Event::Seen);
        }
        for place in 0..self.world.reveals.len() {
            let next = State { revealed: state.revealed | 1 << place, ..*state };
            steps.push((next, format!("secret {} is told", self.world.reveals[place])));
        }
        steps
    }
}

pub(crate) fn is_confirmed(node: &Node) -> bool {
    node.end.as_ref().is_some_and(|end| end.is_confirmed)
}

/// The frame that one side says.
fn frame(cipher: &mut terms::Cipher, plan: usize) -> Vec<u8> {
    let mut body = frame_of(plan);
    let tag = Symbolic::encrypt(cipher, &[FRAME], &mut body).unwrap();
    [&[FRAME], &body[..], &tag].concat()
}

fn open(cipher: &mut terms::Cipher, frame: &[u8]) -> Result<[u8; 32], LinkError> {
    let (front, tag) = frame.split_last_chunk().ok_or(LinkError::Layout)?;
    let (header, body) = front.split_first().ok_or(LinkError::Layout)?;
    let mut body: [u8; 32] = body.try_into().map_err(|_| LinkError::Layout)?;
    Symbolic::decrypt(cipher, &[*header], &mut body, tag).map_err(|_| LinkError::NotAuthentic)?;
    Ok(body)
}

pub(crate) fn index(id: NodeId) -> usize {
    usize::try_from(id).unwrap()
}

/// The steps that lead to a state, and one more.
fn trace(states: &[(State, usize, String, usize)], at: usize, last: Option<String>) -> String {
    let mut steps: Vec<String> = last.into_iter().collect();
    let mut at = at;
    while at != 0 {
        let (_, before, step, _) = &states[at];
        steps.push(step.clone());
        at = *before;
    }
    steps.reverse();
    steps.join("; ")
}
