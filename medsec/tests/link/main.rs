//! The device's end of links: what a peer gets, what others do not, and what the log hears of it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect, and its counts are evidence"
)]

mod bench;
mod files;
mod requests;

use medsec::audit::export::Cursor;
use medsec::core::event::Count;
use medsec::core::identity::certificate::Kind;
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::identity::trust::{Origin, Refusal};
use medsec::core::rng::RandomError;
use medsec::link::request::{Answer, Condition, Refused, Request};
use medsec::link::{
    CHECKPOINT_MS_MIN, Endpoint, EndpointError, Happened, LINK_MS_MAX, OUT_BYTES_MIN,
};
use medsec::transport::frame::{Channel, ReceiveError, SendError};
use medsec::transport::limiter::{AdmissionError, TOKENS_MAX};
use medsec::transport::link::{HALF_OPEN_MS, Handshake, Link, LinkError, Method, Received};
use medsec::{Pause, SystemEvent};
use medsec_sim::device::MODEL;
use medsec_sim::rng::{Behaviour, Noise};

use bench::{End, Pump, Suite, ask, asked, begin, linked, opened, random, receive, ward};

/// Records so far, found by making one more.
fn records(device: &mut Pump<'_>) -> u64 {
    device.log(&SystemEvent::RecordsSuppressed { count: Count::new(0) }).unwrap().seq
}

/// Where an export begins, and its bytes.
fn start(link: &mut Link<Suite, 0>, end: &mut End<'_>, device: &mut Pump<'_>) -> (Cursor, usize) {
    let answer = ask(link, end, device, Request::ExportStart);
    let Ok(Answer::ExportStarted(cursor, bytes)) = Answer::parse(&answer) else { panic!() };
    (cursor, usize::try_from(bytes).unwrap())
}

/// The next part of an export, and where it goes on.
fn part(
    link: &mut Link<Suite, 0>,
    end: &mut End<'_>,
    device: &mut Pump<'_>,
    cursor: Cursor,
) -> (Cursor, Vec<u8>) {
    let answer = ask(link, end, device, Request::ExportRead(cursor));
    let Ok(Answer::Part(next, part)) = Answer::parse(&answer) else { panic!("{answer:?}") };
    (next, part.to_vec())
}

/// All parts of an export from here on.
fn parts(
    link: &mut Link<Suite, 0>,
    end: &mut End<'_>,
    device: &mut Pump<'_>,
    mut cursor: Cursor,
) -> Vec<u8> {
    let mut log = Vec::new();
    loop {
        let (next, part) = part(link, end, device, cursor);
        if part.is_empty() {
            return log;
        }
        (cursor, log) = (next, [log, part].concat());
    }
}

/// The log as the device itself gives it out now.
fn read_out(device: &mut Pump<'_>) -> Vec<u8> {
    let (log, flash) = device.log_mut();
    let (mut out, mut cursor) = (Vec::new(), log.export_start().unwrap());
    loop {
        let mut part = [0; 1_000];
        match log.export(flash, MODEL, &mut cursor, &mut part).unwrap() {
            0 => return out,
            count => out.extend_from_slice(&part[..count]),
        }
    }
}

#[test]
fn a_person_of_the_owner_reads_what_the_device_is_and_its_whole_log() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let before = records(&mut device);
    let mut link = linked(&ward.links, &person, &mut end, &mut device);
    assert_eq!(end.peer().unwrap().claims(), person.certificate.claims());
    let answer = ask(&mut link, &mut end, &mut device, Request::About);
    let Ok(Answer::About(about)) = Answer::parse(&answer) else { panic!("{answer:?}") };
    let subject = ward.links.device().certificate.claims().subject;
    assert_eq!((about.model, about.device, about.suite), (MODEL, subject, 1));
    assert!(about.condition.has(Condition::RECORDING) && about.condition.has(Condition::RANDOM));
    assert!(!about.condition.has(Condition::RECORDS_LOST));
    // Who opened it stands in the log.
    assert_eq!(records(&mut device), before + 2);
    let (cursor, bytes) = start(&mut link, &mut end, &mut device);
    let there = read_out(&mut device);
    let log = parts(&mut link, &mut end, &mut device, cursor);
    assert_eq!((log.len(), log == there), (bytes, true));
    // That it is read, once.
    assert_eq!(records(&mut device), before + 4);
    println!("link: a log of {bytes} bytes fetched, as it was");
}

/// What was fetched is the log as it was when the export began.
#[test]
fn an_export_goes_on_over_links_that_broke_and_over_a_reboot() {
    let (ward, mut flash) = ward();
    let person = ward.person(1);
    let (mut device, mut end) = ward.boot(&mut flash);
    let mut link = linked(&ward.links, &person, &mut end, &mut device);
    let (mut cursor, bytes) = start(&mut link, &mut end, &mut device);
    let there = read_out(&mut device);
    let mut log = Vec::new();
    for turn in 0..40 {
        let (next, part) = part(&mut link, &mut end, &mut device, cursor);
        (cursor, log) = (next, [log, part].concat());
        if turn % 10 == 9 {
            records(&mut device);
            ward.clock.advance(1_000);
            link = linked(&ward.links, &person, &mut end, &mut device);
        }
    }
    drop((device, end));
    ward.clock.set(0);
    let (mut device, mut end) = ward.boot(&mut flash);
    let late = asked(&mut link, Request::About);
    assert_eq!(receive(&mut end, &mut device, &late), Err(EndpointError::Layout));
    link = linked(&ward.links, &person, &mut end, &mut device);
    let log = [log, parts(&mut link, &mut end, &mut device, cursor)].concat();
    assert_eq!((log.len(), log == there), (bytes, true));
}

/// Who may ask for what, against a list by hand.
#[test]
fn each_kind_of_peer_gets_what_is_listed_and_nothing_else() {
    let everything = [Request::About, Request::ExportStart, Request::Checkpoint];
    let mut cases = 0;
    for origin in [Origin::Maker, Origin::Owner] {
        for kind in Kind::ALL {
            let (ward, mut flash) = ward();
            let (mut device, mut end) = ward.boot(&mut flash);
            let Some(holder) = ward.links.issued_by(origin, kind, 40) else { continue };
            let mut random = random();
            let (mut handshake, first) =
                begin(&ward.links, &holder, Method::Certified, &mut random);
            let allowed: &[Request] = match (kind, origin) {
                (Kind::Person, Origin::Owner) => &everything,
                (Kind::Service, Origin::Maker) => &everything[..1],
                _ => &[],
            };
            let second = receive(&mut end, &mut device, &first);
            if !matches!(kind, Kind::Person | Kind::Service) {
                assert_eq!(second, Err(EndpointError::Handshake(LinkError::Kind)), "{kind:?}");
                cases += 1;
                continue;
            }
            let (mut second, mut out) = (second.unwrap().unwrap(), [0; 256]);
            let third = handshake.receive(&mut second, &mut out).unwrap().unwrap();
            let answered = receive(&mut end, &mut device, third.bytes()).unwrap();
            let authority = LinkAuthority::take(&mut random).unwrap();
            let mut link = handshake.establish(&authority).unwrap();
            if allowed.is_empty() {
                // Told why, since an issuer of this device did make the certificate.
                let refused = Received::Refused(Refusal::Kind);
                assert_eq!(link.open(&mut answered.unwrap()), Ok(refused), "{kind:?} {origin:?}");
                assert!(end.peer().is_none());
                cases += 1;
                continue;
            }
            for request in everything {
                let answer = ask(&mut link, &mut end, &mut device, request);
                let is_refused = Answer::parse(&answer) == Ok(Answer::Refused(Refused::Denied));
                assert_eq!(is_refused, !allowed.contains(&request), "{kind:?} {request:?}");
                cases += 1;
            }
        }
    }
    println!("link: {cases} cases of who may have what");
    assert_eq!(cases, 14);
}

/// Each message with each bit changed and cut at each byte; all are dropped. Gives their number.
fn each_change(message: &[u8], mut dropped: impl FnMut(&[u8]) -> bool) -> u32 {
    let mut tried = 0;
    for bit in 0..message.len() * 8 {
        let mut changed = message.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(dropped(&changed), "bit {bit}");
        tried += 1;
    }
    for length in 0..message.len() {
        assert!(dropped(&message[..length]), "{length} bytes");
        tried += 1;
    }
    tried
}

/// Nothing that others send moves the link or fills the log.
#[test]
fn changed_and_repeated_messages_end_nothing_and_are_recorded_a_few_times() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let mut random = random();
    let (mut handshake, first) = begin(&ward.links, &person, Method::Certified, &mut random);
    let mut out = [0; 256];
    let mut tried = each_change(&first, |changed| receive(&mut end, &mut device, changed).is_err());
    let second = receive(&mut end, &mut device, &first).unwrap().unwrap();
    // Again, because it was lost: the same, and nothing else is begun.
    assert_eq!(receive(&mut end, &mut device, &first), Ok(Some(second.clone())));
    let third = handshake.receive(&mut second.clone(), &mut out).unwrap().unwrap();
    tried += each_change(third.bytes(), |changed| receive(&mut end, &mut device, changed).is_err());
    assert_eq!(receive(&mut end, &mut device, third.bytes()), Ok(None));
    assert_eq!(receive(&mut end, &mut device, third.bytes()), Err(EndpointError::Layout));
    let again = receive(&mut end, &mut device, &first);
    assert_eq!(again, Err(EndpointError::Admission(AdmissionError::Seen)));
    assert_eq!(receive(&mut end, &mut device, &second), Err(EndpointError::Layout));
    let mut link = handshake.establish(&LinkAuthority::take(&mut random).unwrap()).unwrap();
    let request = asked(&mut link, Request::About);
    tried += each_change(&request, |changed| receive(&mut end, &mut device, changed).is_err());
    let answer = receive(&mut end, &mut device, &request).unwrap().unwrap();
    assert!(matches!(Answer::parse(&opened(&mut link, answer).1), Ok(Answer::About(_))));
    let replayed = receive(&mut end, &mut device, &request);
    assert_eq!(replayed, Err(EndpointError::Frame(ReceiveError::Forged)));
    assert!(end.peer().is_some());
    let seq = records(&mut device);
    println!("link: {tried} changed messages dropped, {seq} records");
    assert_eq!(tried, 2_583);
    assert!(seq < 16, "{seq}");
}

#[test]
fn a_link_is_given_up_for_a_proven_peer() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let (one, other) = (ward.person(1), ward.person(2));
    let mut link = linked(&ward.links, &one, &mut end, &mut device);
    let mut random = random();
    let (mut handshake, first) = begin(&ward.links, &other, Method::Certified, &mut random);
    let mut second = receive(&mut end, &mut device, &first).unwrap().unwrap();
    ask(&mut link, &mut end, &mut device, Request::About);
    let mut out = [0; 256];
    let third = handshake.receive(&mut second, &mut out).unwrap().unwrap();
    assert_eq!(receive(&mut end, &mut device, third.bytes()), Ok(None));
    assert_eq!(end.peer().unwrap().claims(), other.certificate.claims());
    let late = asked(&mut link, Request::About);
    let forged = EndpointError::Frame(ReceiveError::Forged);
    assert_eq!(receive(&mut end, &mut device, &late), Err(forged));
}

/// A pinned peer is proven by its first frame; until then it can be a recording, and the link stays.
#[test]
fn a_link_is_not_given_up_for_a_recording() {
    let (ward, mut flash) = ward();
    let (mut device, _) = ward.boot(&mut flash);
    let (one, other) = (ward.person(1), ward.person(2));
    let mut standing = ward.links.standing().unwrap();
    standing.pin = Some(&one.certificate);
    let pin = &ward.links.device().certificate;
    let mut end: End<'_> = Endpoint::new(standing, device.now());
    let mut random = random();
    let mut pinned = |end: &mut End<'_>, device: &mut Pump<'_>| -> Handshake<'_, Suite, 0> {
        let (mut handshake, first) = begin(&ward.links, &one, Method::Pinned(pin), &mut random);
        let mut second = receive(end, device, &first).unwrap().unwrap();
        // Again, because it was lost: the same.
        assert_eq!(receive(end, device, &first), Ok(Some(second.clone())));
        assert!(handshake.receive(&mut second, &mut []).unwrap().is_none());
        handshake
    };
    let mut link = linked(&ward.links, &other, &mut end, &mut device);
    let _recorded = pinned(&mut end, &mut device);
    ask(&mut link, &mut end, &mut device, Request::About);
    assert_eq!(end.peer().unwrap().claims(), other.certificate.claims());
    // It never spoke, and is given up in time.
    ward.clock.advance(HALF_OPEN_MS);
    let handshake = pinned(&mut end, &mut device);
    let authority = LinkAuthority::take(&mut bench::random()).unwrap();
    let mut pinned = handshake.establish(&authority).unwrap();
    ask(&mut pinned, &mut end, &mut device, Request::About);
    assert_eq!(end.peer().unwrap().claims(), one.certificate.claims());
}

#[test]
fn time_ends_a_handshake_and_a_link() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let third = |end: &mut End<'_>, device: &mut Pump<'_>| {
        let mut random = random();
        let (mut handshake, first) = begin(&ward.links, &person, Method::Certified, &mut random);
        let mut second = receive(end, device, &first).unwrap().unwrap();
        let mut out = [0; 256];
        handshake.receive(&mut second, &mut out).unwrap().unwrap().bytes().to_vec()
    };
    let late = third(&mut end, &mut device);
    ward.clock.advance(HALF_OPEN_MS);
    assert_eq!(receive(&mut end, &mut device, &late), Err(EndpointError::Layout));
    let timely = third(&mut end, &mut device);
    ward.clock.advance(HALF_OPEN_MS - 1);
    assert_eq!(receive(&mut end, &mut device, &timely), Ok(None));
    ward.clock.advance(LINK_MS_MAX - 1);
    end.expire(device.now());
    assert!(end.peer().is_some());
    ward.clock.advance(1);
    end.expire(device.now());
    assert!(end.peer().is_none());
}

#[test]
fn the_peer_and_the_device_end_a_link() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let mut out = [0; OUT_BYTES_MIN];
    assert_eq!(end.close(&mut out).unwrap_err(), SendError::Over);
    let mut link = linked(&ward.links, &person, &mut end, &mut device);
    let mut close = link.close(&mut out).unwrap().bytes().to_vec();
    let mut answer = [0; OUT_BYTES_MIN];
    let ended = end.receive(&mut device, &mut close, &mut answer);
    assert!(matches!(ended, Ok(Happened::Ended)));
    assert!(end.peer().is_none());
    let mut link = linked(&ward.links, &person, &mut end, &mut device);
    let mut close = end.close(&mut out).unwrap().bytes().to_vec();
    assert_eq!(link.open(&mut close), Ok(Received::Closed));
    assert!(end.peer().is_none());
}

#[test]
fn the_application_hears_what_is_meant_for_it_and_answers() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let mut out = [0; OUT_BYTES_MIN];
    assert_eq!(end.send(true, b"none", &mut out).unwrap_err(), SendError::Over);
    let mut link = linked(&ward.links, &ward.person(1), &mut end, &mut device);
    for (is_last, body) in [(false, &b"how much"[..]), (true, b" is left?")] {
        let mut frame = [0; 64];
        let length = link.seal(Channel::App, is_last, body, &mut frame).unwrap().bytes().len();
        let happened = end.receive(&mut device, &mut frame[..length], &mut out).unwrap();
        let Happened::Application(heard, last) = happened else { panic!("{happened:?}") };
        assert_eq!((heard, last), (body, is_last));
    }
    let frame = end.send(true, b"12 ml", &mut out).unwrap().bytes().to_vec();
    assert_eq!(opened(&mut link, frame), (Channel::App, b"12 ml".to_vec()));
}

#[test]
fn without_randomness_there_is_no_link_and_the_log_goes_on() {
    let (ward, mut flash) = ward();
    let noise = Noise::new(Behaviour::Stuck(false), 1);
    let (mut device, mut end) = ward.boot_with(&mut flash, noise);
    let person = ward.person(1);
    let (_, first) = begin(&ward.links, &person, Method::Certified, &mut random());
    let refused = receive(&mut end, &mut device, &first);
    let is_refused =
        |error| matches!(error, EndpointError::Handshake(LinkError::Random(RandomError::Fault(_))));
    assert!(refused.is_err_and(is_refused));
    records(&mut device);
}

/// What comes before the first key of a boot costs no token, is not remembered, and is let in a moment later.
#[test]
fn a_device_that_has_just_booted_takes_the_same_message_later() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot_just_now(&mut flash, Noise::good(3));
    let person = ward.person(1);
    let mut random = random();
    let (mut handshake, first) = begin(&ward.links, &person, Method::Certified, &mut random);
    let early = Err(EndpointError::Handshake(LinkError::Random(RandomError::NotStarted)));
    let mut refused = 0;
    let second = loop {
        let answer = receive(&mut end, &mut device, &first);
        if answer != early {
            break answer.unwrap().unwrap();
        }
        refused += 1;
        device.maintain(&Pause::lend(&mut (), 100)).unwrap();
    };
    assert!(refused > usize::from(TOKENS_MAX), "{refused}");
    bench::rest(&mut device);
    let mut out = [0; 256];
    let third = handshake.receive(&mut second.clone(), &mut out).unwrap().unwrap();
    assert_eq!(receive(&mut end, &mut device, third.bytes()), Ok(None));
    assert!(end.peer().is_some());
}

#[test]
fn two_peers_begin_at_a_time() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let mut random = random();
    let mut first = || begin(&ward.links, &person, Method::Certified, &mut random).1;
    for _ in 0..2 {
        receive(&mut end, &mut device, &first()).unwrap().unwrap();
    }
    let third = first();
    assert_eq!(receive(&mut end, &mut device, &third), Err(EndpointError::Busy));
    ward.clock.advance(1_999);
    assert_eq!(receive(&mut end, &mut device, &third), Err(EndpointError::Busy));
    // It cost nothing, and the same message is let in later.
    ward.clock.advance(1);
    receive(&mut end, &mut device, &third).unwrap().unwrap();
}

/// Who listens has more first messages than a device remembers. One of them after each honest one ends no handshake.
#[test]
fn recordings_end_no_handshake() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let mut random = random();
    let mut recordings = Vec::new();
    for _ in 0..40 {
        recordings.push(begin(&ward.links, &person, Method::Certified, &mut random).1);
    }
    let mut links = 0;
    for turn in 0..100 {
        ward.clock.advance(3_000);
        let (mut handshake, first) = begin(&ward.links, &person, Method::Certified, &mut random);
        let mut second = receive(&mut end, &mut device, &first).unwrap().unwrap();
        let _answer = receive(&mut end, &mut device, &recordings[turn % recordings.len()]);
        let mut out = [0; 256];
        let third = handshake.receive(&mut second, &mut out).unwrap().unwrap();
        links += u32::from(receive(&mut end, &mut device, third.bytes()) == Ok(None));
    }
    println!("link: {links} of 100 handshakes with a recording in between");
    assert_eq!(links, 100);
}

/// A peer that is proven and not well-meaning does not push evidence out by coming again and again.
#[test]
fn a_peer_that_comes_again_and_again_fills_no_log() {
    for kind in [Kind::Person, Kind::Service] {
        let (ward, mut flash) = ward();
        let (mut device, mut end) = ward.boot(&mut flash);
        let peers = [1, 2, 3].map(|number| ward.links.holder(kind, number).unwrap());
        let before = records(&mut device);
        for turn in 0..900 {
            ward.clock.advance(1_000);
            let peer = &peers[turn % peers.len()];
            let mut link = linked(&ward.links, peer, &mut end, &mut device);
            let frame = asked(&mut link, Request::ExportStart);
            drop(receive(&mut end, &mut device, &frame));
            bench::rest(&mut device);
        }
        let made = records(&mut device) - before;
        println!("link: {made} records of 900 links of three peers");
        assert!((4..50).contains(&made), "{made}");
    }
}

/// What the device trusts changes: who was judged by what was before proves himself again.
#[test]
fn a_link_ends_with_what_its_peer_was_judged_by() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let person = ward.person(1);
    let mut link = linked(&ward.links, &person, &mut end, &mut device);
    ask(&mut link, &mut end, &mut device, Request::About);
    let standing = ward.links.standing().unwrap();
    end.stand(&mut device, standing);
    assert!(end.peer().is_none());
    let late = asked(&mut link, Request::About);
    assert_eq!(receive(&mut end, &mut device, &late), Err(EndpointError::Layout));
    let mut link = linked(&ward.links, &person, &mut end, &mut device);
    ask(&mut link, &mut end, &mut device, Request::About);
}

#[test]
fn checkpoints_are_signed_for_peers_once_a_minute() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let mut link = linked(&ward.links, &ward.person(1), &mut end, &mut device);
    let mut told = |device: &mut Pump<'_>| {
        let answer = ask(&mut link, &mut end, device, Request::Checkpoint);
        Answer::parse(&answer) == Ok(Answer::Noted)
    };
    let written = |device: &mut _| read_out(device).iter().filter(|byte| **byte != 0xff).count();
    let before = written(&mut device);
    assert!(told(&mut device) && !told(&mut device));
    bench::rest(&mut device);
    let after = written(&mut device);
    assert!(after > before + 64, "a signature has 64 bytes: {before} {after}");
    ward.clock.advance(CHECKPOINT_MS_MIN - 1);
    assert!(!told(&mut device));
    ward.clock.advance(1);
    assert!(told(&mut device));
}

#[test]
fn an_end_is_as_small_as_it_says() {
    let pending = size_of::<Link<Suite, 0>>().max(size_of::<Handshake<'_, Suite, 0>>());
    let rest = size_of::<End<'_>>() - 2 * pending - size_of::<Link<Suite, 0>>();
    println!("endpoint: {rest} bytes beside two handshakes and a link");
    assert!(rest <= 1_000, "{rest}");
}
