//! What stations say to a device that is being made: messages from anywhere, and requests in any order of one who is proven.

use medsec_auth::credential::Claim;
use medsec_auth::provision::claim::{CODE_BYTES, ClaimKey};
use medsec_auth::provision::message::{
    Answer, Debug, Hello, Progress, Refused, Request, Run, Unit,
};
use medsec_auth::provision::receipt::{Receipt, SIGNED_RECEIPT_BYTES};
use medsec_auth::provision::{Due, Facts, coded, due};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::PrincipalId;
use medsec_core::event::{Event, RecordError, Recorder};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::own::Shown;
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::lifecycle::{BLANK_WORD, Lifecycle, State};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_sim::rng::{Behaviour, Noise};
use medsec_transport::link::{Handshake, Judging, MESSAGE_BYTES_MAX};

use crate::input::Input;

const MODEL: u32 = 7;
const TODAY: Today = Today { floor: Day::FIRST, clock: None };

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn agreement(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

/// One encoding, and nothing but what the order of making a device allows.
pub(crate) fn provision(data: &[u8]) {
    let mut input = Input::new(data);
    if input.bool() {
        read(input.rest());
    } else {
        line(&mut input);
    }
}

fn read(bytes: &[u8]) {
    let mut buffer = [0; 256];
    if let Ok(request) = Request::parse(bytes) {
        assert_eq!(request.encode(&mut buffer), Ok(bytes));
    }
    if let Ok(answer) = Answer::parse(bytes) {
        assert_eq!(answer.encode(&mut buffer), Ok(bytes));
        let hello = Hello { transaction: [1; 16], model: MODEL, serial: 1 };
        let run = Run { hello: &hello, handshake: &[2; 32], agreement: &[3; 32] };
        if let Answer::Unit(unit, signature) = answer {
            assert!(unit.verify(&run, &signature).is_err(), "nobody signed it");
        }
    }
    if bytes.first() == Some(&4) {
        strange(bytes);
    }
    if let Some(receipt) = bytes.first_chunk::<SIGNED_RECEIPT_BYTES>() {
        assert!(Receipt::verify(receipt, &key(1).public()).is_err(), "nobody signed it");
    }
}

/// A first message of anybody, and a third of one who has no certificate: there is no link.
fn strange(bytes: &[u8]) {
    let (first, third) = bytes.split_at(bytes.len().min(36));
    let anchors = anchors();
    let judging = Judging {
        trust: Trust::new(&anchors, &[], &[]).expect("keys that differ"),
        today: TODAY,
        stage: Stage::Production,
        kinds: Kinds::of(&[Kind::Station]),
        subject: None,
    };
    let mut random = Random::new(<Noise>::new(Behaviour::Good, 1));
    random.start(Secret::new([1; 32]), b"").expect("the noise is good");
    let secret = agreement(2);
    let mut out = [0; MESSAGE_BYTES_MAX];
    let accepted = Handshake::<Aes256Gcm, 0>::accept_uncertified(
        &secret,
        judging,
        &[0; 32],
        &mut random,
        &mut first.to_vec(),
        &mut out,
    );
    let Ok((mut handshake, second)) = accepted else { return };
    assert!(first.len() == 36 && second.bytes().len() == 97);
    assert!(handshake.receive(&mut third.to_vec(), &mut []).is_err());
    assert!(!handshake.is_complete());
}

/// A log that takes all.
struct Log;

impl Recorder for Log {
    fn record<E: Event>(&mut self, _: &E) -> Result<(), RecordError> {
        Ok(())
    }
}

/// A device as far as it is stored.
struct Device {
    lifecycle: Lifecycle,
    claim: Claim,
    own: Option<Shown>,
    debug: Debug,
    /// The code it has drawn last.
    code: Option<[u8; CODE_BYTES]>,
    drawn: u8,
}

impl Device {
    fn facts<'a>(&'a self, anchors: &'a [Anchor]) -> Facts<'a> {
        Facts {
            lifecycle: self.lifecycle,
            claim: &self.claim,
            own: self.own.as_ref(),
            debug: self.debug,
            model: MODEL,
            suite: 1,
            signing: key(1).public(),
            agreement: agreement(2).public(),
            trust: Trust::new(anchors, &[], &[]).expect("keys that differ"),
            today: TODAY,
        }
    }

    /// Does what is due; says whether that was all.
    fn act(&mut self, run: &Run<'_>, due: Due) -> bool {
        match due {
            Due::Claim(claim) => self.claim = claim,
            Due::Lifecycle(change) => {
                let begun = self.lifecycle.change(change, PrincipalId::DEVICE);
                let recorded = begun.expect("it is legal").record(&mut Log).expect("it takes all");
                let word = recorded.word();
                self.lifecycle = recorded.confirm(Some(word)).expect("it is stored");
            }
            Due::Certificate(shown) => {
                assert!(self.own.is_none(), "it had one");
                self.own = Some(shown);
            }
            Due::Lock => self.debug = Debug::Locked,
            Due::Draw => {
                self.drawn += 1;
                let code = [self.drawn; CODE_BYTES];
                self.claim = coded(run.hello, ClaimKey::of(&Secret::new(code)));
                self.code = Some(code);
                return true;
            }
            _ => return true,
        }
        false
    }
}

fn anchors() -> [Anchor; 2] {
    [(Origin::Maker, 8), (Origin::Owner, 9)].map(|(origin, byte)| Anchor {
        origin,
        key: key(byte).public(),
        may_issue: Kinds::of(&Kind::ALL),
        roles: 0xff,
        scope: NO_SCOPE,
        model: 0,
        min_epoch: 0,
        permits: Actions::NONE,
    })
}

/// A certificate, and whether it is one that the device takes.
fn certificate(input: &mut Input<'_>) -> ([u8; 184], bool) {
    let wrong = input.below(9);
    let issuer = if wrong == 1 { 9 } else { 8 };
    let (signing, agrees) =
        (key(if wrong == 2 { 4 } else { 1 }), agreement(if wrong == 3 { 5 } else { 2 }));
    let model = if wrong == 4 { MODEL + 1 } else { MODEL };
    let claims = Claims {
        kind: if wrong == 5 { Kind::Service } else { Kind::Device },
        suites: 0b11,
        is_test: wrong == 6,
        serial: 1 + input.below(2),
        issuer: key(issuer).public().kid(),
        epoch: u32::from(wrong == 5),
        not_before: None,
        not_after: None,
        roles: 0,
        may_issue: Kinds::NONE,
        model,
        scope: if wrong == 5 { [1; 8] } else { NO_SCOPE },
        subject: device_id(model, &signing.public()),
    };
    let made = Unsigned::new(claims, Some(&agrees.public()), Some(&signing.public()))
        .map(|made| made.sign(&key(issuer)).expect("it is short"));
    let mut bytes = made.expect("it is sound").to_bytes();
    if wrong == 7 {
        bytes[usize::from(input.u8()) % 184] ^= 1 << input.below(8);
    }
    (bytes, matches!(wrong, 0 | 8))
}

fn line(input: &mut Input<'_>) {
    let anchors = anchors();
    let mut device = Device {
        lifecycle: Lifecycle::of(BLANK_WORD),
        claim: Claim::none(),
        own: None,
        debug: if input.bool() { Debug::Unlockable } else { Debug::Open },
        code: None,
        drawn: 0,
    };
    let mut taken = Vec::new();
    let mut begun: Option<[u8; 16]> = None;
    let mut sealed: Option<([u8; 32], [u8; CODE_BYTES])> = None;
    for _ in 0..40 {
        if input.is_empty() {
            return;
        }
        let name = if input.u8() & 7 == 1 { 2 } else { 1 };
        let hello = Hello {
            transaction: [name; 16],
            model: if input.u8() & 15 == 1 { MODEL + 1 } else { MODEL },
            serial: u64::from(name),
        };
        let handshake = [input.below(3) as u8; 32];
        let agrees = agreement(2).public().to_bytes();
        let run = Run { hello: &hello, handshake: &handshake, agreement: &agrees };
        let (bytes, is_good) = certificate(input);
        let digest = Certificate::parse(&bytes).map_or([0; 32], |parsed| parsed.digest());
        let shown_of = if input.u8() & 7 == 1 { [3; 32] } else { handshake };
        let code = match input.below(4) {
            0 => [9; CODE_BYTES],
            1 => [1; CODE_BYTES],
            _ => device.code.unwrap_or([0; CODE_BYTES]),
        };
        let of_run = Run { hello: &hello, handshake: &shown_of, agreement: &agrees };
        let stored = device.own.map_or(digest, |own| own.certificate.digest());
        let proof = ClaimKey::of(&Secret::new(code)).proof(&of_run, &stored);
        let request = match input.below(6) {
            0 | 5 => Request::Hello(hello, [0; 32]),
            1 => Request::Certificate(&bytes),
            2 => Request::Code,
            3 => Request::Seal(proof, stored),
            _ => Request::Finish,
        };
        let had = device.own;
        let mut steps = 0;
        let outcome = loop {
            // A cut before it is done: nothing of it is stored, and it is asked again.
            if input.u8() & 15 == 1 {
                break Err(Refused::Fault);
            }
            match due(&device.facts(&anchors), &run, &request) {
                Err(why) => break Err(why),
                Ok(what) => {
                    let is_receipt = matches!(what, Due::Receipt(_));
                    if device.act(&run, what) {
                        break Ok(is_receipt);
                    }
                }
            }
            steps += 1;
            assert!(steps < 5, "it comes to an end");
        };
        let state = device.lifecycle.state().expect("it can be read");
        // One run, from the moment that the device can have told what it is.
        if state != State::Blank {
            let name = device.claim.transaction;
            assert_eq!(*begun.get_or_insert(name), name, "one run");
            assert!(outcome.is_err() || name == hello.transaction, "in its run only");
            assert!(outcome.is_err() || hello.model == MODEL);
        }
        // One certificate, and its own.
        if let (Some(own), None) = (&device.own, &had) {
            assert!(is_good && matches!(request, Request::Certificate(_)));
            taken.push(own.certificate.digest());
        }
        assert!(taken.len() <= 1);
        // Sealed by who has the last code, for good.
        let is_sealed = device.claim.state == Progress::Sealed.code();
        if is_sealed && sealed.is_none() {
            assert!(matches!(request, Request::Seal(..)));
            assert_eq!(Some(code), device.code, "by who has the code");
            assert_eq!(shown_of, handshake, "on this link");
            assert_ne!(device.debug, Debug::Open);
            sealed = Some((stored, code));
        }
        if let Some((certificate, code)) = sealed {
            assert!(is_sealed && device.code == Some(code));
            assert_eq!(device.own.map(|own| own.certificate.digest()), Some(certificate));
        }
        if state == State::AwaitClaim {
            assert!(sealed.is_some());
        }
    }
}

/// Scripts, and a message of each form.
pub(crate) fn seeds(mut drawn: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for script in &mut drawn {
        if let Some(first) = script.first_mut() {
            *first = 0;
        }
    }
    drawn.push([&[1, 4, 1, 6, 0], &agreement(6).public().to_bytes()[..], &[0x11; 217]].concat());
    let hello = Hello { transaction: [1; 16], model: MODEL, serial: 1 };
    let unit = Unit {
        signing: [1; 32],
        firmware: [2; 32],
        chip: [3; 8],
        revision: 4,
        progress: Progress::Begun,
        debug: Debug::Open,
    };
    let mut buffer = [0; 256];
    for request in [
        Request::Hello(hello, [1; 32]),
        Request::Certificate(&[2; 184]),
        Request::Code,
        Request::Seal([3; 16], [4; 32]),
        Request::Finish,
    ] {
        let bytes = request.encode(&mut buffer).expect("it fits");
        drawn.push([&[1], bytes].concat());
    }
    for answer in [
        Answer::Unit(unit, [5; 64]),
        Answer::Stored([6; 32]),
        Answer::Code(Secret::new([7; 16])),
        Answer::Sealed([8; SIGNED_RECEIPT_BYTES]),
        Answer::Finished,
        Answer::Refused(Refused::Order),
    ] {
        let bytes = answer.encode(&mut buffer).expect("it fits");
        drawn.push([&[1], bytes].concat());
    }
    drawn
}
