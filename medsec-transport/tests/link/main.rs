//! Links and sealed files: who gets one, who is told why not, and who gets nothing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

mod edges;
mod ledger;
mod parties;
mod raw_peer;
mod reboots;
mod sealed_file;
mod uncertified;

use core::fmt::Write as _;

use medsec_core::identity::certificate::{CertificateError, Kind, Kinds};
use medsec_core::identity::trust::{Origin, Refusal, Stage};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, CipherState, ReceiveKey, Suite};
use medsec_transport::frame::{Channel, Counts, ReceiveError, SendError};
use medsec_transport::link::{Link, LinkError, MESSAGE_BYTES_MAX, Received};

use parties::{Attempt, Party, Setting, another_device, device, key, station, tool};

/// Both sides have the same label.
const LABELLED: Attempt = Attempt::Labelled(7);

/// What arrives of a message.
fn said<S: Suite, const WORDS: usize>(
    from: &mut Link<S, WORDS>,
    to: &mut Link<S, WORDS>,
    body: &[u8],
) -> Vec<u8> {
    let mut buffer = [0; 100];
    let mut frame = from.seal(Channel::App, true, body, &mut buffer).unwrap().bytes().to_vec();
    match to.open(&mut frame).unwrap() {
        Received::Message(opened) => opened.body.to_vec(),
        other @ (Received::Closed | Received::Refused(_) | _) => panic!("{other:?}"),
    }
}

#[test]
fn both_sides_know_who_is_there_and_nobody_else_hears() {
    fn with<S: Suite, const WORDS: usize>() {
        for (attempt, sizes) in [
            (Attempt::Certified, &[36, 249, 217][..]),
            (LABELLED, &[52, 249, 65]),
            (Attempt::Pinned, &[52, 49]),
        ] {
            let setting = Setting::new(tool(), device(), attempt);
            let (mut ends, messages) = setting.link::<S, WORDS>().unwrap();
            let lengths: Vec<_> = messages.iter().map(Vec::len).collect();
            assert_eq!(lengths, sizes);
            assert!(lengths.iter().all(|length| *length <= MESSAGE_BYTES_MAX));
            let [initiator, responder] = &mut ends;
            assert_eq!(initiator.handshake_hash(), responder.handshake_hash());
            // A recorded first message of one who is pinned goes that far; and so does a device that does not know the label.
            let is_confirmed = [initiator.is_confirmed(), responder.is_confirmed()];
            assert_eq!(is_confirmed, [attempt != LABELLED, attempt != Attempt::Pinned]);
            assert!(initiator.peer().is_some() == is_confirmed[0]);
            // Who has shown all it can speaks first.
            for _ in 0..2 {
                let (first, other) = if is_confirmed[0] {
                    (&mut *initiator, &mut *responder)
                } else {
                    (&mut *responder, &mut *initiator)
                };
                assert_eq!(said(first, other, b"bolus"), b"bolus");
                assert_eq!(said(other, first, b"given"), b"given");
            }
            let device = initiator.peer().unwrap();
            assert_eq!((device.claims().kind, device.origin()), (Kind::Device, Origin::Maker));
            assert_eq!(device.handshake_hash(), responder.handshake_hash());
            let person = responder.peer().map(|peer| (peer.claims().kind, peer.origin()));
            assert_eq!(person, (attempt != LABELLED).then_some((Kind::Person, Origin::Owner)));
            assert_eq!(initiator.remote_static(), &setting.responder.secret.public().to_bytes());
            assert_eq!(responder.remote_static(), &setting.initiator.secret.public().to_bytes());
            assert_eq!(responder.counts(), Counts::default());
        }
    }
    with::<Aes256Gcm, 0>();
    with::<Aes256Gcm, 4>();
    with::<ChaCha20Poly1305, 1>();
}

/// The header and every byte behind it.
#[test]
fn no_changed_bit_makes_a_link_and_none_ends_a_handshake() {
    fn with<S: Suite>(attempt: Attempt) -> usize {
        let setting = Setting::new(tool(), device(), attempt);
        let mut flipped = 0;
        let first = setting.begin::<S, 0>(0).1;
        for bit in 0..first.len() * 8 {
            let mut changed = first.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let mut side = setting.begin::<S, 0>(0).0;
            // Taken for a first message of somebody, it leads to a second that the initiator refuses.
            if let Ok((_, mut second)) = setting.accept::<S, 0>(&changed, 0) {
                assert!(bit >= 32, "the header is refused at once");
                let refused = side.receive(&mut second, &mut [0; 300]).unwrap_err();
                assert_eq!(refused, LinkError::NotAuthentic, "bit {bit}");
            }
            flipped += 1;
        }
        let (mut initiator, first) = setting.begin::<S, 0>(0);
        let (mut responder, second) = setting.accept::<S, 0>(&first, 0).unwrap();
        let mut buffer = [0; 300];
        for bit in 0..second.len() * 8 {
            let mut changed = second.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            initiator.receive(&mut changed, &mut buffer).unwrap_err();
            flipped += 1;
        }
        for length in 0..second.len() {
            initiator.receive(&mut second[..length].to_vec(), &mut buffer).unwrap_err();
        }
        let third = initiator.receive(&mut second.clone(), &mut buffer).unwrap();
        if let Some(third) = third.map(|third| third.bytes().to_vec()) {
            for bit in 0..third.len() * 8 {
                let mut changed = third.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                responder.receive(&mut changed, &mut buffer).unwrap_err();
                flipped += 1;
            }
            responder.receive(&mut third.clone(), &mut buffer).unwrap();
        }
        assert!(initiator.is_complete() && responder.is_complete());
        flipped
    }
    let mut flipped = 0;
    for attempt in [Attempt::Certified, LABELLED, Attempt::Pinned] {
        flipped += with::<Aes256Gcm>(attempt) + with::<ChaCha20Poly1305>(attempt);
    }
    println!("links: {flipped} bits of handshakes flipped, 0 links");
    assert_eq!(flipped, 2 * 8 * (502 + 366 + 101));
}

/// What was said in one handshake is nothing in another.
#[test]
fn messages_of_another_run_are_refused() {
    for attempt in [Attempt::Certified, LABELLED, Attempt::Pinned] {
        let setting = Setting::new(tool(), device(), attempt);
        let (_, recorded) = setting.link::<Aes256Gcm, 0>().unwrap();
        let (mut initiator, first) = setting.begin::<Aes256Gcm, 0>(1);
        let (mut responder, mut second) = setting.accept::<Aes256Gcm, 0>(&first, 1).unwrap();
        let mut buffer = [0; 300];
        for old in &recorded {
            initiator.receive(&mut old.clone(), &mut buffer).unwrap_err();
            responder.receive(&mut old.clone(), &mut buffer).unwrap_err();
        }
        initiator.receive(&mut first.clone(), &mut buffer).unwrap_err();
        responder.receive(&mut second.clone(), &mut buffer).unwrap_err();
        initiator.receive(&mut second, &mut buffer).unwrap();
    }
}

/// Whoever replays the first message of a peer with a pin is not taken for it: nothing it could say opens.
#[test]
fn a_replayed_first_message_proves_nobody() {
    let setting = Setting::new(tool(), device(), Attempt::Pinned);
    let ([mut before, mut device], recorded) = setting.link::<Aes256Gcm, 0>().unwrap();
    let mut buffer = [0; 100];
    let sealed = before.seal(Channel::App, true, b"bolus", &mut buffer).unwrap().bytes().to_vec();
    let (responder, _) = setting.accept::<Aes256Gcm, 0>(&recorded[0], 1).unwrap();
    assert!(responder.is_complete());
    let mut link = setting.establish(responder);
    for _ in 0..2 {
        assert!(link.peer().is_none() && !link.is_confirmed());
        let refused = link.seal(Channel::App, true, b"x", &mut buffer).unwrap_err();
        assert_eq!(refused, SendError::Unconfirmed);
        assert_eq!(link.open(&mut sealed.clone()).unwrap_err(), ReceiveError::Forged);
    }
    assert!(matches!(device.open(&mut sealed.clone()), Ok(Received::Message(_))));
}

#[test]
fn who_shows_the_certificate_of_another_gets_nothing() {
    // The certificate of a person, and another key beneath it.
    let mut thief = tool();
    thief.secret = key(66);
    let setting = Setting::new(thief, device(), Attempt::Certified);
    let refused = setting.link::<Aes256Gcm, 0>().unwrap_err();
    assert_eq!(refused, LinkError::Certificate(CertificateError::Key), "this crate does not try");
    // So the thief makes one for the key, which nobody has signed.
    let mut thief = tool();
    thief.with_key(key(66));
    let setting = Setting::new(thief, device(), Attempt::Certified);
    let refused = setting.link::<Aes256Gcm, 0>().unwrap_err();
    assert_eq!(refused, LinkError::Refused(Refusal::Signature));
    // A device that shows the certificate of another.
    let mut false_device = device();
    false_device.with_key(key(66));
    let setting = Setting::new(tool(), false_device, Attempt::Certified);
    let refused = setting.link::<Aes256Gcm, 0>().unwrap_err();
    assert_eq!(refused, LinkError::Refused(Refusal::Signature));
}

/// A tool that an issuer of the device has certified learns inside the link why its certificate is refused; nobody else learns anything.
#[test]
fn a_refused_peer_is_told_why() {
    type Change = (fn(&mut Party), Refusal);
    let changes: [Change; 5] = [
        (Party::of_an_older_epoch, Refusal::Epoch),
        (Party::revoked, Refusal::Revoked),
        (Party::for_another_model, Refusal::Model),
        (Party::for_tests, Refusal::Stage),
        (Party::by_nobody, Refusal::Issuer),
    ];
    for (change, refusal) in changes {
        let mut person = tool();
        change(&mut person);
        let setting = Setting::new(person, device(), Attempt::Certified);
        let (mut initiator, first) = setting.begin::<Aes256Gcm, 1>(0);
        let (mut responder, mut second) = setting.accept::<Aes256Gcm, 1>(&first, 0).unwrap();
        let mut buffer = [0; 300];
        let third = initiator.receive(&mut second, &mut buffer).unwrap().unwrap();
        let refused = responder.receive(&mut third.bytes().to_vec(), &mut [0; 0]).unwrap_err();
        assert_eq!(refused, LinkError::Refused(refusal));
        assert!(!responder.is_complete());
        if refusal == Refusal::Issuer {
            assert_eq!(responder.alert(&mut buffer).unwrap_err(), LinkError::Layout);
            continue;
        }
        let mut alert = responder.alert(&mut buffer).unwrap().bytes().to_vec();
        let mut link = setting.establish(initiator);
        assert_eq!(link.open(&mut alert), Ok(Received::Refused(refusal)));
        assert!(link.is_ended());
        assert_eq!(link.seal(Channel::App, true, b"x", &mut buffer).unwrap_err(), SendError::Over);
    }
}

/// Before it says who it is, a tool has judged the device.
#[test]
fn a_tool_says_nothing_to_a_device_it_does_not_know() {
    let mut stranger = device();
    stranger.by_nobody();
    let setting = Setting::new(tool(), stranger, Attempt::Certified);
    let (mut initiator, first) = setting.begin::<Aes256Gcm, 0>(0);
    let (_, mut second) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    let mut buffer = [0; 300];
    let refused = initiator.receive(&mut second, &mut buffer).unwrap_err();
    assert_eq!((refused, buffer), (LinkError::Refused(Refusal::Issuer), [0; 300]));
    // And the true one, which was slower, can still come.
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let (_, mut second) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    initiator.receive(&mut second, &mut buffer).unwrap();
    assert!(initiator.is_complete());
}

#[test]
fn a_pin_is_judged_again() {
    let mut person = tool();
    person.revoked();
    let setting = Setting::new(person, device(), Attempt::Pinned);
    let (_, first) = setting.begin::<Aes256Gcm, 0>(0);
    let refused = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap_err();
    assert_eq!(refused, LinkError::Refused(Refusal::Revoked));
}

#[test]
fn what_the_two_sides_do_not_share_makes_no_link() {
    type Change = fn(&mut Setting);
    let changes: [(Attempt, Change, LinkError); 6] = [
        (
            Attempt::Certified,
            |setting| setting.bindings = [[1; 32], [2; 32]],
            LinkError::NotAuthentic,
        ),
        (
            LABELLED,
            |setting| setting.responder_attempt = Attempt::Labelled(8),
            LinkError::NotAuthentic,
        ),
        (Attempt::Certified, |setting| setting.responder_attempt = LABELLED, LinkError::Layout),
        (Attempt::Pinned, |setting| setting.responder_attempt = LABELLED, LinkError::Method),
        (
            Attempt::Certified,
            |setting| setting.wanted = Kinds::of(&[Kind::Service, Kind::Device]),
            LinkError::Kind,
        ),
        (
            Attempt::Pinned,
            |setting| setting.initiator_pin = Some(station().certificate),
            LinkError::Kind,
        ),
    ];
    for (attempt, change, refused) in changes {
        let mut setting = Setting::new(tool(), device(), attempt);
        setting.link::<Aes256Gcm, 0>().unwrap();
        change(&mut setting);
        assert_eq!(setting.link::<Aes256Gcm, 0>().unwrap_err(), refused, "{attempt:?}");
    }
    // Another window, another suite.
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let first = setting.begin::<Aes256Gcm, 0>(0).1;
    assert_eq!(setting.accept::<Aes256Gcm, 1>(&first, 0).unwrap_err(), LinkError::Method);
    assert_eq!(setting.accept::<ChaCha20Poly1305, 0>(&first, 0).unwrap_err(), LinkError::Suite);
    let mut lacking = tool();
    lacking.with_suites(0b10);
    let settings = vec![
        (lacking, device(), Attempt::Certified),
        (tool(), device_without(), Attempt::Certified),
        (tool(), device_without(), Attempt::Pinned),
    ];
    for (initiator, responder, attempt) in settings {
        let setting = Setting::new(initiator, responder, attempt);
        assert_eq!(setting.link::<Aes256Gcm, 0>().unwrap_err(), LinkError::Suite);
        setting.link::<ChaCha20Poly1305, 0>().unwrap();
    }
}

/// Of two devices of a kind, the one that answers first is not taken for the other, and does not keep it from answering.
#[test]
fn another_device_of_the_kind_is_not_taken() {
    for attempt in [Attempt::Certified, LABELLED] {
        let mut setting = Setting::new(tool(), device(), attempt);
        setting.subject = Some(setting.responder.certificate.claims().subject);
        let (mut initiator, first) = setting.begin::<Aes256Gcm, 0>(0);
        let other = Setting::new(tool(), another_device(), attempt);
        let (_, mut wrong) = other.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
        let (_, mut right) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
        let mut buffer = [0; 300];
        assert_eq!(initiator.receive(&mut wrong, &mut buffer).unwrap_err(), LinkError::Subject);
        // Too little room for the answer costs nothing either.
        let refused = initiator.receive(&mut right.clone(), &mut [0; 60]).unwrap_err();
        assert_eq!(refused, LinkError::Write);
        assert!(initiator.receive(&mut right, &mut buffer).unwrap().is_some());
    }
}

/// A device with a genuine certificate that does not know the label: it gets no third message that it could read, and no word after.
#[test]
fn a_device_that_does_not_know_the_label_is_not_proven() {
    let mut setting = Setting::new(tool(), device(), LABELLED);
    setting.responder_attempt = Attempt::Labelled(8);
    let (mut initiator, first) = setting.begin::<Aes256Gcm, 0>(0);
    let (mut responder, mut second) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
    let mut buffer = [0; 300];
    let third = initiator.receive(&mut second, &mut buffer).unwrap().unwrap().bytes().to_vec();
    let refused = responder.receive(&mut third.clone(), &mut []).unwrap_err();
    assert_eq!(refused, LinkError::NotAuthentic);
    let mut link = setting.establish(initiator);
    assert!(link.peer().is_none());
    let refused = link.seal(Channel::App, true, b"x", &mut buffer).unwrap_err();
    assert_eq!(refused, SendError::Unconfirmed);
}

#[test]
fn a_side_has_no_link_with_itself() {
    for attempt in [Attempt::Certified, Attempt::Pinned] {
        let mut setting = Setting::new(device(), device(), attempt);
        setting.wanted = Kinds::of(&[Kind::Device]);
        assert_eq!(setting.link::<Aes256Gcm, 0>().unwrap_err(), LinkError::Subject);
    }
}

/// A device of the owner's that has suite 2 alone.
fn device_without() -> Party {
    let mut device = device();
    device.with_suites(0b10);
    device
}

/// A station is a peer in production, and in service is not.
#[test]
fn the_part_of_a_devices_life_counts() {
    let mut setting = Setting::new(station(), device(), Attempt::Certified);
    setting.wanted = Kinds::of(&[Kind::Station, Kind::Device]);
    let refused = setting.link::<Aes256Gcm, 0>().unwrap_err();
    assert_eq!(refused, LinkError::Refused(Refusal::Stage));
    setting.stage = Stage::Production;
    setting.link::<Aes256Gcm, 0>().unwrap();
}

#[test]
fn without_randomness_there_is_no_link() {
    let mut setting = Setting::new(tool(), device(), Attempt::Certified);
    let first = setting.begin::<Aes256Gcm, 0>(0).1;
    setting.is_noise_dead = true;
    let refused = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap_err();
    assert!(matches!(refused, LinkError::Random(_)));
    let refused = setting.try_begin::<Aes256Gcm, 0>(0).unwrap_err();
    assert!(matches!(refused, LinkError::Random(_)));
}

/// A device whose random source is stuck and was set back gives another key to another first message.
#[test]
fn the_first_message_enters_the_responders_key() {
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let answer = |run| {
        let first = setting.begin::<Aes256Gcm, 0>(run).1;
        setting.accept::<Aes256Gcm, 0>(&first, 5).unwrap().1[1..33].to_vec()
    };
    assert_eq!(answer(0), answer(0));
    assert_ne!(answer(0), answer(1));
}

#[test]
fn the_end_of_a_link_is_told() {
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let ([mut initiator, mut responder], _) = setting.link::<Aes256Gcm, 0>().unwrap();
    let mut buffer = [0; 100];
    assert_eq!(
        initiator.seal(Channel::Control, true, &[1], &mut buffer).unwrap_err(),
        SendError::Over
    );
    assert!(!responder.is_ended(), "an end that nobody told is a cut");
    let mut frame = initiator.close(&mut buffer).unwrap().bytes().to_vec();
    assert_eq!(responder.open(&mut frame.clone()), Ok(Received::Closed));
    assert!(responder.is_ended());
    assert_eq!(responder.open(&mut frame).unwrap_err(), ReceiveError::Replayed);
    assert_eq!(initiator.close(&mut buffer).unwrap_err(), SendError::Over);
    assert_eq!(initiator.seal(Channel::App, true, b"x", &mut buffer).unwrap_err(), SendError::Over);
    assert_eq!(responder.seal(Channel::App, true, b"x", &mut buffer).unwrap_err(), SendError::Over);
}

/// Without the ciphers, of which one sends, one receives and one, where frames come late, still receives.
#[test]
fn a_link_takes_at_most_256_bytes() {
    fn bytes<S: Suite, const WORDS: usize>() -> usize {
        let ciphers = size_of::<CipherState<S>>() + 2 * size_of::<ReceiveKey<S>>();
        size_of::<Link<S, WORDS>>() - ciphers
    }
    let all = [
        bytes::<Aes256Gcm, 0>(),
        bytes::<Aes256Gcm, 4>(),
        bytes::<ChaCha20Poly1305, 0>(),
        bytes::<ChaCha20Poly1305, 4>(),
    ];
    let most = all.into_iter().max().unwrap();
    println!("a link: {most} bytes without ciphers");
    assert!(most <= 256, "{all:?}");
}

/// Each method and suite: every message, and the first frame each way, as a second implementation has them from the format and the
/// secrets.
#[test]
fn messages_are_those_of_the_format() {
    fn rows<S: Suite>(now: &mut String) {
        for (method, attempt) in [(1, Attempt::Certified), (2, LABELLED), (3, Attempt::Pinned)] {
            let mut setting = Setting::new(tool(), device(), attempt);
            setting.bindings = [[5; 32]; 2];
            let ([mut initiator, mut responder], messages) = setting.link::<S, 1>().unwrap();
            let first = &messages[0];
            let ephemerals = [setting.ephemeral(0, &first[..4]), setting.ephemeral(1_000, first)];
            let mut ends = [&mut initiator, &mut responder];
            if !ends[0].is_confirmed() {
                ends.swap(0, 1);
            }
            let mut frames = Vec::new();
            for turn in [0, 1] {
                let mut buffer = [0; 50];
                let sealed = ends[turn].seal(Channel::Audit, false, b"first", &mut buffer).unwrap();
                let mut frame = sealed.bytes().to_vec();
                frames.push(frame.clone());
                ends[1 - turn].open(&mut frame).unwrap();
            }
            let all = ephemerals.iter().map(|key| &key[..]);
            let all = all.chain(messages.iter().map(|message| &message[..]));
            let all = all.chain(frames.iter().map(|frame| &frame[..]));
            let suite = S::ID;
            write!(now, "{method} {suite}").unwrap();
            for bytes in all {
                now.push(' ');
                bytes.iter().for_each(|byte| write!(now, "{byte:02x}").unwrap());
            }
            now.push('\n');
        }
    }
    let mut now = String::new();
    rows::<Aes256Gcm>(&mut now);
    rows::<ChaCha20Poly1305>(&mut now);
    let golden = include_str!("../golden/link_v1.txt");
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(golden, now.lines().collect::<Vec<_>>(), "\n{now}");
}

/// A subject can stand for a person, and is no more in what is printed than a key.
#[test]
fn what_is_printed_names_nobody() {
    let mut setting = Setting::new(tool(), device(), LABELLED);
    setting.subject = Some([0xab; 16]);
    let (handshake, _) = setting.begin::<Aes256Gcm, 0>(0);
    assert_eq!(
        format!("{handshake:?}"),
        r#"Handshake(HandshakeState { pattern: "XXpsk3", role: Initiator, next: 1, .. })"#
    );
    let judging = format!("{:?}", setting.judging(setting.wanted, setting.stage, setting.subject));
    assert!(!judging.contains("171") && !judging.contains("subject"), "{judging}");
}
