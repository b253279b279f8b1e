//! A device on a bench, and peers at the other end of a wire.

use core::sync::atomic::{AtomicU64, Ordering};

use medsec::audit::Progress;
use medsec::core::identity::certificate::Kind;
use medsec::core::rng::Random;
use medsec::core::suite::Aes256Gcm;
use medsec::link::request::{Answer, Request};
use medsec::link::{Endpoint, EndpointError, Happened, OUT_BYTES_MIN};
use medsec::transport::frame::Channel;
use medsec::transport::link::{Handshake, Link, Method, Received};
use medsec::{Device, Pause, ResetCause, Secret, Ticks};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{SimBoard, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::links::{SimHolder, SimLinks};
use medsec_sim::rng::Noise;

pub(crate) type Suite = Aes256Gcm;
pub(crate) type End<'i> = Endpoint<'i, Suite, 0>;
pub(crate) type Pump<'f> = Device<SimBoard<'f>>;

/// All that is around the device.
pub(crate) struct Ward {
    pub(crate) owner: SimOwner,
    pub(crate) links: SimLinks,
    pub(crate) clock: SimClock,
}

/// A device with an empty log, and all around it.
pub(crate) fn ward() -> (Ward, SimFlash) {
    let owner = SimOwner::new(7);
    let links = SimLinks::new(&owner.identity(), 100).unwrap();
    let flash = owner.manufacture(Model::None, 7).unwrap();
    (Ward { owner, links, clock: SimClock::new() }, flash)
}

impl Ward {
    /// The device after a boot, and its end of a wire.
    pub(crate) fn boot<'w>(&'w self, flash: &'w mut SimFlash) -> (Pump<'w>, End<'w>) {
        let noise = Noise::good(flash.operations());
        self.boot_with(flash, noise)
    }

    pub(crate) fn boot_with<'w>(
        &'w self,
        flash: &'w mut SimFlash,
        noise: Noise,
    ) -> (Pump<'w>, End<'w>) {
        let (mut device, end) = self.boot_just_now(flash, noise);
        rest(&mut device);
        (device, end)
    }

    /// The device before its first maintenance.
    pub(crate) fn boot_just_now<'w>(
        &'w self,
        flash: &'w mut SimFlash,
        noise: Noise,
    ) -> (Pump<'w>, End<'w>) {
        let board = SimBoard { flash, noise, clock: self.clock.clone() };
        let identity = self.owner.identity();
        let device = Device::boot(board, &identity, ResetCause::PowerOn).unwrap();
        let now = Ticks::from_millis(self.clock.now_ms());
        (device, Endpoint::new(self.links.standing().unwrap(), now))
    }

    pub(crate) fn person(&self, number: u8) -> SimHolder {
        self.links.holder(Kind::Person, number).unwrap()
    }
}

pub(crate) fn rest(device: &mut Pump<'_>) {
    while device.maintain(&Pause::lend(&mut (), 100)).unwrap() != Progress::Idle {}
}

/// A peer's own source of randomness, another one each time.
pub(crate) fn random() -> Random<Noise> {
    static TAKEN: AtomicU64 = AtomicU64::new(1);
    let mut random = Random::new(Noise::good(TAKEN.fetch_add(1, Ordering::Relaxed)));
    random.start(Secret::new([9; 32]), b"peer").unwrap();
    random
}

/// What a peer sends first, with its tag, and how it goes on.
pub(crate) fn begin<'w>(
    links: &'w SimLinks,
    holder: &'w SimHolder,
    method: Method<'w>,
    random: &mut Random<Noise>,
) -> (Handshake<'w, Suite, 0>, Vec<u8>) {
    let mut out = [0; 256];
    let looking = links.looking().unwrap();
    let begun = Handshake::begin(holder.own(), looking, method, &[0; 32], random, &mut out);
    let (handshake, first) = begun.unwrap();
    let mut tagged = [0; 256];
    let message = links.admission().append(&first, &mut tagged).unwrap().bytes().to_vec();
    links.admission().append(&first, &mut tagged[..message.len() - 1]).unwrap_err();
    (handshake, message)
}

/// What the device sends back.
pub(crate) fn receive(
    end: &mut End<'_>,
    device: &mut Pump<'_>,
    message: &[u8],
) -> Result<Option<Vec<u8>>, EndpointError> {
    let (mut message, mut out) = (message.to_vec(), [0; OUT_BYTES_MIN]);
    let happened = end.receive(device, &mut message, &mut out)?;
    let Happened::Answer(answer) = happened else { return Ok(None) };
    Ok(Some(answer.bytes().to_vec()))
}

/// The link of a peer by certificate.
pub(crate) fn linked(
    links: &SimLinks,
    holder: &SimHolder,
    end: &mut End<'_>,
    device: &mut Pump<'_>,
) -> Link<Suite, 0> {
    let exchange = |message: &[u8]| receive(end, device, message).unwrap();
    links.connect(holder, &mut random(), exchange).unwrap()
}

/// A request sealed by the peer.
pub(crate) fn asked(link: &mut Link<Suite, 0>, request: Request) -> Vec<u8> {
    let (mut body, mut out) = ([0; 32], [0; 64]);
    let body = request.encode(&mut body).unwrap();
    link.seal(request.channel(), true, body, &mut out).unwrap().bytes().to_vec()
}

/// What the peer reads of an answer.
pub(crate) fn opened(link: &mut Link<Suite, 0>, mut frame: Vec<u8>) -> (Channel, Vec<u8>) {
    let received = link.open(&mut frame).unwrap();
    let Received::Message(opened) = received else { panic!("{received:?}") };
    (opened.channel, opened.body.to_vec())
}

/// A request and its answer, to be parsed.
pub(crate) fn ask(
    link: &mut Link<Suite, 0>,
    end: &mut End<'_>,
    device: &mut Pump<'_>,
    request: Request,
) -> Vec<u8> {
    let frame = asked(link, request);
    let answer = receive(end, device, &frame).unwrap().unwrap();
    let (channel, body) = opened(link, answer);
    assert_eq!(channel, request.channel());
    Answer::parse(&body).unwrap();
    body
}
