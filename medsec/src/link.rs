//! The device's end of links: messages of a channel in, answers out.
//!
//! An [`Endpoint`] belongs to one channel, a serial line or a radio, and takes each message that arrives whole. It answers a peer that wants to
//! speak, holds the link, and serves what the device itself can say: what it is, and its log. What is for the maker's application is handed
//! to it.

pub(crate) mod budget;
mod record;
pub mod request;
mod service;

use medsec_audit::hal::Watcher;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Kind, Kinds};
use medsec_core::identity::peer::ProvenPeer;
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::key::sha256;
use medsec_core::suite::{Suite, TAG_BYTES};
use medsec_core::time::Ticks;
use medsec_transport::event::Dropped;
use medsec_transport::frame::{Channel, Outgoing, ReceiveError, SendError, overhead};
use medsec_transport::limiter::{AdmissionError, AdmissionKey, Limiter};
use medsec_transport::link::{
    HALF_OPEN_MS, Handshake, Judging, Kept, Link, LinkError, Message, Method, Own, Received,
};

use self::request::{ANSWER_BYTES_MAX, Answer, Refused, Request};
use crate::{Device, Port};

/// Milliseconds after which a link ends, whatever is said on it: then the peer has to prove itself again.
pub const LINK_MS_MAX: u64 = 24 * 60 * 60 * 1_000;
/// Milliseconds between two checkpoints that peers ask for.
pub const CHECKPOINT_MS_MIN: u64 = 60_000;
/// Bytes that an answer takes at most, in the buffer that [`Endpoint::receive`] is lent.
pub const OUT_BYTES_MIN: usize = ANSWER_BYTES_MAX + overhead::<1>();

/// What this end is, and whom it speaks with.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'i> {
    /// The device's certificate and its secret.
    pub own: Own<'i>,
    /// Anchors and what they have revoked.
    pub trust: Trust<'i>,
    /// The latest day that was authenticated.
    pub floor: Day,
    /// The part of the device's life.
    pub stage: Stage,
    /// What first messages have to show; none on a device without an owner, where each costs a token.
    pub admission: Option<&'i AdmissionKey>,
    /// A peer that needs no certificate in the handshake, because this is kept of it.
    pub pin: Option<&'i Certificate>,
}

/// Why a message was dropped. Nobody is told but the log: two in an hour are recorded, and the number of the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// No message of a link, or there is no handshake or link to which it could belong.
    Layout,
    /// A first message was not let in.
    Admission(AdmissionError),
    /// Two peers have begun just before: again in two seconds.
    Busy,
    /// A message of a handshake was refused.
    Handshake(LinkError),
    /// A frame was refused.
    Frame(ReceiveError),
    /// There is an answer, and it does not fit the buffer or the link.
    Send(SendError),
}

impl core::fmt::Display for EndpointError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout => f.write_str("no message of a link"),
            Self::Admission(error) => error.fmt(f),
            Self::Busy => f.write_str("two peers have begun just before"),
            Self::Handshake(error) => error.fmt(f),
            Self::Frame(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EndpointError {}

/// What became of a message.
#[derive(Debug)]
#[non_exhaustive]
pub enum Happened<'m> {
    /// It was taken, and there is nothing to say.
    Nothing,
    /// This is to be sent back.
    Answer(Outgoing<'m>),
    /// The peer says this to the application, the last part of a message or not. Who the peer is, and so whether it may, says
    /// [`Endpoint::peer`].
    Application(&'m [u8], bool),
    /// The peer has ended the link.
    Ended,
}

/// A peer that is not proven yet.
struct Pending<'i, S: Suite, const WORDS: usize> {
    step: Step<'i, S, WORDS>,
    since: Ticks,
    /// Of the first message, to know it again.
    first: [u8; 32],
    /// The second message, for a peer that did not get it.
    second: Kept,
}

/// What it still has to say.
#[expect(clippy::large_enum_variant, reason = "nothing is allocated, so nothing can be boxed")]
enum Step<'i, S: Suite, const WORDS: usize> {
    /// The last message of the handshake.
    Third(Handshake<'i, S, WORDS>),
    /// Its first frame: what it said so far can be a recording.
    Frame(Link<S, WORDS>),
}

/// A link and since when there is one.
struct Living<S: Suite, const WORDS: usize> {
    link: Link<S, WORDS>,
    since: Ticks,
}

/// The device's end of links on one channel; one link at a time.
///
/// # Limits
/// RAM: two handshakes and a link with their ciphers, and about 1,000 bytes. A call makes at most one handshake's agreements and one answer; it
/// programs at most twice for each of three records, and never erases.
///
/// # Security
/// A link that there is ends only by its peer, by [`close`](Self::close), by another peer that has proved itself, or with its time. What strangers
/// send moves nothing, and is recorded only a few times. No request but those of [`request`] is served, to no kind of peer but those that may: a
/// person of the owner all of them, service of the maker what the device is.
///
/// # Power loss
/// All of it is in RAM: after a reset there is no link. An export goes on where it stopped.
pub struct Endpoint<'i, S: Suite, const WORDS: usize> {
    standing: Standing<'i>,
    limiter: Limiter,
    /// Two, so that a recording that is sent between the messages of a handshake does not end it.
    pending: [Option<Pending<'i, S, WORDS>>; 2],
    living: Option<Living<S, WORDS>>,
}

/// Kinds of peers that a device answers.
const KINDS: Kinds = Kinds::of(&[Kind::Person, Kind::Service]);
/// The device itself is not looked for by a subject of its peer.
const ANYONE: Option<[u8; 16]> = None;
/// Nothing is known of the channel below.
const UNBOUND: [u8; 32] = [0; 32];

impl<'i, S: Suite, const WORDS: usize> Endpoint<'i, S, WORDS> {
    /// An end without a link.
    #[must_use]
    pub const fn new(standing: Standing<'i>, now: Ticks) -> Self {
        Self { standing, limiter: Limiter::new(now), pending: [None, None], living: None }
    }

    /// Who is at the other end of the link.
    #[must_use]
    pub fn peer(&self) -> Option<&ProvenPeer> {
        self.living.as_ref().and_then(|living| living.link.peer())
    }

    /// Takes a message that came whole over the channel, and writes what is to be sent back to `out`, of [`OUT_BYTES_MIN`] bytes at least.
    ///
    /// `message` is written over.
    ///
    /// # Errors
    /// [`EndpointError`]: it was dropped, and a link that there was is still there.
    pub fn receive<'m, P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        message: &'m mut [u8],
        out: &'m mut [u8],
    ) -> Result<Happened<'m>, EndpointError> {
        let now = device.now();
        self.expire(now);
        let happened = match message.first().and_then(|first| Message::of(*first)) {
            Some(Message::Certified) => self.first(device, now, Method::Certified, message, out),
            Some(Message::Pinned) => match self.standing.pin {
                Some(pin) => self.first(device, now, Method::Pinned(pin), message, out),
                None => Err(EndpointError::Handshake(LinkError::Method)),
            },
            Some(Message::Third) => self.third(device, now, message, out),
            Some(Message::Frame) => self.frame(device, now, message, out),
            // A device never begins a link, and a label is for a device without an owner.
            Some(_) | None => Err(EndpointError::Layout),
        };
        if let Err(error) = &happened
            && let Some(why) = record::dropped(error)
        {
            record::note(device, why, now);
        }
        happened
    }

    /// Gives up what has taken too long: a handshake after [`HALF_OPEN_MS`], a link after [`LINK_MS_MAX`]. [`receive`](Self::receive) does it first;
    /// an owner who calls it now and then has the keys out of RAM in time.
    pub fn expire(&mut self, now: Ticks) {
        let is_late = |since: Ticks, limit: u64| now.millis_since(since) >= limit;
        for slot in &mut self.pending {
            if slot.as_ref().is_some_and(|pending| is_late(pending.since, HALF_OPEN_MS)) {
                *slot = None;
            }
        }
        if self.living.as_ref().is_some_and(|living| is_late(living.since, LINK_MS_MAX)) {
            self.living = None;
        }
    }

    /// Takes over what the device trusts now, and the day: after a change of either. A link there is ends, since its peer was judged by what
    /// was before; it proves itself again.
    pub fn stand<P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        standing: Standing<'i>,
    ) {
        let now = device.now();
        self.standing = standing;
        self.pending = [None, None];
        if let Some(before) = self.living.take() {
            record::ended(device, &before.link, now);
        }
    }

    /// Says a part of a message to the application at the other end.
    ///
    /// # Errors
    /// [`SendError`], as it says; [`SendError::Over`] without a link.
    pub fn send<'m>(
        &mut self,
        is_last: bool,
        body: &[u8],
        out: &'m mut [u8],
    ) -> Result<Outgoing<'m>, SendError> {
        let living = self.living.as_mut().ok_or(SendError::Over)?;
        living.link.seal(Channel::App, is_last, body, out)
    }

    /// Ends the link on this side, and tells the peer.
    ///
    /// # Errors
    /// [`SendError`], as it says; the link is over in any case.
    pub fn close<'m>(&mut self, out: &'m mut [u8]) -> Result<Outgoing<'m>, SendError> {
        self.pending = [None, None];
        let mut living = self.living.take().ok_or(SendError::Over)?;
        living.link.close(out)
    }

    fn first<'m, P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        now: Ticks,
        method: Method<'i>,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Happened<'m>, EndpointError> {
        // Before it is let in again: its answer was lost, and costs nothing.
        let first = sha256(&[message]);
        let known = self.pending.iter().flatten().find(|pending| pending.first == first);
        if let Some(pending) = known {
            return pending.second.write(out).map(Happened::Answer).map_err(EndpointError::Send);
        }
        // Before it costs a token and is remembered: a device that has just booted takes the same message in a moment. Whether it
        // is of a stranger is not asked then, nor recorded.
        let (_, random) = device.sender();
        random.verdict().map_err(|error| EndpointError::Handshake(LinkError::Random(error)))?;
        let slot = free(&mut self.pending, now).ok_or(EndpointError::Busy)?;
        let message = match self.standing.admission {
            Some(key) => self.limiter.admit(key, now, message),
            None => self.limiter.take(now).map(|()| message),
        };
        let message = message.map_err(EndpointError::Admission)?;
        let (own, judging) = (self.standing.own, judging(&self.standing));
        let (_, random) = device.sender();
        let (handshake, second) =
            Handshake::accept(own, judging, method, &UNBOUND, random, message, out)
                .map_err(EndpointError::Handshake)?;
        let kept = Kept::of(&second).map_err(EndpointError::Send)?;
        let step = if handshake.is_complete() {
            let authority = device.links().ok_or(EndpointError::Layout)?;
            Step::Frame(handshake.establish(authority).map_err(EndpointError::Handshake)?)
        } else {
            Step::Third(handshake)
        };
        *slot = Some(Pending { step, since: now, first, second: kept });
        Ok(Happened::Answer(second))
    }

    fn third<'m, P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        now: Ticks,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Happened<'m>, EndpointError> {
        let mut why = EndpointError::Layout;
        let mut found = None;
        for slot in &mut self.pending {
            let Some(Pending { step: Step::Third(handshake), .. }) = slot else { continue };
            // What is of another handshake is as it was.
            match handshake.receive(message, &mut []) {
                Err(error) if !matches!(error, LinkError::Refused(_)) => {
                    why = EndpointError::Handshake(error);
                }
                taken => {
                    found = slot.take().map(|pending| (pending, taken.map(|_| ())));
                    break;
                }
            }
        }
        let Some((Pending { step: Step::Third(handshake), .. }, taken)) = found else {
            return Err(why);
        };
        if let Err(error) = taken {
            let refused = EndpointError::Handshake(error);
            // Only a peer that an issuer of this device has certified is told.
            let alert = handshake.alert(out).map_err(|_| refused)?;
            record::note(device, Dropped::Certificate, now);
            return Ok(Happened::Answer(alert));
        }
        let authority = device.links().ok_or(EndpointError::Layout)?;
        let link = handshake.establish(authority).map_err(EndpointError::Handshake)?;
        self.open(device, now, link);
        Ok(Happened::Nothing)
    }

    fn frame<'m, P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        now: Ticks,
        message: &'m mut [u8],
        out: &'m mut [u8],
    ) -> Result<Happened<'m>, EndpointError> {
        let said = self.opened(device, now, message)?;
        let Said::Body { channel, is_last, bytes } = said else {
            if let Some(living) = self.living.take() {
                record::ended(device, &living.link, now);
            }
            return Ok(Happened::Ended);
        };
        let end = message.len().saturating_sub(TAG_BYTES);
        let body = message.get(end.saturating_sub(bytes)..end).unwrap_or_default();
        if channel == Channel::App {
            return Ok(Happened::Application(body, is_last));
        }
        let living = self.living.as_mut().ok_or(EndpointError::Layout)?;
        let request = Request::parse(channel, body).ok().filter(|_| is_last);
        let mut buffer = [0; ANSWER_BYTES_MAX];
        let served = request
            .ok_or(Refused::Unknown)
            .and_then(|request| service::serve(device, living, now, request, &mut buffer));
        let length = served.or_else(|why| service::written(&Answer::Refused(why), &mut buffer));
        let answer = buffer.get(..length.unwrap_or(0)).unwrap_or_default();
        let sealed = living.link.seal(channel, true, answer, out);
        sealed.map(Happened::Answer).map_err(EndpointError::Send)
    }

    /// Opens a frame of the link, or the first one of a peer that takes its place with it.
    fn opened<P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        now: Ticks,
        message: &mut [u8],
    ) -> Result<Said, EndpointError> {
        let mut why = EndpointError::Layout;
        if let Some(living) = &mut self.living {
            match living.link.open(message) {
                Ok(received) => return Ok(Said::of(&received)),
                Err(error) => why = EndpointError::Frame(error),
            }
        }
        // What the link does not open is as it was.
        for slot in &mut self.pending {
            let Some(Pending { step: Step::Frame(link), .. }) = slot else { continue };
            let Ok(said) = link.open(message).map(|received| Said::of(&received)) else { continue };
            if let Some(Pending { step: Step::Frame(link), .. }) = slot.take() {
                self.open(device, now, link);
            }
            return Ok(said);
        }
        Err(why)
    }

    /// A peer is proven: its link takes the place of the one there was.
    fn open<P: Port<Suite = S>, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        now: Ticks,
        link: Link<S, WORDS>,
    ) {
        if let Some(before) = self.living.take() {
            record::ended(device, &before.link, now);
        }
        record::opened(device, &link, now);
        self.living = Some(Living { link, since: now });
    }
}

/// Milliseconds in which a peer that has begun is not given up for another one.
const YOUNG_MS: u64 = 2_000;

/// A place for a new peer: an empty one, or that of the one who has waited longest, if he has had time enough.
fn free<'p, 'i, S: Suite, const WORDS: usize>(
    pending: &'p mut [Option<Pending<'i, S, WORDS>>; 2],
    now: Ticks,
) -> Option<&'p mut Option<Pending<'i, S, WORDS>>> {
    let waited = |slot: &Option<Pending<'i, S, WORDS>>| {
        slot.as_ref().map_or(u64::MAX, |pending| now.millis_since(pending.since))
    };
    pending.iter_mut().max_by_key(|slot| waited(slot)).filter(|slot| waited(slot) >= YOUNG_MS)
}

/// Whom a device speaks with.
const fn judging<'i>(standing: &Standing<'i>) -> Judging<'i> {
    Judging {
        trust: standing.trust,
        today: Today { floor: standing.floor, clock: None },
        stage: standing.stage,
        kinds: KINDS,
        subject: ANYONE,
    }
}

impl<S: Suite, const WORDS: usize> core::fmt::Debug for Endpoint<'_, S, WORDS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Endpoint").field("peer", &self.peer()).finish_non_exhaustive()
    }
}

/// What a frame said, without its bytes.
enum Said {
    Body { channel: Channel, is_last: bool, bytes: usize },
    End,
}

impl Said {
    fn of(received: &Received<'_>) -> Self {
        match received {
            Received::Message(opened) => Self::Body {
                channel: opened.channel,
                is_last: opened.is_last,
                bytes: opened.body.len(),
            },
            Received::Closed | Received::Refused(_) | _ => Self::End,
        }
    }
}
