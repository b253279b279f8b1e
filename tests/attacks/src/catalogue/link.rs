//! Attacks on links: by who is not proven, by who is and wants more, and by what was said before.

use medsec::audit::export::Cursor;
use medsec::core::identity::certificate::{Kind, Unsigned};
use medsec::core::identity::trust::Origin;
use medsec::core::key::DeviceKey;
use medsec::core::rng::Random;
use medsec::core::suite::Aes256Gcm;
use medsec::link::request::{Answer, Refused, Request};
use medsec::link::{Endpoint, Happened, OUT_BYTES_MIN, Standing};
use medsec::transport::frame::Channel;
use medsec::transport::link::{Link, Received};
use medsec::{ResetCause, Secret};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::links::{SimHolder, SimLinks};
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;

use crate::ward::{Stay, Ward, day};

const ASSIGNED: u16 = 0x4001;
pub(super) const EXPORT_STARTED: u16 = 0x0105;
pub(super) const DROPPED: u16 = 0x3003;
/// Messages with which strangers try to fill the log: more than it holds records.
const FLOOD: u32 = 3_000;

pub(super) static ATTACKS: [Attack; 8] = [
    Attack {
        id: "log-by-stranger",
        title: "a stranger signs a certificate himself, in the name of the owner's authority, and asks for the log",
        requirements: &["R16", "X20"],
        sources: &["CVE-2020-25183", "medsec F27"],
        weakness: "certificate-unverified",
        also_broken_by: &[],
        run: log_by_stranger,
    },
    Attack {
        id: "log-by-other-hospital",
        title: "a person of another hospital, with a sound certificate of that one, asks for the log",
        requirements: &["R18", "X20"],
        sources: &["CVE-2017-5149", "CVE-2020-16222"],
        weakness: "any-issuer",
        also_broken_by: &[],
        run: log_by_other_hospital,
    },
    Attack {
        id: "log-by-service",
        title: "the maker's service, certified and proven, reads the owner's log: from its beginning, and from the middle",
        requirements: &["R12", "X20"],
        sources: &["CVE-2018-10596", "CWE-862"],
        weakness: "service-reads-log",
        also_broken_by: &[],
        run: log_by_service,
    },
    Attack {
        id: "frame-replayed",
        title: "what a person told the pump is recorded on the way, and told again",
        requirements: &["R17", "X20"],
        sources: &["CVE-2018-14781", "CVE-2011-3386"],
        weakness: "replay-unchecked",
        also_broken_by: &[],
        run: frame_replayed,
    },
    Attack {
        id: "noise-fills-log",
        title: "messages of no meaning come until evidence is pushed out of the log",
        requirements: &["R11", "X21"],
        sources: &["medsec F11"],
        weakness: "drops-unlimited",
        also_broken_by: &[("refusals-unlimited", "the same limit holds both")],
        run: noise_fills_log,
    },
    Attack {
        id: "link-cut-by-stranger",
        title: "forged frames and first messages come while a nurse's link lives",
        requirements: &["X21"],
        sources: &["medsec F20"],
        weakness: "forgery-ends-link",
        also_broken_by: &[("frame-unauthenticated", "forged frames are the nurse's")],
        run: link_cut_by_stranger,
    },
    Attack {
        id: "export-unseen",
        title: "a person asks for the middle of the log, so that no beginning of an export is recorded",
        requirements: &["R11"],
        sources: &["medsec F11"],
        weakness: "export-unrecorded",
        also_broken_by: &[],
        run: export_unseen,
    },
    Attack {
        id: "another-device-answers",
        title: "a device that was stolen elsewhere answers in place of the one that is asked",
        requirements: &["X20"],
        sources: &["medsec F19"],
        weakness: "subject-ignored",
        also_broken_by: &[],
        run: another_device_answers,
    },
];

/// The pump's end of a wire on which datagrams are lost.
pub(super) type End<'i> = Endpoint<'i, Aes256Gcm, 1>;
pub(super) type Peer = Link<Aes256Gcm, 1>;

pub(super) fn missing(what: &str) -> Outcome {
    Outcome::inconclusive(format!("no {what}"))
}

pub(super) fn links(ward: &Ward) -> Result<SimLinks, Outcome> {
    SimLinks::new(&ward.owner.identity(), 100).ok_or_else(|| missing("certificates"))
}

pub(super) fn standing(links: &SimLinks) -> Result<Standing<'_>, Outcome> {
    links.standing().ok_or_else(|| missing("trust"))
}

pub(super) fn holder(links: &SimLinks, kind: Kind) -> Result<SimHolder, Outcome> {
    links.holder(kind, 9).ok_or_else(|| missing("holder"))
}

/// What the pump sends to a message; nothing if it is dropped. Both are heard on the wire.
pub(super) fn receive(
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
    message: &[u8],
) -> Option<Vec<u8>> {
    stay.hear(message);
    let (mut message, mut out) = (message.to_vec(), [0; OUT_BYTES_MIN]);
    let happened = end.receive(stay.pump.device(), &mut message, &mut out).ok()?;
    let Happened::Answer(answer) = happened else { return None };
    stay.hear(answer.bytes());
    Some(answer.bytes().to_vec())
}

/// A power cycle in which the nurse has a link with the pump, and what it comes to is in the export.
pub(super) fn with_link(
    ward: &mut Ward,
    live: impl FnOnce(&mut Peer, &mut End<'_>, &mut Stay<'_, '_, false>) -> Result<(), Outcome>,
) -> Result<(), Outcome> {
    let links = links(ward)?;
    let nurse = holder(&links, Kind::Person)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let link = linked(&links, &nurse, &mut end, stay);
        live(&mut link.ok_or_else(|| missing("link"))?, &mut end, stay)?;
        stay.rest();
        stay.export()
    })
}

/// What a holder draws his keys from.
pub(super) fn peer_random() -> Option<Random<Noise>> {
    random_of(6)
}

fn random_of(seed: u8) -> Option<Random<Noise>> {
    let mut random = Random::new(Noise::good(77));
    random.start(Secret::new([seed; 32]), b"peer").ok()?;
    Some(random)
}

/// The holder's end of a link, as far as he has one.
pub(super) fn linked(
    links: &SimLinks,
    holder: &SimHolder,
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
) -> Option<Peer> {
    links.connect(holder, &mut peer_random()?, |message| receive(end, stay, message))
}

/// Another link at the same end, of a tool that has drawn other keys.
pub(super) fn linked_again(
    links: &SimLinks,
    holder: &SimHolder,
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
) -> Option<Peer> {
    links.connect(holder, &mut random_of(7)?, |message| receive(end, stay, message))
}

/// The answer to a request over a link.
pub(super) fn ask(
    link: &mut Peer,
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
    request: Request,
) -> Option<Vec<u8>> {
    let (mut body, mut out) = ([0; 32], [0; 64]);
    let body = request.encode(&mut body).ok()?;
    let frame = link.seal(request.channel(), true, body, &mut out).ok()?;
    let mut answer = receive(end, stay, frame.bytes())?;
    match link.open(&mut answer).ok()? {
        Received::Message(opened) => Some(opened.body.to_vec()),
        Received::Closed | Received::Refused(_) | _ => None,
    }
}

/// Whether the log is given out over a link of this holder.
fn gives_log(
    links: &SimLinks,
    holder: &SimHolder,
    stay: &mut Stay<'_, '_, false>,
) -> Result<bool, Outcome> {
    gives_log_by(standing(links)?, links, holder, stay)
}

/// The same of a pump that trusts others.
pub(super) fn gives_log_by(
    standing: Standing<'_>,
    links: &SimLinks,
    holder: &SimHolder,
    stay: &mut Stay<'_, '_, false>,
) -> Result<bool, Outcome> {
    let mut end = Endpoint::new(standing, stay.pump.device().now());
    let Some(mut link) = linked(links, holder, &mut end, stay) else { return Ok(false) };
    let answer = ask(&mut link, &mut end, stay, Request::ExportStart);
    Ok(answer.is_some_and(|answer| matches!(Answer::parse(&answer), Ok(Answer::ExportStarted(..)))))
}

fn log_by_stranger(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    // The owner's word in everything but the signature.
    let (agrees, signs) = (nurse.certificate.agreement_key(), nurse.certificate.signing_key());
    let unsigned = Unsigned::new(*nurse.certificate.claims(), agrees.as_ref(), signs.as_ref());
    let thief = DeviceKey::from_seed(&Secret::new([13; 32]));
    let signed = unsigned.map_err(Outcome::inconclusive)?.sign(&thief);
    let certificate = signed.map_err(Outcome::inconclusive)?;
    let stranger = SimHolder { secret: holder(&links, Kind::Person)?.secret, certificate };
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        if gives_log(&links, &stranger, stay)? {
            return Err(Outcome::succeeded(Goal::SecretRead, "the log is given to a stranger"));
        }
        if !gives_log(&links, &nurse, stay)? {
            return Err(missing("link of the true holder"));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a certificate counts by its issuer's signature", &[DROPPED])
}

fn log_by_other_hospital(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let others = SimLinks::new(&ward.owner.identity(), 200);
    let others = others.ok_or_else(|| missing("other hospital"))?;
    let (nurse, stranger) = (holder(&links, Kind::Person)?, holder(&others, Kind::Person)?);
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        if gives_log(&links, &stranger, stay)? {
            let how = "the log is given to another hospital";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        if !gives_log(&links, &nurse, stay)? {
            return Err(missing("link of the true holder"));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a list of whose certificates count", &[DROPPED])
}

fn log_by_service(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let service = holder(&links, Kind::Service)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let (log, _) = stay.pump.device().log_mut();
        let start = log.export_start().map_err(Outcome::inconclusive)?;
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut link = linked(&links, &service, &mut end, stay).ok_or_else(|| missing("link"))?;
        let about = ask(&mut link, &mut end, stay, Request::About).unwrap_or_default();
        if !matches!(Answer::parse(&about), Ok(Answer::About(_))) {
            return Err(missing("what service may ask"));
        }
        let middle = Cursor { offset: 4_096, ..start };
        for request in [
            Request::ExportStart,
            Request::ExportRead(start),
            Request::ExportRead(middle),
            Request::Checkpoint,
        ] {
            let answer = ask(&mut link, &mut end, stay, request).unwrap_or_default();
            if !matches!(Answer::parse(&answer), Ok(Answer::Refused(Refused::Denied))) {
                let how = format!("{request:?} is served to the maker");
                return Err(Outcome::succeeded(Goal::SecretRead, how));
            }
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a list of who may ask for what", &[DROPPED])
}

fn frame_replayed(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    with_link(&mut ward, |link, end, stay| {
        let mut out = [0; 64];
        let sealed = link.seal(Channel::App, true, b"bolus 2.0 ml", &mut out);
        let frame = sealed.map_err(Outcome::inconclusive)?.bytes().to_vec();
        let mut told = 0;
        for _ in 0..4 {
            let (mut message, mut out) = (frame.clone(), [0; OUT_BYTES_MIN]);
            let happened = end.receive(stay.pump.device(), &mut message, &mut out);
            told += u32::from(matches!(happened, Ok(Happened::Application(..))));
        }
        match told {
            1 => Ok(()),
            0 => Err(missing("message of the nurse")),
            _ => {
                let how = format!("what was said once is told the pump {told} times");
                Err(Outcome::succeeded(Goal::Dose, how))
            }
        }
    })?;
    ward.blocked("a window over the numbers of frames", &[DROPPED])
}

fn noise_fills_log(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let mut draw = Prng::new(!seed);
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        for number in 0..FLOOD {
            let mut message = [0; 52];
            draw.fill(&mut message);
            if receive(&mut end, stay, &message).is_some() {
                return Err(missing("silence"));
            }
            if number.is_multiple_of(16) {
                stay.rest();
            }
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("what anybody can cause is recorded a few times", &[ASSIGNED, DROPPED])
}

fn link_cut_by_stranger(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let mut draw = Prng::new(!seed);
    with_link(&mut ward, |link, end, stay| {
        for turn in 0..200_u32 {
            let mut message = [0; 60];
            draw.fill(&mut message);
            // Frames on each channel, and first messages of each kind.
            let [first, ..] = turn.to_le_bytes();
            message[0] = if turn.is_multiple_of(2) { 0x80 | (first >> 1) & 7 } else { first & 3 };
            let length = if message[0] & 0x80 == 0 { 52 } else { 60 };
            if receive(end, stay, &message[..length]).is_some() {
                let how = "the pump answers a stranger on the nurse's link";
                return Err(Outcome::succeeded(Goal::LinkLost, how));
            }
        }
        let answer = ask(link, end, stay, Request::About);
        if answer.is_some_and(|answer| matches!(Answer::parse(&answer), Ok(Answer::About(_)))) {
            return Ok(());
        }
        Err(Outcome::succeeded(Goal::LinkLost, "the nurse's link is gone"))
    })?;
    ward.blocked("what does not open moves nothing", &[DROPPED])
}

fn export_unseen(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    with_link(&mut ward, |link, end, stay| {
        let (log, _) = stay.pump.device().log_mut();
        let start = log.export_start().map_err(Outcome::inconclusive)?;
        let mut cursor = Cursor { offset: 4_096, ..start };
        // To its end: all of it was on the wire, and is looked through for patients' numbers.
        loop {
            let answer = ask(link, end, stay, Request::ExportRead(cursor)).unwrap_or_default();
            match Answer::parse(&answer) {
                Ok(Answer::Part(_, [])) => return Ok(()),
                Ok(Answer::Part(next, _)) => cursor = next,
                _ => return Err(missing("part of the log")),
            }
        }
    })?;
    ward.blocked("the first part of a link is recorded before it is given", &[EXPORT_STARTED])
}

fn another_device_answers(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let stolen = links.issued_by(Origin::Maker, Kind::Device, 33);
    let stolen = stolen.ok_or_else(|| missing("stolen device"))?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let impostor = Standing { own: stolen.own(), ..standing(&links)? };
        let mut end = Endpoint::new(impostor, stay.pump.device().now());
        if linked(&links, &nurse, &mut end, stay).is_some() {
            let how = "the nurse's tool speaks with a stolen device";
            return Err(Outcome::succeeded(Goal::LogForged, how));
        }
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        linked(&links, &nurse, &mut end, stay).ok_or_else(|| missing("link"))?;
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a tool looks for one device by its id", &[])
}
