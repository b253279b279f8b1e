//! A device's end of links, with a peer that says anything and strangers who say the rest.

use std::sync::LazyLock;

use medsec::link::request::{Answer, Request};
use medsec::link::{Endpoint, EndpointError, Happened, OUT_BYTES_MIN};
use medsec::{Device, Pause, ResetCause};
use medsec_audit::log::Progress;
use medsec_core::Secret;
use medsec_core::identity::certificate::Kind;
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_sim::clock::SimClock;
use medsec_sim::device::{SimBoard, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::links::SimLinks;
use medsec_sim::rng::Noise;
use medsec_transport::frame::Channel;
use medsec_transport::link::{Link, Received};

use crate::input::Input;
use crate::link::changed;

type Board<'f> = SimBoard<'f>;
type End<'i> = Endpoint<'i, Aes256Gcm, 0>;

/// A device from the production line; each input begins with it.
static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    SimOwner::new(1).manufacture(Model::None, 1).expect("the part is good").image()
});

/// What a device sends to a message, which may be refused.
fn receive(
    end: &mut End<'_>,
    device: &mut Device<Board<'_>>,
    message: &[u8],
) -> Result<Option<Vec<u8>>, EndpointError> {
    let (mut message, mut out) = (message.to_vec(), [0; OUT_BYTES_MIN]);
    let happened = end.receive(device, &mut message, &mut out)?;
    let Happened::Answer(answer) = happened else { return Ok(None) };
    Ok(Some(answer.bytes().to_vec()))
}

/// The answer to what a peer says on its link.
fn said(
    link: &mut Link<Aes256Gcm, 0>,
    end: &mut End<'_>,
    device: &mut Device<Board<'_>>,
    channel: Channel,
    body: &[u8],
) -> Vec<u8> {
    let mut out = [0; 300];
    let frame = link.seal(channel, true, body, &mut out).expect("it fits");
    let mut answer = receive(end, device, frame.bytes())
        .expect("nobody ended the link")
        .expect("the device answers each request");
    match link.open(&mut answer) {
        Ok(Received::Message(opened)) => opened.body.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// A link lives on whatever is sent beside it; nobody gets what it may not have; and what parses has one encoding.
pub(crate) fn endpoint(data: &[u8]) {
    let mut input = Input::new(data);
    let mut flash = SimFlash::from_image(IMAGE.clone(), Model::None, 1);
    let identity = SimOwner::new(1).identity();
    let links = SimLinks::new(&identity, 100).expect("its keys are sound");
    let board = SimBoard { flash: &mut flash, noise: Noise::good(2), clock: SimClock::new() };
    let mut device = Device::boot(board, &identity, ResetCause::PowerOn).expect("it has a log");
    while device.maintain(&Pause::lend(&mut (), 100)) != Ok(Progress::Idle) {}
    let mut end = Endpoint::new(links.standing().expect("two keys"), device.now());
    let is_person = input.bool();
    let kind = if is_person { Kind::Person } else { Kind::Service };
    let holder = links.holder(kind, 9).expect("there is such a holder");
    let mut random = Random::new(Noise::good(3));
    random.start(Secret::new([1; 32]), b"peer").expect("it is good");
    let mut link = links
        .connect(&holder, &mut random, |message| receive(&mut end, &mut device, message).ok()?)
        .expect("the peer is good");
    while !input.is_empty() {
        match input.below(4) {
            0 => {
                let channel = Channel::ALL[2 + input.below(4) as usize];
                let body = input.chunk();
                let answer = said(&mut link, &mut end, &mut device, channel, body);
                let parsed = Answer::parse(&answer).expect("an answer");
                let is_open = matches!(parsed, Answer::About(_) | Answer::Refused(_));
                assert!(is_person || is_open, "service of the maker got {parsed:?}");
            }
            1 => drop(receive(&mut end, &mut device, input.chunk())),
            2 => {
                // The next frame of the peer, changed; the number is not used up by it.
                let mut out = [0; 64];
                let frame = link.seal(Channel::Config, true, &[1], &mut out).expect("it fits");
                let other = changed(&mut input, frame.bytes());
                if other != frame.bytes() {
                    assert!(receive(&mut end, &mut device, &other).is_err(), "nobody sealed it");
                }
                let mut answer = receive(&mut end, &mut device, frame.bytes())
                    .expect("the link is as it was")
                    .expect("an answer");
                assert!(link.open(&mut answer).is_ok());
            }
            _ => reread(input.chunk()),
        }
    }
    let about = said(&mut link, &mut end, &mut device, Channel::Config, &[1]);
    assert!(matches!(Answer::parse(&about), Ok(Answer::About(_))));
}

fn reread(bytes: &[u8]) {
    let mut buffer = [0; 600];
    for channel in Channel::ALL {
        if let Ok(request) = Request::parse(channel, bytes) {
            assert_eq!(request.encode(&mut buffer), Ok(bytes));
        }
    }
    if let Ok(answer) = Answer::parse(bytes) {
        assert_eq!(answer.encode(&mut buffer), Ok(bytes));
    }
}
