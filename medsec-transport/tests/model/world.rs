//! Worlds: which honest sides there are, what each knows, and what an adversary has beside the wire.

use medsec_core::identity::certificate::{Certificate, Kind, Kinds};
use medsec_transport::noise::handshake_state::Role;

use crate::certificates::{Blemish, certificate};
use crate::side::Way;
use crate::terms;

/// Holders of certificates, by place.
pub(crate) const TOOL: usize = 0;
pub(crate) const PUMP: usize = 1;
pub(crate) const OTHER_PUMP: usize = 2;
/// A careless issuer certified the tool's key for somebody else as well.
pub(crate) const ALIAS: usize = 3;
/// The adversary's own, from here on; the first three are good.
pub(crate) const INSIDER: usize = 4;
const BOUGHT: usize = 5;
const REVOKED: usize = 7;

/// Numbers of secrets: static keys of holders are their places, and all the adversary's certificates are for one.
pub(crate) const ADVERSARY: [u8; 2] = [4, 40];
pub(crate) const LABEL: u8 = 30;
pub(crate) const OTHER_LABEL: u8 = 31;
pub(crate) const fn ephemeral(plan: u8) -> u8 {
    10 + plan
}

pub(crate) struct Holder {
    pub(crate) secret: u8,
    pub(crate) certificate: Certificate,
    /// Whether a side has any reason to take it.
    pub(crate) is_good: bool,
}

/// All certificates that there are.
pub(crate) fn holders() -> Vec<Holder> {
    use Blemish::{ByNobody, None, OtherSuite};
    use Kind::{Device, Person, Service};
    let mallory = ADVERSARY[0];
    [
        (0, Person, 10, None),
        (1, Device, 20, None),
        (2, Device, 21, None),
        (0, Person, 11, None),
        (mallory, Person, 12, None),
        (mallory, Device, 22, None),
        (mallory, Service, 13, None),
        (mallory, Person, 14, Blemish::Revoked),
        (mallory, Device, 23, ByNobody),
        (mallory, Person, 15, OtherSuite),
    ]
    .into_iter()
    .map(|(secret, kind, subject, blemish)| {
        let key = terms::bytes(terms::public(terms::secret(secret)));
        let certificate = certificate(kind, subject, &key, blemish);
        Holder { secret, certificate, is_good: blemish == None }
    })
    .collect()
}

/// An honest side: one handshake and the link that comes of it.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) party: usize,
    pub(crate) role: Role,
    pub(crate) way: Way,
    pub(crate) kinds: Kinds,
    pub(crate) subject: Option<usize>,
    pub(crate) pin: Option<usize>,
    pub(crate) psk: Option<u8>,
    pub(crate) binding: u8,
}

/// What comes about in a world: what is not claimed has to, or else the adversary is not who he should be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Event {
    /// A side is sure of its peer, and right.
    Proven,
    /// Both ends of a link are confirmed, and each is whom the other takes it for.
    Linked,
    /// A link with the adversary under a certificate of his own.
    Insider,
    /// A link with the adversary under the name of somebody whose keys he has.
    Impersonated,
    /// A responder has answered the same first message twice.
    Repeated,
    /// The adversary knows who a side is that hides.
    Seen,
}

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) name: String,
    pub(crate) plans: Vec<Plan>,
    /// Secrets that the adversary has from the start.
    pub(crate) leaked: Vec<u8>,
    /// Secrets that he can come by at any time.
    pub(crate) reveals: Vec<u8>,
    /// Whether he only listens: messages arrive as they were sent, if they do.
    pub(crate) is_listening: bool,
    /// Holders whose names he does not know at the start, and is not to learn.
    pub(crate) hidden: Vec<usize>,
    /// All that comes about, and nothing else.
    pub(crate) events: Vec<Event>,
}

impl World {
    fn new(name: &str, plans: Vec<Plan>, events: &[Event]) -> Self {
        let mut events = events.to_vec();
        events.sort_unstable();
        Self {
            name: format!("{:?}, {name}", plans[0].way),
            plans,
            leaked: Vec::new(),
            reveals: Vec::new(),
            is_listening: false,
            hidden: Vec::new(),
            events,
        }
    }

    pub(crate) fn way(&self) -> Way {
        self.plans[0].way
    }

    /// By which worlds are put in order: what multiplies their states.
    pub(crate) fn size(&self) -> usize {
        self.plans.len() + self.reveals.len()
    }

    fn leaking(mut self, secrets: &[u8]) -> Self {
        self.leaked.extend(secrets);
        self
    }

    fn revealing(mut self, secrets: &[u8]) -> Self {
        self.reveals.extend(secrets);
        self
    }

    fn hiding(mut self, holder: usize) -> Self {
        self.hidden.push(holder);
        self
    }

    fn listening(mut self) -> Self {
        self.is_listening = true;
        self
    }
}

fn initiator(way: Way, party: usize, peer: usize) -> Plan {
    Plan {
        party,
        role: Role::Initiator,
        way,
        kinds: Kinds::of(&[Kind::Device]),
        subject: Some(peer),
        pin: (way == Way::Pinned).then_some(peer),
        psk: (way == Way::Labelled).then_some(LABEL),
        binding: 0,
    }
}

fn responder(way: Way, party: usize, peer: usize) -> Plan {
    Plan {
        role: Role::Responder,
        kinds: Kinds::of(&[Kind::Person, Kind::Service]),
        subject: None,
        ..initiator(way, party, peer)
    }
}

fn bound(plan: Plan) -> Plan {
    Plan { binding: 1, ..plan }
}

fn among_pumps(plan: Plan) -> Plan {
    Plan { kinds: Kinds::of(&[Kind::Device]), ..plan }
}

/// Whoever is of the right kind will do.
fn of_anybody(plan: Plan) -> Plan {
    Plan { subject: None, ..plan }
}

/// The worlds of all three ways.
fn of_way(way: Way) -> Vec<World> {
    use Event::{Impersonated, Insider, Linked, Proven, Repeated};
    let tool = || initiator(way, TOOL, PUMP);
    let pump = || responder(way, PUMP, TOOL);
    let other_pump = || responder(way, OTHER_PUMP, TOOL);
    let to_pump = || among_pumps(initiator(way, OTHER_PUMP, PUMP));
    let from_other = || among_pumps(responder(way, PUMP, OTHER_PUMP));
    let back = || among_pumps(initiator(way, PUMP, OTHER_PUMP));
    let from_pump = || among_pumps(responder(way, OTHER_PUMP, PUMP));
    let two_runs = || vec![tool(), tool(), pump(), pump()];
    let both_ways = || vec![to_pump(), from_other(), back(), from_pump()];
    let any_tool = || of_anybody(tool());
    // A device takes anybody with a certificate; by label or pin it takes no stranger.
    let linked: &[Event] =
        if way == Way::Certified { &[Linked, Proven, Insider] } else { &[Linked, Proven] };
    let repeated = &[linked, &[Repeated]].concat()[..];
    // A first message to one pinned device says nothing to another.
    let elsewhere = if way == Way::Pinned { linked } else { repeated };
    // Who has the label and a certificate of a device is a stranger no more.
    let by_label: &[Event] = if way == Way::Labelled { &[Insider] } else { &[] };
    let told = &[linked, by_label, &[Impersonated]].concat()[..];
    let told_repeated = &[told, &[Repeated]].concat()[..];
    // The label proves a peer whose key was stolen.
    let one_told = if way == Way::Labelled { repeated } else { told_repeated };
    let stolen: &[Event] = match way {
        Way::Certified => &[Proven, Insider, Impersonated],
        Way::Labelled => linked,
        Way::Pinned => &[Proven, Impersonated],
    };
    let known: &[Event] = match way {
        Way::Certified => &[Proven, Insider, Impersonated],
        Way::Labelled | Way::Pinned => &[Proven],
    };
    let own: &[Event] = if way == Way::Pinned { &[] } else { &[Insider] };
    let secrets: &[u8] = if way == Way::Labelled { &[0, 1, LABEL] } else { &[0, 1] };
    let ephemerals = [ephemeral(0), ephemeral(1)];
    vec![
        World::new("one run", vec![tool(), pump()], linked),
        World::new("two initiators", vec![tool(), tool(), pump()], linked),
        World::new("two responders", vec![tool(), pump(), pump()], repeated),
        World::new("two runs", two_runs(), repeated),
        World::new("two channels", vec![tool(), bound(tool()), bound(pump())], linked),
        World::new("another responder", vec![tool(), other_pump(), pump()], elsewhere),
        World::new("any responder", vec![any_tool(), any_tool(), other_pump(), pump()], elsewhere),
        World::new("pumps both ways", both_ways(), elsewhere),
        World::new("the initiator's key stolen", vec![tool(), pump()], stolen).leaking(&[0]),
        World::new("the responder's key stolen", vec![tool(), pump()], stolen).leaking(&[1]),
        World::new("the initiator's ephemeral known", vec![tool(), pump()], known)
            .leaking(&ephemerals[..1]),
        World::new("the responder's ephemeral known", vec![tool(), pump()], known)
            .leaking(&ephemerals[1..]),
        World::new("own key stolen", vec![from_other(), back()], own).leaking(&[1, LABEL]),
        World::new("keys told, one run", vec![tool(), pump()], told).revealing(secrets),
        World::new("keys told, two initiators", vec![tool(), tool(), pump()], told)
            .revealing(secrets),
        World::new("keys told, two responders", vec![tool(), pump(), pump()], told_repeated)
            .revealing(secrets),
        World::new("two runs, a key told", two_runs(), one_told).revealing(&[1]),
        World::new("all told", vec![tool(), pump()], told)
            .revealing(secrets)
            .revealing(&ephemerals),
    ]
}

/// Worlds of one way.
fn of_label() -> Vec<World> {
    use Event::{Impersonated, Insider, Linked, Proven};
    let tool = || initiator(Way::Labelled, TOOL, PUMP);
    let pump = || responder(Way::Labelled, PUMP, TOOL);
    let other_label = Plan { psk: Some(OTHER_LABEL), ..pump() };
    let pair = || vec![tool(), pump()];
    vec![
        World::new("a responder with another label", vec![tool(), other_label], &[]),
        World::new("the label known", pair(), &[Linked, Proven, Insider]).leaking(&[LABEL]),
        World::new("label and key known", pair(), &[Proven, Insider, Impersonated])
            .leaking(&[LABEL, 0]),
    ]
}

fn of_pin() -> Vec<World> {
    use Event::{Impersonated, Insider, Linked, Proven, Repeated};
    let tool = || initiator(Way::Pinned, TOOL, PUMP);
    let pump = || responder(Way::Pinned, PUMP, TOOL);
    let keeping = |pin| Plan { pin: Some(pin), ..pump() };
    let itself = among_pumps(responder(Way::Pinned, PUMP, PUMP));
    let to_bought = of_anybody(initiator(Way::Pinned, TOOL, BOUGHT));
    let told = &[Linked, Proven, Repeated, Impersonated];
    vec![
        World::new("pinned under another name", vec![tool(), keeping(ALIAS)], &[]),
        World::new("pinned and revoked", vec![keeping(REVOKED)], &[]),
        World::new("pinned itself", vec![itself], &[]).leaking(&[1]),
        World::new("a pinned insider", vec![keeping(INSIDER)], &[Insider]),
        World::new(
            "a tool that has pinned an insider's pump",
            vec![to_bought, tool(), pump()],
            &[Linked, Proven, Insider],
        ),
        World::new("keys told, two runs", vec![tool(), tool(), pump(), pump()], told)
            .revealing(&[0, 1]),
        World::new("all told, two responders", vec![tool(), pump(), pump()], told).revealing(&[
            0,
            1,
            ephemeral(0),
            ephemeral(1),
        ]),
    ]
}

/// Who hides, and from whom.
fn of_names(way: Way) -> Vec<World> {
    use Event::{Insider, Linked, Proven, Seen};
    let pair = || vec![initiator(way, TOOL, PUMP), responder(way, PUMP, TOOL)];
    let probed: &[Event] = if way == Way::Certified { &[Insider, Seen] } else { &[Seen] };
    vec![
        World::new("a tool that hides", pair(), &[Linked, Proven, Insider])
            .leaking(&[LABEL])
            .hiding(TOOL),
        World::new("a pump that hides from who listens", pair(), &[Linked, Proven])
            .leaking(&[LABEL])
            .hiding(PUMP)
            .listening(),
        World::new("a pump that answers anybody", vec![responder(way, PUMP, TOOL)], probed)
            .hiding(PUMP),
    ]
}

/// Worlds in which the same keys are in links of several ways.
pub(crate) fn worlds_of_several_ways() -> Vec<World> {
    use Event::{Impersonated, Insider, Linked, Proven};
    let [certified, labelled, pinned] = [Way::Certified, Way::Labelled, Way::Pinned]
        .map(|way| [initiator(way, TOOL, PUMP), responder(way, PUMP, TOOL)]);
    let linked = &[Linked, Proven, Insider];
    let told = &[Linked, Proven, Insider, Impersonated];
    let both = |one: &[Plan], other: &[Plan]| [one, other].concat();
    let more = |place: usize| [labelled[place].clone(), pinned[place].clone()];
    vec![
        World::new("every initiator", both(&certified, &more(0)), linked),
        World::new("every responder", both(&certified, &more(1)), linked),
        World::new("and by label", both(&certified, &labelled), linked).revealing(&[LABEL]),
        World::new("and by pin", both(&certified, &pinned), told).revealing(&[1]),
        World::new("and by pin", both(&labelled, &pinned), &[Linked, Proven, Impersonated])
            .revealing(&[0]),
    ]
}

/// All worlds with links of one way, the small ones first.
pub(crate) fn worlds(way: Way) -> Vec<World> {
    let mut worlds = match way {
        Way::Certified => of_names(way),
        Way::Labelled => [of_names(way), of_label()].concat(),
        Way::Pinned => of_pin(),
    };
    worlds.extend(of_way(way));
    worlds
}
