//! The device's end of a link with a station, while it is being made.
//!
//! First boot: the line has [`Birth::draw`](medsec_core::identity::birth::Birth::draw) draw what the device is born with and
//! [`BirthCell::format`](medsec_core::identity::birth::BirthCell::format) keep it, then
//! [`Device::format`], [`People::format`] and [`OwnCell::format`] make its stores. It boots as ever, in the state Blank, and a [`Production`] takes
//! each message of the station until the device waits for its owner. What may be asked, and in which order, is
//! `medsec_auth::provision`'s; this does it.
//!
//! There is no patient yet: a call works on the flash until it is done.

use medsec_audit::hal::Watcher;
use medsec_audit::log::Progress as LogProgress;
use medsec_auth::credential::Claim;
use medsec_auth::provision::claim::{CODE_BYTES, ClaimKey};
use medsec_auth::provision::message::{
    ANSWER_BYTES_MAX, Answer, Debug, Hello, Refused, Request, Run, Unit,
};
use medsec_auth::provision::receipt::Receipt;
use medsec_auth::provision::{Due, Facts, coded, due};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Event, PrincipalId, RecordError, Recorder};
use medsec_core::flash::cell::Progress;
use medsec_core::hal::DebugLock;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Kind, Kinds};
use medsec_core::identity::own::{OwnCell, Shown};
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::lifecycle::{Change, State, Tamper};
use medsec_core::suite::{Suite, TAG_BYTES};
use medsec_core::time::{Pause, Ticks};
use medsec_transport::frame::{Channel, Outgoing, overhead};
use medsec_transport::limiter::Limiter;
use medsec_transport::link::{
    HALF_OPEN_MS, Handshake, Judging, Link, LinkError, MESSAGE_BYTES_MAX, Message, Received,
};

use crate::device::device_id;
use crate::link::EndpointError;
use crate::{Device, People, Port, Staff};

/// Bytes that an answer takes at most, in the buffer that [`Production::receive`] is lent.
pub const OUT_BYTES_MIN: usize = max(ANSWER_BYTES_MAX + overhead::<0>(), MESSAGE_BYTES_MAX);
/// The channel on which a station asks.
pub const CHANNEL: Channel = Channel::Config;

/// Things done for one request, at most: it takes three.
const STEPS_MAX: u32 = 8;
/// Operations on the flash for one of them, at most.
const OPERATIONS_MAX: u32 = 100_000;
const PAUSE_MS: u32 = 1_000;

const fn max(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

/// What the board knows of itself before it has a certificate.
#[derive(Clone, Copy, Debug)]
pub struct Unmade<'i> {
    /// The secret it was born with.
    pub agreement: &'i AgreementSecret,
    /// The maker's anchors.
    pub trust: Trust<'i>,
    /// No day before this one: that of the firmware's build.
    pub floor: Day,
    /// The number that the maker of the chip gave it; zeros where it has none.
    pub chip: [u8; 8],
    /// The revision of the board.
    pub revision: u16,
    /// The digest of the firmware that runs.
    pub firmware: [u8; 32],
}

/// What a request is served with.
pub struct Parts<'d, P: Port, W: Watcher, S: Staff, D: DebugLock> {
    /// The device.
    pub device: &'d mut Device<P, W>,
    /// Its people, of whom there is nobody yet.
    pub people: &'d mut People<P, S>,
    /// Where its certificate is kept.
    pub own: &'d mut OwnCell,
    /// Its debug port.
    pub debug: &'d mut D,
}

/// A station that is not proven yet, since when, and in which part of life it is judged.
struct Half<'i, S: Suite> {
    handshake: Handshake<'i, S, 0>,
    since: Ticks,
    stage: Stage,
}

/// The device's end of a link with a station; one at a time.
///
/// # Security
/// Nobody is served but who has proved to be a station of the maker, and nobody once the device waits for its owner: then the certificate of a
/// station does not hold. Of others a first message costs the place of the one handshake for [`HALF_OPEN_MS`]. A device in service, in maintenance,
/// being erased or at its end drops every message unread.
///
/// # Power loss
/// All of it is in RAM. The station says hello again, under the same name of the run, and goes on where the device is.
pub struct Production<'i, S: Suite> {
    unmade: Unmade<'i>,
    limiter: Limiter,
    half: Option<Half<'i, S>>,
    link: Option<Link<S, 0>>,
    /// What the station has said on this link: the run, and its randomness.
    hello: Option<(Hello, Secret<32>)>,
}

impl<'i, S: Suite> Production<'i, S> {
    /// An end without a link.
    #[must_use]
    pub const fn new(unmade: Unmade<'i>, now: Ticks) -> Self {
        Self { unmade, limiter: Limiter::new(now), half: None, link: None, hello: None }
    }

    /// Takes a message that came whole over the channel, and writes what is to be sent back, if there is something, to `out`, of
    /// [`OUT_BYTES_MIN`] bytes at least. `message` is written over.
    ///
    /// # Errors
    /// [`EndpointError`]: it was dropped.
    pub fn receive<'m, P: Port<Suite = S>, W: Watcher, T: Staff, D: DebugLock>(
        &mut self,
        parts: &mut Parts<'_, P, W, T, D>,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Option<Outgoing<'m>>, EndpointError> {
        let life = parts.people.lifecycle().state();
        if !matches!(life, Ok(State::Blank | State::Provisioning | State::AwaitClaim) | Err(Tamper))
        {
            return Err(EndpointError::Layout);
        }
        match message.first().and_then(|first| Message::of(*first)) {
            Some(Message::Uncertified) => self.first(parts, message, out).map(Some),
            Some(Message::Third) => self.third(parts, message, out),
            Some(Message::Frame) => self.frame(parts, message, out),
            _ => Err(EndpointError::Layout),
        }
    }

    fn first<'m, P: Port<Suite = S>, W: Watcher, T: Staff, D: DebugLock>(
        &mut self,
        parts: &mut Parts<'_, P, W, T, D>,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, EndpointError> {
        let now = parts.device.now();
        self.expire(now);
        if self.half.is_some() {
            return Err(EndpointError::Busy);
        }
        self.limiter.take(now).map_err(EndpointError::Admission)?;
        if parts.people.lifecycle().state().is_err() {
            // A cut has left the state of life open, and no certificate of a station would hold. If it cannot be settled, none does.
            let _unsettled: Result<(), Refused> = parts.settle();
        }
        let stage = parts.people.lifecycle().stage();
        let judging = Judging {
            trust: self.unmade.trust,
            today: self.today(),
            stage,
            kinds: Kinds::of(&[Kind::Station]),
            subject: None,
        };
        let (_, random) = parts.device.sender();
        let begun = Handshake::accept_uncertified(
            self.unmade.agreement,
            judging,
            &[0; 32],
            random,
            message,
            out,
        );
        let (handshake, second) = begun.map_err(EndpointError::Handshake)?;
        self.half = Some(Half { handshake, since: now, stage });
        Ok(second)
    }

    /// Gives a handshake up that has taken too long.
    fn expire(&mut self, now: Ticks) {
        let is_late = |half: &Half<'_, S>| now.millis_since(half.since) >= HALF_OPEN_MS;
        if self.half.as_ref().is_some_and(is_late) {
            self.half = None;
        }
    }

    fn third<'m, P: Port<Suite = S>, W: Watcher, T: Staff, D: DebugLock>(
        &mut self,
        parts: &mut Parts<'_, P, W, T, D>,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Option<Outgoing<'m>>, EndpointError> {
        self.expire(parts.device.now());
        // Who has begun before the device was made is not let in afterwards.
        let stage = parts.people.lifecycle().stage();
        if self.half.as_ref().is_some_and(|half| half.stage != stage) {
            self.half = None;
        }
        let half = self.half.as_mut().ok_or(EndpointError::Layout)?;
        match half.handshake.receive(message, &mut []) {
            Ok(_) => {}
            Err(error @ LinkError::Refused(_)) => {
                let refused = EndpointError::Handshake(error);
                let Half { handshake, .. } = self.half.take().ok_or(refused)?;
                return handshake.alert(out).map(Some).map_err(|_| refused);
            }
            Err(error) => return Err(EndpointError::Handshake(error)),
        }
        let Half { handshake, .. } = self.half.take().ok_or(EndpointError::Layout)?;
        let authority = parts.device.links().ok_or(EndpointError::Layout)?;
        self.link = Some(handshake.establish(authority).map_err(EndpointError::Handshake)?);
        self.hello = None;
        Ok(None)
    }

    fn frame<'m, P: Port<Suite = S>, W: Watcher, T: Staff, D: DebugLock>(
        &mut self,
        parts: &mut Parts<'_, P, W, T, D>,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Option<Outgoing<'m>>, EndpointError> {
        let link = self.link.as_mut().ok_or(EndpointError::Layout)?;
        let length = match link.open(message).map_err(EndpointError::Frame)? {
            Received::Message(opened) if opened.channel == CHANNEL && opened.is_last => {
                opened.body.len()
            }
            Received::Message(_) => 0,
            Received::Closed | Received::Refused(_) | _ => {
                self.link = None;
                self.hello = None;
                return Ok(None);
            }
        };
        let end = message.len().saturating_sub(TAG_BYTES);
        let body = message.get(end.saturating_sub(length)..end).unwrap_or_default();
        let answer = Request::parse(body)
            .map_err(|_| Refused::Unknown)
            .and_then(|request| self.serve(parts, &request))
            .unwrap_or_else(Answer::Refused);
        // It may be the code.
        let mut buffer = Secret::new([0; ANSWER_BYTES_MAX]);
        let bytes = answer.encode(buffer.expose_mut()).unwrap_or_default();
        let link = self.link.as_mut().ok_or(EndpointError::Layout)?;
        link.seal(CHANNEL, true, bytes, out).map(Some).map_err(EndpointError::Send)
    }

    fn serve<P: Port<Suite = S>, W: Watcher, T: Staff, D: DebugLock>(
        &mut self,
        parts: &mut Parts<'_, P, W, T, D>,
        request: &Request<'_>,
    ) -> Result<Answer, Refused> {
        // A hello counts once it was answered, and one that was refused leaves none.
        let before = self.hello.take();
        let said = match request {
            Request::Hello(hello, entropy) => (*hello, Secret::new(*entropy)),
            Request::Certificate(_) | Request::Code | Request::Seal(..) | Request::Finish | _ => {
                before.ok_or(Refused::Order)?
            }
        };
        let answer = self.answer(parts, &said, request);
        if answer.is_ok() || !matches!(request, Request::Hello(..)) {
            self.hello = Some(said);
        }
        answer
    }

    fn answer<P: Port<Suite = S>, W: Watcher, T: Staff, D: DebugLock>(
        &self,
        parts: &mut Parts<'_, P, W, T, D>,
        (hello, entropy): &(Hello, Secret<32>),
        request: &Request<'_>,
    ) -> Result<Answer, Refused> {
        let link = self.link.as_ref().ok_or(Refused::Order)?;
        // A station is certified for a model, or for all that its issuer has.
        let models = [0, P::PROFILE.model];
        if link.peer().is_none_or(|peer| !models.contains(&peer.claims().model)) {
            return Err(Refused::Model);
        }
        let (handshake, key) = (*link.handshake_hash(), self.unmade.agreement.public());
        let agreement = key.to_bytes();
        let run = Run { hello, handshake: &handshake, agreement: &agreement };
        let mut has_locked = false;
        for _ in 0..STEPS_MAX {
            parts.settle()?;
            let claim = parts.people.claim(parts.device).map_err(|_| Refused::Fault)?;
            let shown = parts.own.shown();
            let facts = Facts {
                lifecycle: parts.people.lifecycle(),
                claim: &claim,
                own: shown.as_ref(),
                debug: parts.debug(),
                model: P::PROFILE.model,
                suite: S::ID,
                signing: parts.device.public_key(),
                agreement: key,
                trust: self.unmade.trust,
                today: self.today(),
            };
            match due(&facts, &run, request)? {
                Due::Claim(claim) => parts.keep(&claim)?,
                Due::Lifecycle(change) => parts.live(change)?,
                Due::Certificate(shown) => parts.show(&shown)?,
                Due::Lock if has_locked => return Err(Refused::Debug),
                Due::Lock => {
                    parts.debug.lock();
                    has_locked = true;
                }
                Due::Draw => {
                    let mut code = Secret::new([0; CODE_BYTES]);
                    let (_, random) = parts.device.sender();
                    random
                        .fill_with(entropy.expose(), code.expose_mut())
                        .map_err(|_| Refused::Fault)?;
                    parts.keep(&coded(hello, ClaimKey::of(&code)))?;
                    return Ok(Answer::Code(code));
                }
                Due::Unit(progress) => {
                    let unit = Unit {
                        signing: facts.signing.to_bytes(),
                        firmware: self.unmade.firmware,
                        chip: self.unmade.chip,
                        revision: self.unmade.revision,
                        progress,
                        debug: facts.debug,
                    };
                    let (key, _) = parts.device.sender();
                    let signature = unit.sign(&run, key).map_err(|_| Refused::Fault)?;
                    return Ok(Answer::Unit(unit, signature));
                }
                Due::Stored(digest) => return Ok(Answer::Stored(digest)),
                Due::Receipt(certificate) => {
                    let device = device_id(P::PROFILE.model, &facts.signing);
                    // The number that is kept, whatever this hello said.
                    let serial = facts.own.map_or(hello.serial, |own| own.serial);
                    let hello = Hello { serial, ..*hello };
                    let receipt = Receipt { hello, device, certificate, debug: facts.debug };
                    let (key, _) = parts.device.sender();
                    return receipt.sign(key).map(Answer::Sealed).map_err(|_| Refused::Fault);
                }
                Due::Finished => return Ok(Answer::Finished),
                _ => return Err(Refused::Fault),
            }
        }
        Err(Refused::Fault)
    }

    const fn today(&self) -> Today {
        Today { floor: self.unmade.floor, clock: None }
    }
}

impl<P: Port, W: Watcher, S: Staff, D: DebugLock> Parts<'_, P, W, S, D> {
    fn debug(&mut self) -> Debug {
        Debug::of(D::LOCKABLE, self.debug.read_state())
    }

    /// What an earlier boot was cut in, first.
    fn settle(&mut self) -> Result<(), Refused> {
        self.rest()?;
        if let Some(mut pending) = self.people.settle() {
            done(|pause| {
                self.people.step_change(self.device, pause, &mut pending).map_err(|_| ())
            })?;
        }
        let (_, flash) = self.device.log_mut();
        done(|pause| self.own.step(flash, pause).map_err(|_| ()))
    }

    /// Does what is due for the log and the people.
    fn rest(&mut self) -> Result<(), Refused> {
        done(|pause| match self.device.maintain(pause) {
            Ok(LogProgress::More) => Ok(Progress::More),
            Ok(LogProgress::Idle | _) => Ok(Progress::Done),
            Err(_) => Err(()),
        })?;
        done(|pause| self.people.maintain(self.device, pause).map_err(|_| ()))
    }

    fn keep(&mut self, claim: &Claim) -> Result<(), Refused> {
        let mut pending = self.people.begin_claim(claim).map_err(|_| Refused::Fault)?;
        done(|pause| self.people.step_change(self.device, pause, &mut pending).map_err(|_| ()))
    }

    fn show(&mut self, shown: &Shown) -> Result<(), Refused> {
        self.own.begin(shown);
        let (_, flash) = self.device.log_mut();
        done(|pause| self.own.step(flash, pause).map_err(|_| ()))
    }

    fn live(&mut self, change: Change) -> Result<(), Refused> {
        let transition = self.people.lifecycle().change(change, PrincipalId::DEVICE);
        let transition = transition.map_err(|_| Refused::State)?;
        let recorded = if change.has_log() {
            transition.record(&mut Reserve(self.device)).map_err(|_| Refused::Fault)?
        } else {
            transition.unlogged().ok_or(Refused::Fault)?
        };
        self.people.begin_lifecycle(&recorded).map_err(|_| Refused::Fault)?;
        self.rest()?;
        recorded.confirm(self.people.stored_lifecycle()).map(|_| ()).map_err(|_| Refused::Fault)
    }
}

/// Records from the reserve of a log that is full: nobody can read it before the device has an owner, and it has to be made to the end.
struct Reserve<'d, P: Port, W: Watcher>(&'d mut Device<P, W>);

impl<P: Port, W: Watcher> Recorder for Reserve<'_, P, W> {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        self.0.log_reserved(event).map(|_| ())
    }
}

/// Does one operation after the other until all is done.
fn done(mut step: impl FnMut(&Pause<'_>) -> Result<Progress, ()>) -> Result<(), Refused> {
    for _ in 0..OPERATIONS_MAX {
        let mut lender = ();
        match step(&Pause::lend(&mut lender, PAUSE_MS)) {
            Ok(Progress::Done) => return Ok(()),
            Ok(Progress::More | _) => {}
            Err(()) => return Err(Refused::Fault),
        }
    }
    Err(Refused::Fault)
}

impl<S: Suite> core::fmt::Debug for Production<'_, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Production").field("link", &self.link).finish_non_exhaustive()
    }
}
