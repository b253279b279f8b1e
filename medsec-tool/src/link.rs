//! The tool's end of a link to a device.

pub(crate) mod address;
pub(crate) mod station;
pub(crate) mod wire;

use core::time::Duration;
use std::thread::sleep;
use std::time::Instant;

use medsec::link::request::{Answer, Refused, Request};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::hal::{EntropySource, SourceFault};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Kind, Kinds};
use medsec_core::identity::issuer_state::IssuerRecord;
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::rng::Random;
use medsec_core::suite::Suite;
use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ByteChannel as _, ChannelLost};
use medsec_transport::link::{Handshake, Judging, Link, MESSAGE_BYTES_MAX, Method, Own, Received};
use medsec_transport::stream::{Inbox, Outbox};
use zeroize::Zeroize as _;

use crate::error::Error;
use crate::holder::Holder;
use crate::trust::TrustFile;
use address::Address;
use wire::Wire;

/// Bytes of the longest frame or message, and of what it takes on a stream.
const FRAME_BYTES: usize = 1_024;
const STREAM_BYTES: usize = 1_100;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a first message stays without an answer until it is sent again.
const REPEAT: Duration = Duration::from_millis(500);
/// How long nothing is looked for, while nothing comes.
const PAUSE: Duration = Duration::from_micros(200);

/// Randomness of the system, tested as a device tests its own.
pub(crate) struct System;

impl EntropySource for System {
    const ENTROPY_PER_BIT_MILLI: u16 = 1_000;

    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        getrandom::fill(out).map_err(|_| SourceFault)
    }
}

/// A started random source.
pub(crate) fn random() -> Result<Random<System>, Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| Error::NoRandomness)?;
    let mut random = Random::new(System);
    let started = random.start(Secret::new(seed), b"medsec-tool");
    seed.zeroize();
    started.map_err(|_| Error::NoRandomness)?;
    Ok(random)
}

/// Who asks whom.
pub(crate) struct Call<'a> {
    pub(crate) address: &'a Address,
    pub(crate) holder: &'a Holder,
    pub(crate) trust: &'a TrustFile,
    /// The one device that is meant, if it is told.
    pub(crate) device: Option<[u8; 16]>,
    /// What authorities have revoked.
    pub(crate) revoked: &'a [IssuerRecord],
}

/// A link to a device that has proved itself.
pub(crate) struct Client<S: Suite> {
    line: Line,
    link: Link<S, 0>,
}

impl<S: Suite> Client<S> {
    /// Connects, and lets both sides prove who they are, in five seconds.
    pub(crate) fn connect(call: &Call<'_>) -> Result<Self, Error> {
        let mut line = Line::to(call.address)?;
        line.begin();
        let mut random = random()?;
        let authority = LinkAuthority::take(&mut random).ok_or(Error::NoRandomness)?;
        let secret: AgreementSecret = call.holder.secret();
        let own = Own { secret: &secret, certificate: call.holder.certificate() };
        let trust = Trust::new(call.trust.anchors(), &[], call.revoked);
        let judging = Judging {
            trust: trust.map_err(|_| Error::Bug { what: "anchors that do not go together" })?,
            today: Today { floor: Day::FIRST, clock: today() },
            stage: Stage::Service,
            kinds: Kinds::of(&[Kind::Device]),
            subject: call.device,
        };
        let unproven = |why| Error::Unproven { at: call.address.shown(), why };
        let mut out = [0; MESSAGE_BYTES_MAX];
        let begun =
            Handshake::begin(own, judging, Method::Certified, &[0; 32], &mut random, &mut out);
        let (mut handshake, first) = begun.map_err(unproven)?;
        let mut whole = [0; MESSAGE_BYTES_MAX];
        let first = match call.trust.admission() {
            None => first,
            Some(key) => key
                .append(&first, &mut whole)
                .map_err(|_| Error::Bug { what: "a first message is long" })?,
        };
        line.send(&first)?;
        let mut again = Instant::now() + REPEAT;
        // What others put on the line in between is no answer; the last such word is told if none comes.
        let mut why = None;
        loop {
            let received = line.receive_until(again.min(line.until));
            let mut second = match (received, why) {
                (Ok(Some(second)), _) => second,
                // It was lost, or the device had just been switched on: the same message counts once.
                (Ok(None), _) if Instant::now() < line.until => {
                    // If that fails the line says why it is lost, below.
                    drop(line.send(&first));
                    again = Instant::now() + REPEAT;
                    continue;
                }
                (Ok(None) | Err(Error::LinkLost { .. }), Some(why)) => return Err(unproven(why)),
                (Ok(None), None) => return Err(line.lost()),
                (Err(error), _) => return Err(error),
            };
            let mut out = [0; MESSAGE_BYTES_MAX];
            match handshake.receive(&mut second, &mut out) {
                Ok(third) => {
                    third.map_or(Ok(()), |third| line.send(&third))?;
                    break;
                }
                Err(error) => why = Some(error),
            }
        }
        let link = handshake.establish(&authority).map_err(unproven)?;
        Ok(Self { line, link })
    }

    /// The device at the other end: its id and model.
    pub(crate) fn device(&self) -> Option<([u8; 16], u32)> {
        self.link.peer().map(|peer| (peer.claims().subject, peer.claims().model))
    }

    /// Asks, and gives the bytes of the answer, which parse.
    pub(crate) fn ask(&mut self, request: Request) -> Result<Vec<u8>, Error> {
        self.line.begin();
        let (mut body, mut out) = ([0; 64], [0; FRAME_BYTES]);
        let odd = Error::Bug { what: "a request does not fit" };
        let Ok(body) = request.encode(&mut body) else { return Err(odd) };
        let Ok(frame) = self.link.seal(request.channel(), true, body, &mut out) else {
            return Err(self.line.lost());
        };
        self.line.send(&frame)?;
        loop {
            let mut frame = self.line.receive()?;
            // What others put on the line is dropped.
            let Ok(received) = self.link.open(&mut frame) else { continue };
            let answer = match received {
                Received::Message(opened) if opened.channel == request.channel() => &*opened.body,
                Received::Message(_) => continue,
                Received::Refused(why) => return Err(Error::NotWelcome { why }),
                Received::Closed | _ => return Err(self.line.lost()),
            };
            return match Answer::parse(answer) {
                Ok(Answer::Refused(why)) if why != Refused::Changed => {
                    Err(Error::RequestRefused { why })
                }
                Ok(_) => Ok(answer.to_vec()),
                Err(_) => Err(Error::OddAnswer),
            };
        }
    }

    /// Tells the device that nothing more is asked.
    pub(crate) fn close(mut self) {
        let mut out = [0; 64];
        self.line.begin();
        if let Ok(frame) = self.link.close(&mut out) {
            // If it does not get there, the device ends the link in its own time.
            drop(self.line.send(&frame));
        }
    }
}

/// A line on which frames are told apart.
struct Line {
    wire: Wire,
    inbox: Inbox<FRAME_BYTES>,
    /// What came and was not looked at yet.
    come: Vec<u8>,
    address: Address,
    /// When what is being asked has to be answered.
    until: Instant,
}

impl Line {
    fn to(address: &Address) -> Result<Self, Error> {
        let wire = Wire::open(address)?;
        let (inbox, come, until) = (Inbox::new(), Vec::new(), Instant::now() + PATIENCE);
        Ok(Self { wire, inbox, come, address: address.clone(), until })
    }

    /// Something new is asked: whatever comes meanwhile, the answer is there in time or the link is lost.
    fn begin(&mut self) {
        self.until = Instant::now() + PATIENCE;
    }

    fn lost(&self) -> Error {
        Error::LinkLost { at: self.address.shown() }
    }

    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<(), Error> {
        let mut outbox = Outbox::<STREAM_BYTES>::new();
        outbox.put(outgoing).map_err(|_| Error::Bug { what: "a frame does not fit" })?;
        while !outbox.send(&mut self.wire).map_err(|ChannelLost| self.lost())? {
            self.wait()?;
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<Vec<u8>, Error> {
        self.receive_until(self.until)?.ok_or_else(|| self.lost())
    }

    /// The next frame; none if it does not come by then.
    fn receive_until(&mut self, until: Instant) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if Instant::now() >= until {
                return Ok(None);
            }
            let mut bytes = &self.come[..];
            // A spoilt frame is none; the next one has its own beginning.
            let frame = self.inbox.push(&mut bytes).ok().flatten().map(|frame| frame.to_vec());
            let left = bytes.len();
            self.come.drain(..self.come.len() - left);
            if let Some(frame) = frame {
                return Ok(Some(frame));
            }
            if self.come.is_empty() {
                let mut buffer = [0; 1_024];
                let count = self.wire.receive(&mut buffer).map_err(|ChannelLost| self.lost())?;
                self.come.extend_from_slice(&buffer[..count]);
                if count == 0 {
                    sleep(PAUSE);
                }
            }
        }
    }

    fn wait(&self) -> Result<(), Error> {
        if Instant::now() >= self.until {
            return Err(self.lost());
        }
        sleep(PAUSE);
        Ok(())
    }
}

/// The day by this computer's clock.
pub(crate) fn today() -> Option<Day> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Day::of_unix(since.as_secs())
}
