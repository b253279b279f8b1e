//! A link of medsec: a person's tool and a device, certified by one key, and the handshakes between them.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::hal::{EntropySource, SourceFault};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::{DeviceKey, device_id, sha256};
use medsec_core::rng::Random;
use medsec_core::suite::Suite;
use medsec_transport::link::{
    Handshake, Judging, LabelSecret, Link, MESSAGE_BYTES_MAX, Method, Own,
};

use crate::Outcome;

const MODEL: u32 = 7;
const ISSUER: u8 = 1;
const TOOL: u8 = 10;
const DEVICE: u8 = 20;
/// What is printed on the device.
const LABEL: [u8; 16] = [5; 16];

/// How the two know each other.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    Certified,
    Labelled,
    Pinned,
}

/// Stands in for a noise source, so that a run can be repeated.
struct Noise(u64);

impl EntropySource for Noise {
    const ENTROPY_PER_BIT_MILLI: u16 = 1000;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        for part in out.chunks_mut(32) {
            self.0 += 1;
            part.copy_from_slice(&sha256(&[&self.0.to_le_bytes()])[..part.len()]);
        }
        Ok(())
    }
}

/// Both ends of a link, the initiator's first, and what each message of its handshake took.
pub(crate) struct Established<S: Suite, const WORDS: usize> {
    pub(crate) ends: [Link<S, WORDS>; 2],
    pub(crate) messages: Vec<usize>,
}

/// Both sides, and what they trust.
pub(crate) struct Sides {
    certificates: [Certificate; 2],
    secrets: [AgreementSecret; 2],
    anchors: [Anchor; 1],
}

impl Sides {
    pub(crate) fn new() -> Outcome<Self> {
        Ok(Self {
            certificates: [certificate(Kind::Person, TOOL)?, certificate(Kind::Device, DEVICE)?],
            secrets: [agreement(TOOL), agreement(DEVICE)],
            anchors: [Anchor {
                origin: Origin::Owner,
                key: signer(ISSUER).public(),
                may_issue: Kinds::of(&[Kind::Person, Kind::Device]),
                roles: 0xff,
                scope: NO_SCOPE,
                model: 0,
                min_epoch: 0,
                permits: Actions::NONE,
            }],
        })
    }

    /// A link from its first message on.
    pub(crate) fn link<S: Suite, const WORDS: usize>(
        &self,
        way: Way,
    ) -> Outcome<Established<S, WORDS>> {
        let no = |error| format!("a handshake of medsec's: {error}");
        let ([person, device], [tool, unit]) = (&self.certificates, &self.secrets);
        let tool = Own { secret: tool, certificate: person };
        let unit = Own { secret: unit, certificate: device };
        let mut random = Random::new(Noise(0));
        random
            .start(Secret::new([9; 32]), b"links")
            .map_err(|_| "no randomness to begin a link with")?;
        let authority = LinkAuthority::take(&mut random).ok_or("links were made before")?;
        let [mut first, mut second, mut third] = [[0; MESSAGE_BYTES_MAX]; 3];
        let judging = self.judging()?;
        let (mut initiator, sent) = Handshake::<S, WORDS>::begin(
            tool,
            judging,
            method(way, device),
            &[0; 32],
            &mut random,
            &mut first,
        )
        .map_err(no)?;
        let mut messages = vec![sent.bytes().len()];
        let (mut responder, sent) = Handshake::<S, WORDS>::accept(
            unit,
            judging,
            method(way, person),
            &[0; 32],
            &mut random,
            &mut first[..messages[0]],
            &mut second,
        )
        .map_err(no)?;
        messages.push(sent.bytes().len());
        let answer = initiator.receive(&mut second[..messages[1]], &mut third).map_err(no)?;
        if let Some(length) = answer.map(|sent| sent.bytes().len()) {
            responder.receive(&mut third[..length], &mut []).map_err(no)?;
            messages.push(length);
        }
        let ends = [initiator.establish(&authority), responder.establish(&authority)];
        let [initiator, responder] = ends.map(|end| end.map_err(no));
        Ok(Established { ends: [initiator?, responder?], messages })
    }

    fn judging(&self) -> Outcome<Judging<'_>> {
        Ok(Judging {
            trust: Trust::new(&self.anchors, &[], &[]).map_err(|_| "the anchor does not hold")?,
            today: Today { floor: Day::FIRST, clock: None },
            stage: Stage::Service,
            kinds: Kinds::of(&[Kind::Person, Kind::Device]),
            subject: None,
        })
    }
}

fn method(way: Way, peer: &Certificate) -> Method<'_> {
    match way {
        Way::Certified => Method::Certified,
        Way::Labelled => Method::Labelled(LabelSecret::of(&Secret::new(LABEL))),
        Way::Pinned => Method::Pinned(peer),
    }
}

fn signer(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn agreement(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

fn certificate(kind: Kind, holder: u8) -> Outcome<Certificate> {
    let issuer = signer(ISSUER);
    let public = signer(holder).public();
    let claims = Claims {
        kind,
        suites: 0b11,
        is_test: false,
        serial: 1,
        issuer: issuer.public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 1,
        may_issue: Kinds::NONE,
        model: MODEL,
        scope: NO_SCOPE,
        subject: if kind == Kind::Device { device_id(MODEL, &public) } else { [holder; 16] },
    };
    let unsigned = Unsigned::new(claims, Some(&agreement(holder).public()), Some(&public));
    unsigned
        .ok()
        .and_then(|unsigned| unsigned.sign(&issuer).ok())
        .ok_or_else(|| "a certificate could not be made".to_owned())
}
