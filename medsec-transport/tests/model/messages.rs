//! Every message that a side might take, as far as an adversary can make it.
//!
//! He need not guess. Each ciphertext that a side would take lies in a slot, of a key and what it is bound to, and the side itself
//! tells which by failing to open another. He has such a ciphertext if he has seen it, or can compute it. So of the infinitely many
//! messages just those are left out that are refused.

use medsec_transport::noise::handshake_state::Role;
use medsec_transport::noise::pattern::{Pattern, Token};

use crate::adversary::Knowledge;
use crate::search::{FRAME, LIES, Node, NodeId, Search, index};
use crate::side::Way;
use crate::terms::{self, SlotId, Term, term_of};

impl Search<'_> {
    /// The message of the handshake that a node waits for, by number.
    fn due(&self, node: &Node) -> Option<usize> {
        let messages = self.patterns[node.plan].messages.len();
        let is_initiator = self.world.plans[node.plan].role == Role::Initiator;
        let has_begun = !is_initiator || !node.transcript.is_empty();
        (has_begun && node.transcript.len() < messages).then_some(node.transcript.len())
    }

    /// Where a side would look for the ciphertext that comes behind `front`, in a message that is `length` longer.
    fn slot(&mut self, id: NodeId, front: &[u8], length: usize) -> Option<SlotId> {
        if let Some(slot) = self.slots.get(&(id, front.to_vec())) {
            return *slot;
        }
        let node = &self.nodes[index(id)];
        let mut inputs = node.inputs.clone();
        inputs.push([front, &vec![0xcc; length]].concat());
        terms::take_missed();
        let is_refused = self.run(node.plan, &inputs).is_err();
        let slot = terms::take_missed();
        assert!(is_refused, "nothing was sealed there");
        self.slots.insert((id, front.to_vec()), slot);
        slot
    }

    /// The messages with one more ciphertext at the end, of a text that the adversary names or one that he has not opened.
    fn sealed(
        &mut self,
        id: NodeId,
        fronts: &[Vec<u8>],
        behind: usize,
        texts: &[Vec<u8>],
        knowledge: &mut Knowledge,
    ) -> Vec<Vec<u8>> {
        let Some(length) = texts.first().map(Vec::len) else { return Vec::new() };
        let mut messages = Vec::new();
        for front in fronts {
            let Some(slot) = self.slot(id, front, length + 16 + behind) else { continue };
            let mut there: Vec<Term> = terms::with(|terms| terms.sealed(slot).to_vec());
            there.retain(|term| {
                knowledge.has(*term) && terms::with(|terms| terms.length(*term) == length)
            });
            if knowledge.can_seal(slot) {
                there.extend(texts.iter().map(|text| terms::seal(slot, text)));
            }
            there.sort_unstable();
            there.dedup();
            messages.extend(
                there.iter().map(|term| [&front[..], &terms::ciphertext(*term, length)].concat()),
            );
        }
        messages
    }

    /// Every message that this side might take.
    pub(crate) fn messages(&mut self, id: NodeId, knowledge: &mut Knowledge) -> Vec<Vec<u8>> {
        let node = &self.nodes[index(id)];
        let plan = &self.world.plans[node.plan];
        let Some(due) = self.due(node) else {
            let hears = node.end.is_some() && node.heard.is_none();
            let lies = if hears { vec![LIES.to_vec()] } else { Vec::new() };
            return self.sealed(id, &[vec![FRAME]], 0, &lies, knowledge);
        };
        let pattern = self.patterns[node.plan];
        let (way, tokens) = (plan.way, pattern.messages[due]);
        let mut fronts: Vec<Vec<u8>> = match due {
            0 => {
                let start = self.start(plan, node.plan, &0);
                start.headers().map(|header| header.to_vec()).collect()
            }
            1 => vec![vec![0x10]],
            _ => vec![vec![0x11]],
        };
        let keys: Vec<Vec<u8>> = knowledge
            .public_keys(&self.keys)
            .into_iter()
            .map(|key| terms::bytes(key).to_vec())
            .chain([vec![0; 32]])
            .collect();
        let texts = self.payloads(way, due, knowledge);
        let is_sealed = has_key(pattern, due);
        let tail = texts.first().map_or(0, Vec::len) + if is_sealed { 16 } else { 0 };
        for token in tokens {
            if *token == Token::E {
                let pairs =
                    fronts.iter().flat_map(|front| keys.iter().map(move |key| (front, key)));
                fronts = pairs.map(|(front, key)| [&front[..], key].concat()).collect();
            } else if *token == Token::S {
                fronts = self.sealed(id, &fronts, tail, &keys, knowledge);
            }
        }
        if is_sealed { self.sealed(id, &fronts, 0, &texts, knowledge) } else { fronts }
    }

    /// The payloads that a message can have.
    fn payloads(&self, way: Way, due: usize, knowledge: &mut Knowledge) -> Vec<Vec<u8>> {
        let has_certificate = due == 1 && way != Way::Pinned || due == 2 && way == Way::Certified;
        if !has_certificate {
            return vec![Vec::new()];
        }
        let mut wires: Vec<_> =
            self.certificates.iter().map(|certificate| certificate.to_wire().to_vec()).collect();
        // An adversary who knows none still has to find those that he was sent.
        wires.sort_by_key(|wire| !knowledge.has(term_of(wire).unwrap()));
        let known = wires.iter().filter(|wire| knowledge.has(term_of(wire).unwrap())).count();
        wires.truncate(known.max(1));
        wires
    }
}

/// Whether the payload of a message is encrypted.
fn has_key(pattern: &Pattern, message: usize) -> bool {
    let mut tokens = pattern.messages[..=message].iter().copied().flatten();
    tokens.any(|token| *token != Token::S && (*token != Token::E || pattern.has_psk))
}
