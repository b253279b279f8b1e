//! What links cost: their messages and their frames.

use core::hint::black_box;
use core::mem::size_of;

use medsec::Secret;
use medsec::device::device_id;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::DeviceKey;
use medsec_core::rng::Random;
use medsec_core::suite::{CipherState, Suite};
use medsec_transport::frame::{Channel, Receiver, Sender};
use medsec_transport::link::{Handshake, Judging, Link, MESSAGE_BYTES_MAX, Method, Own};
use pump_firmware::board::noise::EmulatedNoise;
use pump_firmware::port::MODEL;

use crate::{count, expect, size, told};

/// A certificate by the key that certifies both sides.
fn certificate(kind: Kind, holder: u8) -> Option<Certificate> {
    let issuer = DeviceKey::from_seed(&Secret::new([1; 32]));
    let public = DeviceKey::from_seed(&Secret::new([holder; 32])).public();
    let is_device = kind == Kind::Device;
    let claims = Claims {
        kind,
        suites: 3,
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
        subject: if is_device { device_id(MODEL, &public) } else { [holder; 16] },
    };
    let agreement = AgreementSecret::from_bytes(Secret::new([holder; 32])).public();
    Unsigned::new(claims, Some(&agreement), Some(&public)).ok()?.sign(&issuer).ok()
}

/// A link by certificates: each message at the side that writes it, with what it had to read first.
#[inline(never)]
pub(crate) fn links<S: Suite>() -> Option<()> {
    let (person, device) = (certificate(Kind::Person, 10)?, certificate(Kind::Device, 20)?);
    let secrets = [10, 20].map(|byte| AgreementSecret::from_bytes(Secret::new([byte; 32])));
    let [tool, unit] = &secrets;
    let anchors = [Anchor {
        origin: Origin::Owner,
        key: DeviceKey::from_seed(&Secret::new([1; 32])).public(),
        may_issue: Kinds::of(&[Kind::Person, Kind::Device]),
        roles: 0xff,
        scope: NO_SCOPE,
        model: 0,
        min_epoch: 0,
    }];
    let judging = Judging {
        trust: Trust::new(&anchors, &[], &[]).ok()?,
        today: Today { floor: Day::FIRST, clock: None },
        stage: Stage::Service,
        kinds: Kinds::of(&[Kind::Person, Kind::Device]),
        subject: None,
    };
    let mut random = Random::new(EmulatedNoise::new(1));
    random.start(Secret::new([7; 32]), b"link").ok()?;
    let authority = LinkAuthority::take(&mut random)?;
    let tool = Own { secret: tool, certificate: &person };
    let unit = Own { secret: unit, certificate: &device };
    for (name, is_pinned) in [("link, certified: ", false), ("link, pinned: ", true)] {
        let method = |pin| if is_pinned { Method::Pinned(pin) } else { Method::Certified };
        let [mut first, mut second, mut third] = [[0; MESSAGE_BYTES_MAX]; 3];
        let binding = [0; 32];
        let (mut begun, mut taken) = (None, None);
        let (mut lengths, mut link) = ([0; 3], None);
        let cost = count(1, || {
            let made = Handshake::<S, 1>::begin(
                tool,
                judging,
                method(&device),
                &binding,
                &mut random,
                &mut first,
            );
            begun = made.ok().map(|(side, message)| (side, message.bytes().len()));
        });
        let (mut side, length) = begun?;
        lengths[0] = length;
        told(cost, S::ID, [name, "first message written"]);
        let message = first.get_mut(..length)?;
        let cost = count(1, || {
            let made = Handshake::<S, 1>::accept(
                unit,
                judging,
                method(&person),
                &binding,
                &mut random,
                message,
                &mut second,
            );
            taken = made.ok().map(|(side, message)| (side, message.bytes().len()));
        });
        let (mut other, length) = taken?;
        lengths[1] = length;
        told(cost, S::ID, [name, "first read, second written"]);
        let message = second.get_mut(..length)?;
        let cost = count(1, || {
            let read = side.receive(message, &mut third);
            lengths[2] = read.ok().flatten().map_or(0, |message| message.bytes().len());
        });
        told(
            cost,
            S::ID,
            [name, if is_pinned { "second read" } else { "second read, third written" }],
        );
        if !is_pinned {
            let message = third.get_mut(..lengths[2])?;
            let cost = count(1, || {
                let read = other.receive(message, &mut []);
                expect(read.is_ok());
            });
            told(cost, S::ID, [name, "third read"]);
        }
        expect(side.is_complete() && other.is_complete());
        let mut other = Some(other);
        let cost = count(1, || {
            link = other.take().and_then(|other| other.establish(&authority).ok());
        });
        if !is_pinned {
            told(cost, S::ID, [name, "established"]);
        }
        expect(link.is_some());
        let bytes: usize = lengths.iter().fold(0, |sum, length| sum.saturating_add(*length));
        size(
            S::ID,
            if is_pinned { "link, pinned: on the wire" } else { "link, certified: on the wire" },
            bytes,
        );
    }
    size(S::ID, "link in RAM", size_of::<Link<S, 1>>());
    let key = Secret::new([9; 32]);
    let mut sender = Sender::<S, 0>::new(CipherState::new(&key));
    let mut receiver = Receiver::<S, 0>::new(CipherState::new(&key));
    let mut frames = [[0; 64 + 17]; 16];
    let mut all = frames.iter_mut();
    let cost = count(16, || {
        if let Some(frame) = all.next() {
            expect(sender.seal(Channel::App, true, black_box(&[7; 64]), frame).is_ok());
        }
    });
    told(cost, S::ID, ["frame: seal ", "64 B"]);
    let mut all = frames.iter_mut();
    let cost = count(16, || {
        if let Some(frame) = all.next() {
            expect(receiver.open(frame).is_ok());
        }
    });
    told(cost, S::ID, ["frame: open ", "64 B"]);
    Some(())
}
