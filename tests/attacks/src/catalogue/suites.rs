//! Attacks on algorithms and keys: one that is retired, a tag of which little is looked at, a key of another unit, and what a recording gives away.

use std::collections::HashSet;

use medsec::core::agreement::AgreementSecret;
use medsec::core::identity::certificate::{Certificate, Kind, Unsigned, WireCertificate};
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::identity::trust::Origin;
use medsec::core::key::{DeviceKey, sha256};
use medsec::core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite as _};
use medsec::link::request::{Answer, Request};
use medsec::link::{Endpoint, Standing};
use medsec::transport::frame::Channel;
use medsec::transport::limiter::AdmissionKey;
use medsec::transport::link::{Handshake, MESSAGE_BYTES_MAX, Method, Own};
use medsec::{ResetCause, Secret};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::device::SimOwner;
use medsec_sim::links::{SimHolder, SimLinks};
use medsec_sim::tamper::forge::Holder;
use medsec_sim::tamper::view::Segment;

use super::keys::dumped;
use super::link::{
    DROPPED, End, Peer, ask, gives_log_by, holder, linked, links, missing, peer_random, receive,
    standing, with_link,
};
use super::wire::told;
use crate::ward::{Stay, Ward, day};

pub(super) static ATTACKS: [Attack; 5] = [
    Attack {
        id: "retired-suite",
        title: "somebody whose owner has retired a suite for her comes with it all the same, and others with one that the pump has not",
        requirements: &["X14", "X20"],
        sources: &["CVE-2021-43550", "CWE-757"],
        weakness: "suite-unchecked",
        also_broken_by: &[],
        run: retired_suite,
    },
    Attack {
        id: "tag-guessed",
        title: "a command is changed, and the first byte of its tag is guessed, as if no more of it were compared",
        requirements: &["R17", "X14"],
        sources: &["CVE-2023-40271", "CVE-2021-43548"],
        weakness: "tag-truncated",
        also_broken_by: &[("frame-unauthenticated", "any tag passes")],
        run: tag_guessed,
    },
    Attack {
        id: "key-of-another-unit",
        title: "the keys that were taken out of one pump are tried on another, of the same owner",
        requirements: &["R10", "R16"],
        sources: &["CVE-2021-43552", "CWE-321"],
        weakness: "root-shared",
        also_broken_by: &[],
        run: key_of_another_unit,
    },
    Attack {
        id: "offline-search",
        title: "a session in which a person says her six digits is recorded, and all that six digits can be are tried on it",
        requirements: &["R10", "R16", "X20"],
        sources: &["CVE-2020-27264", "CVE-2020-27276"],
        weakness: "admission-guessable",
        also_broken_by: &[("frames-in-clear", "the digits are on the wire as they are")],
        run: offline_search,
    },
    Attack {
        id: "man-in-the-middle",
        title: "who stands between shows the pump's own certificate to the tool, and the person's to the pump, each for a key of his",
        requirements: &["R17", "R18", "X20"],
        sources: &["CVE-2020-27266", "CVE-2020-27269"],
        weakness: "key-unsigned",
        also_broken_by: &[("certificate-unverified", "no signature is looked at at all")],
        run: man_in_the_middle,
    },
];

/// A link with a pump that keeps `genuine` as its peer's certificate, by a tool that says `shown` of itself.
fn pinned(
    links: &SimLinks,
    (genuine, shown): (&SimHolder, &Certificate),
    stay: &mut Stay<'_, '_, false>,
) -> Result<bool, Outcome> {
    let pin = Some(&genuine.certificate);
    let mut end = Endpoint::new(Standing { pin, ..standing(links)? }, stay.pump.device().now());
    let link = pinned_link(links, (genuine, shown), &mut end, stay);
    let answer = link.and_then(|mut link| ask(&mut link, &mut end, stay, Request::ExportStart));
    Ok(answer.is_some_and(|answer| matches!(Answer::parse(&answer), Ok(Answer::ExportStarted(..)))))
}

fn pinned_link(
    links: &SimLinks,
    (genuine, shown): (&SimHolder, &Certificate),
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
) -> Option<Peer> {
    let own = Own { secret: &genuine.secret, certificate: shown };
    let (mut random, mut out) = (peer_random()?, [0; MESSAGE_BYTES_MAX]);
    let method = Method::Pinned(&links.device().certificate);
    let begun = Handshake::begin(own, links.looking()?, method, &[0; 32], &mut random, &mut out);
    let (mut handshake, first) = begun.ok()?;
    let mut tagged = [0; MESSAGE_BYTES_MAX];
    let first = links.admission().append(&first, &mut tagged).ok()?;
    let mut second = receive(end, stay, first.bytes())?;
    handshake.receive(&mut second, &mut []).ok()?;
    handshake.establish(&LinkAuthority::take(&mut random)?).ok()
}

fn retired_suite(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    // Hers is for the other suite only. Her tool says of itself what it likes: the pump knows what its owner has said.
    let retired = links.issued_as(Origin::Owner, Kind::Person, 41, |claims| claims.suites = 0b10);
    let retired = retired.ok_or_else(|| missing("holder"))?;
    let mut claims = *retired.certificate.claims();
    claims.suites = 0b11;
    let (agrees, signs) = (retired.certificate.agreement_key(), retired.certificate.signing_key());
    let shown = Unsigned::new(claims, agrees.as_ref(), signs.as_ref());
    let shown = shown.map_err(Outcome::inconclusive)?;
    let shown = shown.sign(&DeviceKey::from_seed(&Secret::new([13; 32])));
    let shown = shown.map_err(Outcome::inconclusive)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        if !pinned(&links, (&nurse, &nurse.certificate), stay)? {
            return Err(missing("link by pin"));
        }
        stay.wait(4);
        if pinned(&links, (&retired, &shown), stay)? {
            let how = "the log is given over a suite that its owner has retired for her";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        // One side by one suite, the other by another.
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut random = peer_random().ok_or_else(|| missing("randomness"))?;
        let exchange = |message: &[u8]| receive(&mut end, stay, message);
        if links.connect::<ChaCha20Poly1305, 1>(&nurse, &mut random, exchange).is_some() {
            let how = "a link has one suite at this end and another at that";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        // The id of the suite is changed on the way, and let in by who has the admission key.
        let mut random = peer_random().ok_or_else(|| missing("randomness"))?;
        let exchange = |message: &[u8]| {
            let mut first = message.get(..36)?.to_vec();
            first[1] = ChaCha20Poly1305::ID;
            receive(&mut end, stay, &[&first[..], &links.admission().tag(&first)].concat())
        };
        if links.connect::<Aes256Gcm, 1>(&nurse, &mut random, exchange).is_some() {
            let how = "a link is made of a message that named another suite";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a suite counts if the owner has certified it, and none is negotiated", &[DROPPED])
}

fn tag_guessed(seed: u64) -> Result<Outcome, Outcome> {
    const SAID: &[u8] = b"bolus 2.0 ml";
    const WANTED: &[u8] = b"bolus 9.9 ml";
    let mut ward = Ward::new(seed)?;
    with_link(&mut ward, |link, end, stay| {
        let mut out = [0; 64];
        let first = link.seal(Channel::App, true, SAID, &mut out).map_err(Outcome::inconclusive)?;
        let first = first.bytes().to_vec();
        if told(end, stay, &first).is_none_or(|body| body != SAID) {
            return Err(missing("command of the nurse"));
        }
        let sealed = link.seal(Channel::App, true, SAID, &mut out);
        let mut frame = sealed.map_err(Outcome::inconclusive)?.bytes().to_vec();
        // It does not arrive: who knows what it says makes of it what he likes.
        let body = frame.len() - 16 - SAID.len();
        for (at, (said, wanted)) in SAID.iter().zip(WANTED).enumerate() {
            frame[body + at] ^= said ^ wanted;
        }
        let tag = frame.len() - 16;
        for guess in 0..=u8::MAX {
            frame[tag] = guess;
            if told(end, stay, &frame).is_some_and(|body| body == WANTED) {
                let how = "a guessed byte makes 9.9 ml of 2.0 ml";
                return Err(Outcome::succeeded(Goal::Dose, how));
            }
        }
        Ok(())
    })?;
    ward.blocked("all 16 bytes of a tag", &[DROPPED])
}

fn key_of_another_unit(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let taken = SimOwner::new(!seed);
    ward.days(4)?;
    let (image, flash) = (ward.image()?, ward.flash.image());
    // All keys at rest follow from the storage root. The pump's own opens what belongs to the present day: the dump is a good one.
    if dumped(&ward.owner.identity(), &flash).is_empty() {
        return Err(missing("state that the storage root opens"));
    }
    if let Some((index, audit)) = dumped(&taken.identity(), &flash).first() {
        let segments = image.segments();
        let opens =
            |segment: &&Segment| Holder { audit, segment }.open::<Aes256Gcm>(&image).is_some();
        let opened = segments.iter().filter(opens).count();
        let how = format!("keys of another pump open state {index}, and {opened} parts of the log");
        return Err(Outcome::succeeded(Goal::SecretRead, how));
    }
    ward.blocked("each unit has secrets of its own", &[0x0001])
}

/// What six digits can be.
const PINS: u32 = 1_000_000;

fn offline_search(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let pin = format!("{:06}", ward.prng.below_u32(PINS));
    let mut recorded = Vec::new();
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut random = peer_random().ok_or_else(|| missing("randomness"))?;
        let link = links.connect::<Aes256Gcm, 1>(&nurse, &mut random, |message| {
            let answer = receive(&mut end, stay, message);
            recorded.push(message.to_vec());
            recorded.extend(answer.clone());
            answer
        });
        let mut link = link.ok_or_else(|| missing("link"))?;
        let mut out = [0; 64];
        let frame = link.seal(Channel::App, true, pin.as_bytes(), &mut out);
        let frame = frame.map_err(Outcome::inconclusive)?.bytes().to_vec();
        if told(&mut end, stay, &frame).is_none_or(|body| body != pin.as_bytes()) {
            return Err(missing("digits of the nurse"));
        }
        recorded.push(frame);
        day(stay)
    })?;
    let (first, tag) = recorded[0].split_at(36);
    let windows = |length| {
        let windows = recorded.iter().flat_map(move |message| message.windows(length));
        windows.map(<[u8]>::to_vec).collect::<HashSet<_>>()
    };
    let (sixes, eights) = (windows(6), windows(8));
    for number in 0..PINS {
        let digits = format!("{number:06}");
        let how = if sixes.contains(digits.as_bytes()) && digits == pin {
            "are on the wire as they are"
        } else if eights.contains(&sha256(&[digits.as_bytes()])[..8]) {
            "are found by their hash"
        } else if AdmissionKey::derive(&guessed(number)).tag(first) == tag {
            "are the key of the first message"
        } else {
            continue;
        };
        return Err(Outcome::succeeded(Goal::SecretRead, format!("{digits} {how}")));
    }
    ward.blocked("no key is made of what a person can remember", &[])
}

/// Six digits as the secret of a key.
fn guessed(number: u32) -> Secret<32> {
    let mut secret = [0; 32];
    secret[..4].copy_from_slice(&number.to_le_bytes());
    Secret::new(secret)
}

/// The certificate of `genuine`, as it is on each wire, for a key of somebody else's.
fn borrowed(genuine: &SimHolder, secret: AgreementSecret) -> Result<SimHolder, Outcome> {
    let wire = WireCertificate::parse(&genuine.certificate.to_wire());
    let certificate = wire.and_then(|wire| wire.complete(&secret.public().to_bytes()));
    Ok(SimHolder { secret, certificate: certificate.map_err(Outcome::inconclusive)? })
}

fn man_in_the_middle(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let his = || AgreementSecret::from_bytes(Secret::new([66; 32]));
    let (pump, tool) = (borrowed(links.device(), his())?, borrowed(&nurse, his())?);
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let fake = Standing { own: pump.own(), ..standing(&links)? };
        let mut end = Endpoint::new(fake, stay.pump.device().now());
        if linked(&links, &nurse, &mut end, stay).is_some() {
            let how = "the nurse's tool speaks with who stands between";
            return Err(Outcome::succeeded(Goal::LogForged, how));
        }
        stay.wait(4);
        if gives_log_by(standing(&links)?, &links, &tool, stay)? {
            let how = "the log is given to who stands between";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        stay.wait(4);
        if !gives_log_by(standing(&links)?, &links, &nurse, stay)? {
            return Err(missing("link of the true holder"));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a certificate is for one key, which its holder proves", &[DROPPED])
}
