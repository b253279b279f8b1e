//! What is claimed of links, each claim a function of a state.
//!
//! A link is *sound* if nobody but its holder had a secret that proves the peer when this side took it for confirmed: the peer's static
//! key, or on a link by label the label. This side's own ephemeral key must be its own; its static key can be stolen.

use medsec_transport::noise::handshake_state::Role;

use crate::adversary::Knowledge;
use crate::search::{Node, Outcome, Search, frame_of, is_confirmed};
use crate::side::{SUITE, Way};
use crate::terms;
use crate::world::{ADVERSARY, Event, OTHER_PUMP, Plan, ephemeral};

/// What is claimed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Claim {
    /// Nobody else has the keys of a sound link.
    Secrecy,
    /// Nor has anybody who is later told all static keys and labels.
    ForwardSecrecy,
    /// The other end of a sound link is a side of the peer, with whom it has all in common: what was said, way, kind, channel, label, pins
    /// and each other's key; no other link has this other end.
    Agreement,
    /// The first frame on a sound link is the peer's.
    Frame,
    /// A certificate is for the key that was proved, signed and not revoked, and what this side looks for.
    Peer,
    /// The key that was proved is somebody's.
    Possession,
    /// No side has a link with its own key.
    Oneself,
    /// The handshake hash names a link: two sides at most have it, and what they heard is the same.
    Name,
    /// No key is used by two senders.
    Key,
    /// Who is pinned is answered, and nobody else.
    Answer,
    /// Who hides is known to nobody but who it was looking for.
    Hiding,
}

/// Claims that there are; each is seen to fall.
pub(crate) const COUNT: usize = 11;

fn public(secret: u8) -> [u8; 32] {
    terms::bytes(terms::public(terms::secret(secret)))
}

fn starts(plan: &Plan) -> bool {
    plan.role == Role::Initiator
}

fn own_key(search: &Search<'_>, node: &Node) -> [u8; 32] {
    public(search.holders[search.world.plans[node.plan].party].secret)
}

/// The side at the other end: its transcript is this one's, but for a last message that is still on its way.
fn partner<'n>(search: &Search<'_>, nodes: &[&'n Node], of: usize) -> Option<&'n Node> {
    let plans = &search.world.plans;
    let node = nodes[of];
    let end = node.end.as_ref()?;
    nodes.iter().copied().find(|other| {
        starts(&plans[other.plan]) != starts(&plans[of])
            && own_key(search, other) == end.remote
            && node.transcript.starts_with(&other.transcript)
            && other.transcript.len() + 1 >= node.transcript.len()
            && !other.transcript.is_empty()
    })
}

/// Whether two sides have in common what a link is of, and whom each takes the other for.
fn is_agreed(search: &Search<'_>, node: &Node, end: &Outcome, other: &Node) -> bool {
    let [plan, peer] = [node, other].map(|node| &search.world.plans[node.plan]);
    let certificate = |plan: &Plan| search.holders[plan.party].certificate.to_bytes();
    let pinned = |plan: &Plan| plan.pin.map(|pin| search.holders[pin].certificate.to_bytes());
    let initiator = if starts(plan) { plan } else { peer };
    let is_same = plan.way == peer.way && plan.binding == peer.binding && plan.psk == peer.psk;
    let is_kind = end.announced == search.holders[initiator.party].certificate.claims().kind;
    let is_peer = end.peer.is_none_or(|shown| shown.to_bytes() == certificate(peer));
    let is_pinned = plan.way != Way::Pinned
        || pinned(plan) == Some(certificate(peer)) && pinned(peer) == Some(certificate(plan));
    let is_mutual = other.end.as_ref().is_none_or(|back| {
        back.remote == own_key(search, node)
            && back.hash == end.hash
            && back.announced == end.announced
            && (back.send, back.receive) == (end.receive, end.send)
    });
    is_same && is_kind && is_peer && is_pinned && is_mutual
}

/// Whether nobody but holders has the secrets that prove this side's peer.
fn is_sound(search: &Search<'_>, plan: usize, end: &Outcome, told: &[u8]) -> bool {
    let world = search.world;
    let is_known = |secret: &u8| world.leaked.contains(secret) || told.contains(secret);
    let honest = (0..=OTHER_PUMP).map(|place| search.holders[place].secret);
    let is_honest =
        honest.into_iter().any(|secret| public(secret) == end.remote && !is_known(&secret));
    let is_label = world.plans[plan].psk.is_some_and(|psk| !is_known(&psk));
    !is_known(&ephemeral(u8::try_from(plan).unwrap())) && (is_honest || is_label)
}

/// Whether the link of a side was given away since: an ephemeral key that is in it was told.
fn is_open(search: &Search<'_>, nodes: &[&Node], of: usize, told: &[u8]) -> bool {
    let plans = &search.world.plans;
    let is_in = |other: &&Node| {
        starts(&plans[other.plan]) != starts(&plans[of])
            && other.transcript.get(..2) == nodes[of].transcript.get(..2)
    };
    let others = nodes.iter().copied().filter(is_in).map(|other| other.plan);
    let mut ends = others.chain([of]);
    ends.any(|plan| told.contains(&ephemeral(u8::try_from(plan).unwrap())))
}

/// Claims of a side that has just taken a message, and whether its link is sound.
pub(crate) fn moved(
    search: &Search<'_>,
    nodes: &[&Node],
    of: usize,
    (was_confirmed, was_sound): (bool, bool),
    told: &[u8],
) -> Result<bool, Claim> {
    let node = nodes[of];
    let plan = &search.world.plans[of];
    search.claim(Claim::Answer, is_answer_due(search, nodes, of, told))?;
    let Some(end) = &node.end else { return Ok(false) };
    let is_known = search.holder_of(&end.remote).is_some();
    search.claim(Claim::Oneself, end.remote != own_key(search, node))?;
    search.claim(Claim::Possession, is_known)?;
    search.claim(Claim::Peer, is_wanted(search, plan, end))?;
    search.claim(Claim::Key, is_only_sender(nodes, of, end))?;
    search.claim(Claim::Name, is_named(nodes, of, end))?;
    let is_sound =
        was_sound || !was_confirmed && end.is_confirmed && is_sound(search, of, end, told);
    if !is_sound {
        return Ok(false);
    }
    if is_open(search, nodes, of, told) {
        return Ok(true);
    }
    let other = partner(search, nodes, of);
    let is_agreed = other.is_some_and(|other| is_agreed(search, node, end, other));
    search.claim(Claim::Agreement, is_agreed)?;
    let is_true =
        |body| other.is_some_and(|other| is_confirmed(other) && body == frame_of(other.plan));
    search.claim(Claim::Frame, node.heard.is_none_or(is_true))?;
    Ok(true)
}

/// A pinned responder answers what a holder of the pinned key has once said, if nobody else has one of the two keys.
fn is_answer_due(search: &Search<'_>, nodes: &[&Node], of: usize, told: &[u8]) -> bool {
    let (plan, node) = (&search.world.plans[of], nodes[of]);
    let Some(pin) = plan.pin else { return true };
    let is_known = |place: usize| {
        let secret = search.holders[place].secret;
        search.world.leaked.contains(&secret) || told.contains(&secret) || secret == ADVERSARY[0]
    };
    let is_said = |other: &&Node| {
        starts(&search.world.plans[other.plan])
            && other.transcript.first() == node.transcript.first()
    };
    starts(plan) || is_known(pin) || is_known(plan.party) || nodes.iter().any(is_said)
}

fn is_wanted(search: &Search<'_>, plan: &Plan, end: &Outcome) -> bool {
    let Some(peer) = &end.peer else { return plan.way == Way::Labelled && !starts(plan) };
    let claims = peer.claims();
    let mut holders = search.holders.iter();
    let holder = holders.find(|holder| holder.certificate.to_bytes() == peer.to_bytes());
    let is_genuine =
        holder.is_some_and(|holder| holder.is_good && public(holder.secret) == end.remote);
    let subject = plan.subject.map(|place| search.holders[place].certificate.claims().subject);
    is_genuine
        && plan.kinds.has(claims.kind)
        && subject.is_none_or(|subject| subject == claims.subject)
        && claims.suites & SUITE != 0
        && (starts(plan) || claims.kind == end.announced)
}

fn others<'n>(nodes: &[&'n Node], of: usize) -> impl Iterator<Item = (&'n Node, &'n Outcome)> {
    let others = nodes.iter().copied().filter(move |other| other.plan != of);
    others.filter_map(|other| Some((other, other.end.as_ref()?)))
}

fn is_only_sender(nodes: &[&Node], of: usize, end: &Outcome) -> bool {
    end.send != end.receive && others(nodes, of).all(|(_, other)| other.send != end.send)
}

fn is_named(nodes: &[&Node], of: usize, end: &Outcome) -> bool {
    let same = || others(nodes, of).filter(|(_, other)| other.hash == end.hash);
    same().count() <= 1 && same().all(|(other, _)| other.transcript == nodes[of].transcript)
}

/// Whether the keys of a sound link are known, of those whose ephemeral keys were not `told`.
fn is_known(
    search: &Search<'_>,
    nodes: &[&Node],
    sound: u8,
    told: &[u8],
    knowledge: &mut Knowledge,
) -> bool {
    nodes.iter().enumerate().any(|(place, node)| {
        let end = node.end.as_ref().filter(|_| sound & (1 << place) != 0);
        end.is_some_and(|end| {
            !is_open(search, nodes, place, told)
                && [end.send, end.receive].into_iter().any(|key| knowledge.has(key))
        })
    })
}

pub(crate) fn secrecy(
    search: &Search<'_>,
    nodes: &[&Node],
    sound: u8,
    told: &[u8],
    knowledge: &mut Knowledge,
) -> Result<(), Claim> {
    search.claim(Claim::Secrecy, !is_known(search, nodes, sound, told, knowledge))
}

/// `later` knows all that was said so far and, beside what the adversary has, every static key and label.
pub(crate) fn forward_secrecy(
    search: &Search<'_>,
    nodes: &[&Node],
    sound: u8,
    told: &[u8],
    later: &mut Knowledge,
) -> Result<(), Claim> {
    let told = [told, &search.world.leaked].concat();
    search.claim(Claim::ForwardSecrecy, !is_known(search, nodes, sound, &told, later))
}

/// Whether the adversary knows the key or the certificate of a holder who hides.
pub(crate) fn is_seen(search: &Search<'_>, knowledge: &mut Knowledge) -> bool {
    search.world.hidden.iter().any(|place| {
        let holder = &search.holders[*place];
        let names = [
            terms::public(terms::secret(holder.secret)),
            terms::text(&holder.certificate.to_wire()),
        ];
        names.into_iter().any(|name| knowledge.has(name))
    })
}

pub(crate) fn hiding(search: &Search<'_>, later: &mut Knowledge) -> Result<(), Claim> {
    let is_claimed = !search.world.events.contains(&Event::Seen);
    search.claim(Claim::Hiding, !is_claimed || !is_seen(search, later))
}

/// What came about when a side took a message.
pub(crate) fn events(
    search: &Search<'_>,
    nodes: &[&Node],
    of: usize,
    sound: u8,
    events: &mut Vec<Event>,
) {
    let plans = &search.world.plans;
    let node = nodes[of];
    let mut add = |event, is_so: bool| {
        if is_so && !events.contains(&event) {
            events.push(event);
        }
    };
    let is_repeated = nodes.iter().any(|other| {
        other.plan != of
            && !starts(&plans[of])
            && !starts(&plans[other.plan])
            && other.transcript.first().is_some_and(|first| node.transcript.first() == Some(first))
    });
    add(Event::Repeated, is_repeated && node.end.is_some());
    let Some(end) = &node.end else { return };
    let has_bit = |place: usize| sound & (1 << place) != 0;
    let other = partner(search, nodes, of);
    let is_linked = other.is_some_and(|other| is_confirmed(other) && has_bit(other.plan));
    add(Event::Linked, is_linked && has_bit(of));
    let is_foreign = ADVERSARY.into_iter().any(|secret| end.remote == public(secret));
    add(Event::Proven, end.is_confirmed && has_bit(of));
    add(Event::Insider, is_foreign && end.is_confirmed);
    add(Event::Impersonated, !is_foreign && end.is_confirmed && other.is_none());
}
