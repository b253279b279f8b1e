//! Attacks on what is said: over the air, on a wire, in a network and on a medium.

use infusion_pump::therapy::Alarm;
use medsec::core::event::PrincipalId;
use medsec::core::identity::Day;
use medsec::core::identity::certificate::Kind;
use medsec::core::identity::trust::{Stage, Today};
use medsec::core::suite::Aes256Gcm;
use medsec::link::request::{Answer, Request};
use medsec::link::{Endpoint, Happened, OUT_BYTES_MIN, Standing};
use medsec::transport::frame::Channel;
use medsec::transport::link::{HALF_OPEN_MS, Received};
use medsec::transport::sealed_file::{Checking, Content, Recipients};
use medsec::transport::wifi::{Association, Policy, Ssid, judge};
use medsec::{Device, Port, ResetCause};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::links::{SimHolder, SimLinks};
use medsec_sim::prng::Prng;

use super::link::{
    DROPPED, End, ask, gives_log_by, holder, linked, links, missing, receive, standing, with_link,
};
use crate::ward::{NURSE, Stay, Ward, day};

const COMMAND: &[u8] = b"bolus 2.0 ml";

pub(super) static ATTACKS: [Attack; 8] = [
    Attack {
        id: "command-changed",
        title: "who stands between a person and the pump changes what is said, bit by bit",
        requirements: &["R17"],
        sources: &["CVE-2020-10627"],
        weakness: "frame-unauthenticated",
        also_broken_by: &[
            ("forgery-ends-link", "the first changed frame ends the link"),
            ("tag-truncated", "most bits of the tag are not looked at"),
        ],
        run: command_changed,
    },
    Attack {
        id: "session-repeated",
        title: "all that a person said in one session is said again after a reboot, the handshake included",
        requirements: &["R17", "X20"],
        sources: &["CVE-2016-5085", "CVE-2016-5086", "CVE-2018-14781"],
        weakness: "ephemeral-constant",
        also_broken_by: &[],
        run: session_repeated,
    },
    Attack {
        id: "patient-on-the-wire",
        title: "somebody listens while the pump tells a person whose infusion it runs",
        requirements: &["R16"],
        sources: &["CVE-2016-5084", "CVE-2019-18254"],
        weakness: "frames-in-clear",
        also_broken_by: &[],
        run: patient_on_the_wire,
    },
    Attack {
        id: "frame-reflected",
        title: "what the pump says is sent back to it, as if a person had said it",
        requirements: &["R17"],
        sources: &["CVE-2020-25165"],
        weakness: "one-key-both-ways",
        also_broken_by: &[("frame-unauthenticated", "any bytes pass for a frame")],
        run: frame_reflected,
    },
    Attack {
        id: "network-swapped",
        title: "a network of the same name offers less, and the pump is moved over to it",
        requirements: &["R19"],
        sources: &["CVE-2023-52424", "CVE-2017-13077"],
        weakness: "association-unchecked",
        also_broken_by: &[],
        run: network_swapped,
    },
    Attack {
        id: "half-open-left",
        title: "somebody with the admission key begins with the pump, again and again, never goes on, and then is silent",
        requirements: &["X21"],
        sources: &["CVE-2017-9658", "medsec F20"],
        weakness: "half-open-kept",
        also_broken_by: &[],
        run: half_open_left,
    },
    Attack {
        id: "log-by-revoked",
        title: "somebody whose certificate the owner has revoked asks for the log",
        requirements: &["R12", "X20"],
        sources: &["CVE-2020-16228"],
        weakness: "revocation-ignored",
        also_broken_by: &[],
        run: log_by_revoked,
    },
    Attack {
        id: "medium-cut",
        title: "the end of a log is cut off the medium on which it was carried away",
        requirements: &["R11", "R16"],
        sources: &["medsec F01"],
        weakness: "file-end-unchecked",
        also_broken_by: &[],
        run: medium_cut,
    },
];

/// What the pump's application is told by a message.
pub(super) fn told(
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
    message: &[u8],
) -> Option<Vec<u8>> {
    stay.hear(message);
    let (mut message, mut out) = (message.to_vec(), [0; OUT_BYTES_MIN]);
    let happened = end.receive(stay.pump.device(), &mut message, &mut out).ok()?;
    let Happened::Application(body, _) = happened else { return None };
    Some(body.to_vec())
}

fn command_changed(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    with_link(&mut ward, |link, end, stay| {
        let mut out = [0; 64];
        let sealed = link.seal(Channel::App, true, COMMAND, &mut out);
        let frame = sealed.map_err(Outcome::inconclusive)?.bytes().to_vec();
        for bit in 0..frame.len() * 8 {
            let mut changed = frame.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Some(body) = told(end, stay, &changed) {
                let how = format!("the pump is told {}", String::from_utf8_lossy(&body));
                return Err(Outcome::succeeded(Goal::Dose, how));
            }
        }
        if told(end, stay, &frame).is_some_and(|body| body == COMMAND) {
            return Ok(());
        }
        Err(Outcome::succeeded(Goal::LinkLost, "the nurse's link is gone"))
    })?;
    ward.blocked("a tag over all of a frame", &[DROPPED])
}

fn session_repeated(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let mut recorded = Vec::new();
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut random = super::link::peer_random().ok_or_else(|| missing("randomness"))?;
        let mut link = links
            .connect::<Aes256Gcm, 1>(&nurse, &mut random, |message| {
                recorded.push(message.to_vec());
                receive(&mut end, stay, message)
            })
            .ok_or_else(|| missing("link"))?;
        let mut out = [0; 64];
        let sealed = link.seal(Channel::App, true, COMMAND, &mut out);
        let frame = sealed.map_err(Outcome::inconclusive)?.bytes().to_vec();
        told(&mut end, stay, &frame).ok_or_else(|| missing("command of the nurse"))?;
        recorded.push(frame);
        Ok(())
    })?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        for message in &recorded {
            if told(&mut end, stay, message).is_some() {
                let how = "what was said before the reboot is told the pump again";
                return Err(Outcome::succeeded(Goal::Dose, how));
            }
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a fresh key of the pump in each handshake", &[DROPPED])
}

fn patient_on_the_wire(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let mut patient = *b"PATIENT-........";
    Prng::new(!seed).fill(&mut patient[8..]);
    with_link(&mut ward, |link, end, stay| {
        if !stay.assign(patient) {
            return Err(missing("patient"));
        }
        let mut out = [0; OUT_BYTES_MIN];
        let sealed = end.send(true, &patient, &mut out).map_err(Outcome::inconclusive)?;
        let mut frame = sealed.bytes().to_vec();
        stay.hear(&frame);
        match link.open(&mut frame) {
            Ok(Received::Message(opened)) if opened.body == patient => Ok(()),
            _ => Err(missing("what the pump said")),
        }
    })?;
    ward.blocked("each frame is encrypted", &[])
}

fn frame_reflected(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    with_link(&mut ward, |_, end, stay| {
        let mut out = [0; OUT_BYTES_MIN];
        let sealed = end.send(true, COMMAND, &mut out).map_err(Outcome::inconclusive)?;
        let frame = sealed.bytes().to_vec();
        if told(end, stay, &frame).is_some() {
            let how = "the pump takes its own words for a person's";
            return Err(Outcome::succeeded(Goal::Dose, how));
        }
        Ok(())
    })?;
    ward.blocked("a key for each direction", &[DROPPED])
}

/// The elements of an access point's beacon with one suite of each kind.
fn beacon(name: &[u8], group: u8, pairwise: u8, akm: u8, protects: bool) -> Vec<u8> {
    let suite = |number| [0, 0x0f, 0xac, number];
    let flags = if protects { 0xc0 } else { 0 };
    let rsn = [
        &[1, 0][..],
        &suite(group),
        &[1, 0],
        &suite(pairwise),
        &[1, 0],
        &suite(akm),
        &[flags, 0, 0, 0],
        &suite(6),
    ]
    .concat();
    let element = |id: u8, body: &[u8]| {
        let length = u8::try_from(body.len()).unwrap_or(0);
        [&[id, length], body].concat()
    };
    [element(0, name), element(48, &rsn), element(244, &[0x20])].concat()
}

fn network_swapped(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(1)?;
    let name = b"ward 4";
    let joined = |goes: &str| {
        Err(Outcome::succeeded(Goal::Configuration, format!("the pump joins a network {goes}")))
    };
    let honest = judge(&beacon(name, 4, 4, 8, true), true, Policy::Wpa3Personal);
    let pin = honest.map_err(Outcome::inconclusive)?;
    // Whoever is louder has the same name and less: TKIP, WEP, a password alone, nothing protected, nothing at all.
    for (group, pairwise, akm, protects) in
        [(2, 4, 8, true), (4, 2, 8, true), (1, 1, 8, true), (4, 4, 2, true), (4, 4, 8, false)]
    {
        if judge(&beacon(name, group, pairwise, akm, protects), true, Policy::Wpa3Personal).is_ok()
        {
            return joined("that offers less");
        }
    }
    let element = [&[0, 6][..], name].concat();
    for privacy in [true, false] {
        if judge(&element, privacy, Policy::Wpa3Personal).is_ok() {
            return joined("without encryption");
        }
    }
    // The beacon was the honest one; what the driver then associated with was not.
    let ssid = |name: &[u8]| Ssid::of(name).ok_or_else(|| missing("name"));
    let same = Association {
        ssid: ssid(name)?,
        akm: 8,
        pairwise: 4,
        group: 4,
        group_management: Some(6),
        h2e: true,
    };
    if !pin.admits(&same) {
        return Err(missing("network of the ward"));
    }
    let others = [
        Association { ssid: ssid(b"ward 4 guests")?, ..same },
        Association { akm: 2, ..same },
        Association { pairwise: 2, ..same },
        Association { group: 5, ..same },
        Association { group_management: None, ..same },
        Association { h2e: false, ..same },
    ];
    if others.iter().any(|other| pin.admits(other)) {
        return joined("other than the one that was judged");
    }
    ward.blocked("what was judged is compared with what was joined", &[])
}

fn half_open_left(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let mut draw = Prng::new(!seed);
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        for _ in 0..6 {
            let message = begun(&links, &nurse, &mut draw);
            drop(receive(&mut end, stay, &message));
            stay.wait(2);
        }
        // An alarm sounds whatever peers do.
        if stay.pump.raise(Alarm::Occlusion).is_err() || stay.therapy.alarm().is_none() {
            return Err(Outcome::succeeded(Goal::Alarm, "no alarm while links are held up"));
        }
        stay.wait(HALF_OPEN_MS / 1_000);
        let link = linked(&links, &nurse, &mut end, stay);
        let answer = link.and_then(|mut link| ask(&mut link, &mut end, stay, Request::About));
        if !answer.is_some_and(|answer| matches!(Answer::parse(&answer), Ok(Answer::About(_)))) {
            let how = "the nurse has no link, as strangers hold all places";
            return Err(Outcome::succeeded(Goal::LinkLost, how));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("who does not go on is given up", &[])
}

/// A first message by certificate that nobody means, let in by its tag.
fn begun(links: &SimLinks, holder: &SimHolder, draw: &mut Prng) -> Vec<u8> {
    let mut message = [0; 36];
    draw.fill(&mut message);
    message[..4].copy_from_slice(&[0x01, 1, holder.certificate.claims().kind.code(), 1]);
    message[35] &= 0x7f;
    [&message[..], &links.admission().tag(&message)].concat()
}

fn log_by_revoked(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let (nurse, left) = (holder(&links, Kind::Person)?, links.holder(Kind::Person, 30));
    let left = left.ok_or_else(|| missing("holder"))?;
    let revoked = [links.revoke(&left).ok_or_else(|| missing("revocation"))?];
    let trust = links.trust_with(&revoked).ok_or_else(|| missing("trust"))?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let standing = Standing { trust, ..standing(&links)? };
        if gives_log_by(standing, &links, &left, stay)? {
            let how = "the log is given to somebody who was revoked";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        stay.wait(4);
        if !gives_log_by(standing, &links, &nurse, stay)? {
            return Err(missing("link of the true holder"));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("what the owner has revoked does not hold", &[DROPPED])
}

/// The parts of the device's log, sealed to a reader.
fn sealed<P: Port>(
    device: &mut Device<P>,
    links: &SimLinks,
    reader: &SimHolder,
) -> Result<Vec<Vec<u8>>, Outcome> {
    let trust = links.trust().ok_or_else(|| missing("trust"))?;
    let today = Today { floor: Day::FIRST, clock: None };
    let to = Recipients::judge(&[reader.certificate], trust, today, Stage::Service);
    let to = to.map_err(Outcome::inconclusive)?;
    let mut out = vec![0; 2_048];
    let by = PrincipalId::new(NURSE);
    let begun = device.begin_log_file(by, &links.device().certificate, &to, &mut out);
    let (mut file, header) = begun.map_err(Outcome::inconclusive)?;
    let mut parts = vec![header.bytes().to_vec()];
    let mut out = vec![0; 2_048];
    while let Some(part) = file.next(device, &mut out).map_err(Outcome::inconclusive)? {
        parts.push(part.bytes().to_vec());
    }
    Ok(parts)
}

/// Whether the reader takes a file for whole.
fn is_taken(links: &SimLinks, reader: &SimHolder, file: &[u8]) -> Result<bool, Outcome> {
    let looking = links.looking().ok_or_else(|| missing("trust"))?;
    let mut checking = Checking::<Aes256Gcm>::new(reader.own(), looking, Content::Audit);
    let mut rest = file.to_vec();
    let mut rest = &mut rest[..];
    while checking.due() > 0 && !rest.is_empty() {
        let (part, behind) = rest.split_at_mut(checking.due().min(rest.len()));
        rest = behind;
        if checking.take(part).is_err() {
            return Ok(false);
        }
    }
    Ok(rest.is_empty() && checking.finish().is_ok())
}

fn medium_cut(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let reader = holder(&links, Kind::Recipient)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let parts = sealed(stay.pump.device(), &links, &reader)?;
        let whole = parts.concat();
        stay.hear(&whole);
        if !is_taken(&links, &reader, &whole)? {
            return Err(missing("log on the medium"));
        }
        for kept in 1..parts.len() {
            if is_taken(&links, &reader, &parts[..kept].concat())? {
                let how = format!("{kept} of {} parts are taken for the log", parts.len());
                return Err(Outcome::succeeded(Goal::LogSilenced, how));
            }
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a signed end of each file", &[])
}
