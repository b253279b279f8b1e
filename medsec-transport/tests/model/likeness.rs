//! The side of the model and the link of this crate: they speak with each other, and refuse the same.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::certificate::{Certificate, Kind, Kinds};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::Stage;
use medsec_core::key::{Label, derive};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_sim::rng::{Behaviour, Noise};
use medsec_transport::link::{Handshake, Judging, LabelSecret, LinkError, Method, Own};
use medsec_transport::noise::Primitives as _;

use crate::certificates::{Blemish, Roots, TODAY, certificate};
use crate::flaw::pattern;
use crate::side::{Side, Start, WAYS, Way};

type Cipher = Aes256Gcm;

/// What one side is, knows and wants.
struct Party {
    way: Way,
    secret: AgreementSecret,
    certificate: Certificate,
    pin: Certificate,
    kinds: Kinds,
    subject: Option<[u8; 16]>,
    binding: [u8; 32],
    code: u8,
}

/// What a side has in the end: the peer's key, the peer's subject once it is confirmed, and whether it is.
type Linked = ([u8; 32], Option<[u8; 16]>, bool);
/// What both have and whether the link has one name, or at which step it ended and why.
type Came = Result<([Linked; 2], bool), (usize, LinkError)>;

/// A side, by either code.
enum Talking<'a> {
    Link(Handshake<'a, Cipher, 1>),
    Model(Side<'a, Cipher>),
}

fn key(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

fn holder(kind: Kind, byte: u8, blemish: Blemish) -> Certificate {
    certificate(kind, byte, &Cipher::public(&key(byte)), blemish)
}

fn random(seed: u64) -> Random<Noise> {
    let mut random = Random::new(Noise::new(Behaviour::Good, seed));
    random.start(Secret::new([9; 32]), b"model").unwrap();
    random
}

impl Party {
    /// A person's tool and a device that know each other.
    fn both(way: Way) -> [Self; 2] {
        let person = || holder(Kind::Person, 10, Blemish::None);
        let device = || holder(Kind::Device, 20, Blemish::None);
        let party = |byte, certificate, pin, kind| Self {
            way,
            secret: key(byte),
            certificate,
            pin,
            kinds: Kinds::of(&[kind]),
            subject: None,
            binding: [0; 32],
            code: 7,
        };
        [party(10, person(), device(), Kind::Device), party(20, device(), person(), Kind::Person)]
    }

    fn start<'a>(&'a self, roots: &'a Roots, ephemeral: u8) -> Start<'a, Cipher> {
        let mut parent = [0; 32];
        parent[..16].fill(self.code);
        let psk = derive(&Secret::new(parent), Label::LinkPair, &[]);
        Start {
            way: self.way,
            pattern: pattern(self.way, None),
            pair: &self.secret,
            certificate: &self.certificate,
            pin: (self.way == Way::Pinned).then_some(&self.pin),
            psk: (self.way == Way::Labelled).then_some(*psk.expose()),
            binding: self.binding,
            kinds: self.kinds,
            subject: self.subject,
            ephemeral: [ephemeral; 32],
            roots,
            certificates: &[],
            flaw: None,
        }
    }

    const fn own(&self) -> Own<'_> {
        Own { secret: &self.secret, certificate: &self.certificate }
    }

    fn judging<'a>(&self, roots: &'a Roots) -> Judging<'a> {
        let (kinds, subject) = (self.kinds, self.subject);
        Judging { trust: roots.trust(), today: TODAY, stage: Stage::Service, kinds, subject }
    }

    fn method(&self) -> Method<'_> {
        match self.way {
            Way::Certified => Method::Certified,
            Way::Labelled => Method::Labelled(LabelSecret::of(&Secret::new([self.code; 16]))),
            Way::Pinned => Method::Pinned(&self.pin),
        }
    }
}

impl<'a> Talking<'a> {
    fn begin(
        party: &'a Party,
        start: Option<&'a Start<'a, Cipher>>,
        roots: &'a Roots,
    ) -> Result<(Self, Vec<u8>), LinkError> {
        if let Some(start) = start {
            return Side::begin(start).map(|(side, first)| (Self::Model(side), first));
        }
        let mut out = [0; 300];
        let (own, judging, method) = (party.own(), party.judging(roots), party.method());
        let (link, first) =
            Handshake::begin(own, judging, method, &party.binding, &mut random(1), &mut out)?;
        Ok((Self::Link(link), first.bytes().to_vec()))
    }

    fn accept(
        party: &'a Party,
        start: Option<&'a Start<'a, Cipher>>,
        roots: &'a Roots,
        first: &[u8],
    ) -> Result<(Self, Vec<u8>), LinkError> {
        if let Some(start) = start {
            return Side::accept(start, first).map(|(side, second)| (Self::Model(side), second));
        }
        let (mut first, mut out) = (first.to_vec(), [0; 300]);
        let (own, judging, method) = (party.own(), party.judging(roots), party.method());
        let (link, second) = Handshake::accept(
            own,
            judging,
            method,
            &party.binding,
            &mut random(2),
            &mut first,
            &mut out,
        )?;
        Ok((Self::Link(link), second.bytes().to_vec()))
    }

    fn receive(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, LinkError> {
        match self {
            Self::Model(side) => side.receive(message),
            Self::Link(link) => {
                let mut out = [0; 300];
                let answer = link.receive(&mut message.to_vec(), &mut out)?;
                Ok(answer.map(|answer| answer.bytes().to_vec()))
            }
        }
    }

    /// The name of the link, and the rest.
    fn end(self) -> Result<([u8; 32], Linked), LinkError> {
        match self {
            Self::Model(side) => {
                let end = side.end()?;
                let peer = end.peer.filter(|_| end.is_confirmed);
                let subject = peer.map(|peer| peer.claims().subject);
                let (name, key) = (end.finished.handshake_hash, end.finished.remote_static);
                Ok((name, (key, subject, end.is_confirmed)))
            }
            Self::Link(link) => {
                let link = link.establish(&LinkAuthority::take(&mut random(3)).unwrap())?;
                let subject = link.peer().map(|peer| peer.claims().subject);
                let (name, key) = (*link.handshake_hash(), *link.remote_static());
                Ok((name, (key, subject, link.is_confirmed())))
            }
        }
    }
}

/// What comes of it if each side is that of the model or not.
fn talk(parties: &[Party; 2], is_model: [bool; 2]) -> Came {
    let roots = Roots::new();
    let starts = [parties[0].start(&roots, 101), parties[1].start(&roots, 102)];
    let start = |place: usize| is_model[place].then(|| &starts[place]);
    let at = |step| move |error| (step, error);
    let (mut initiator, first) = Talking::begin(&parties[0], start(0), &roots).map_err(at(0))?;
    let (mut responder, second) =
        Talking::accept(&parties[1], start(1), &roots, &first).map_err(at(1))?;
    if let Some(third) = initiator.receive(&second).map_err(at(2))? {
        responder.receive(&third).map_err(at(3))?;
    }
    let (name, end) = initiator.end().map_err(at(4))?;
    let (other_name, other_end) = responder.end().map_err(at(5))?;
    Ok(([end, other_end], name == other_name))
}

/// One thing that is not as it should be.
type Change = fn(&mut [Party; 2]);

const CHANGES: [Change; 17] = [
    |_| (),
    |[_, device]| device.binding = [1; 32],
    |[_, device]| device.code = 8,
    |[_, device]| device.kinds = Kinds::of(&[Kind::Station]),
    |[_, device]| device.kinds = Kinds::of(&[Kind::Device, Kind::Person]),
    |[tool, _]| tool.kinds = Kinds::of(&[Kind::Person]),
    |[tool, _]| tool.subject = Some([1; 16]),
    |[tool, device]| tool.subject = Some(device.certificate.claims().subject),
    |[_, device]| device.subject = Some([10; 16]),
    |[_, device]| device.subject = Some([11; 16]),
    |[tool, device]| {
        tool.certificate = holder(Kind::Person, 10, Blemish::Revoked);
        device.pin = tool.certificate;
    },
    |[tool, device]| {
        tool.certificate = holder(Kind::Person, 10, Blemish::ByNobody);
        device.pin = tool.certificate;
    },
    |[tool, device]| {
        device.certificate = holder(Kind::Device, 20, Blemish::ByNobody);
        tool.pin = device.certificate;
    },
    // Its pin of the device has not the suite.
    |[tool, _]| tool.pin = holder(Kind::Device, 20, Blemish::OtherSuite),
    // The device keeps the tool's key under another name.
    |[tool, device]| {
        device.pin = certificate(Kind::Person, 11, &Cipher::public(&tool.secret), Blemish::None);
    },
    // It meets itself.
    |[tool, device]| {
        tool.secret = key(20);
        tool.certificate = device.certificate;
        device.pin = device.certificate;
        device.kinds = Kinds::of(&[Kind::Device]);
    },
    // Somebody has a certificate for the device's key.
    |[tool, device]| {
        tool.secret = key(20);
        let public = Cipher::public(&tool.secret);
        tool.certificate = certificate(Kind::Person, 12, &public, Blemish::None);
        device.pin = tool.certificate;
    },
];

#[test]
fn the_model_speaks_as_links_do_and_refuses_what_they_refuse() {
    let (mut talks, mut links) = (0, 0);
    for way in WAYS {
        for (number, change) in CHANGES.iter().enumerate() {
            let mut parties = Party::both(way);
            change(&mut parties);
            let due = talk(&parties, [false, false]);
            for is_model in [[true, true], [true, false], [false, true]] {
                let came = talk(&parties, is_model);
                assert_eq!(came, due, "{way:?}, change {number}, model {is_model:?}");
                talks += 1;
                links += usize::from(came.is_ok_and(|(_, is_named)| is_named));
            }
        }
        for other in WAYS.into_iter().filter(|other| *other != way) {
            let mut parties = Party::both(way);
            parties[1].way = other;
            for is_model in [[true, false], [false, true]] {
                let refused = talk(&parties, is_model).unwrap_err();
                let due = talk(&parties, [false, false]).unwrap_err();
                assert_eq!(refused, due, "{way:?} meets {other:?}");
                talks += 1;
            }
        }
    }
    println!("model: as links {talks} times, of which {links} links");
    assert_eq!((talks, links), (165, 63));
}
