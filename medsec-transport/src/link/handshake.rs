//! How a link begins: the messages, and who is judged when.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::hal::EntropySource;
use medsec_core::identity::certificate::{
    Certificate, CertificateError, Kind, WIRE_BYTES, WireCertificate,
};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::{Refusal, Trusted};
use medsec_core::key::sha256;
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::Suite;

use super::side::{Judging, MESSAGE_BYTES_MAX, Method, Own, Way, has_suite};
use super::{ALERT, Link, is_told};
use crate::frame::{Channel, Outgoing, Receiver, SendError, Sender};
use crate::noise::handshake_state::{BeginError, HandshakeState, ReadError, Role, WriteError};

/// What the prologue begins with, padded with zeros to 32 bytes.
const LABEL: &[u8; 32] = b"medsec/v1/transport/link\0\0\0\0\0\0\0\0";
/// Bytes before the first message.
const HEADER_BYTES: usize = 4;
/// The byte before the second message, and before the third.
pub(super) const SECOND: u8 = 0x10;
pub(super) const THIRD: u8 = 0x11;

/// Why there is no link. What a peer caused changed nothing, but that a third message with a certificate that is not good ends the handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LinkError {
    /// No message of a handshake, or not the one whose turn it is.
    Layout,
    /// Another method or window than this side's.
    Method,
    /// Another suite, or one that a certificate does not have.
    Suite,
    /// A kind of peer that this side has no use for, or another one than was announced.
    Kind,
    /// Not the peer that this side looks for, or this side itself.
    Subject,
    /// Not from a side with the keys of this handshake, or changed since.
    NotAuthentic,
    /// A key that is weak or not canonical.
    WeakKey,
    /// The peer shows no certificate, or the own one is for another key.
    Certificate(CertificateError),
    /// The certificate does not hold. A responder that has read it in the last message can tell its peer with [`Handshake::alert`].
    Refused(Refusal),
    /// No randomness, so no key.
    Random(RandomError),
    /// The buffer is too short for the answer. With a longer one the same message still counts.
    Write,
}

impl core::fmt::Display for LinkError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout => f.write_str("not the message of a handshake that is due"),
            Self::Method => f.write_str("other method or window"),
            Self::Suite => f.write_str("other suite"),
            Self::Kind => f.write_str("kind of peer not wanted here"),
            Self::Subject => f.write_str("not the peer that is looked for"),
            Self::NotAuthentic => f.write_str("not authentic"),
            Self::WeakKey => f.write_str("weak key"),
            Self::Certificate(error) => error.fmt(f),
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Random(error) => error.fmt(f),
            Self::Write => f.write_str("no room for the answer"),
        }
    }
}

impl core::error::Error for LinkError {}

impl From<BeginError> for LinkError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::WeakKey => Self::WeakKey,
            BeginError::Static | BeginError::Psk => Self::Method,
        }
    }
}

impl From<ReadError> for LinkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Turn | ReadError::Length => Self::Layout,
            ReadError::WeakKey => Self::WeakKey,
            ReadError::NotAuthentic => Self::NotAuthentic,
        }
    }
}

impl From<WriteError> for LinkError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Length => Self::Write,
            WriteError::Turn | WriteError::Ephemeral => Self::Layout,
            WriteError::Failed => Self::WeakKey,
        }
    }
}

impl From<CertificateError> for LinkError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error)
    }
}

impl From<Refusal> for LinkError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<RandomError> for LinkError {
    fn from(error: RandomError) -> Self {
        Self::Random(error)
    }
}

/// A link that begins.
///
/// `WORDS` is that of its frames; both sides have the same.
///
/// # Security
/// A message that is refused changes nothing, so the true one can still come; only its owner's time limit ends a handshake. A first
/// message of the right length costs the responder two agreements or more, and a second the initiator as much: how many of them are
/// taken is for a [`Limiter`](crate::limiter::Limiter) and for the owner of the handshake, who drops it after [`HALF_OPEN_MS`]: it has no
/// clock of its own. On a channel that loses packets the owner keeps what it sent last, and sends it again: an initiator the third until a frame of
/// the peer opens, since a peer without it cannot say so.
pub struct Handshake<'a, S: Suite, const WORDS: usize> {
    state: HandshakeState<'a, S>,
    secret: &'a AgreementSecret,
    /// What this side shows; nothing on a device that has no certificate yet.
    certificate: Option<&'a Certificate>,
    judging: Judging<'a>,
    way: Way,
    /// What the initiator said it is.
    announced: Kind,
    peer: Option<Trusted>,
    failure: Option<LinkError>,
}

/// Milliseconds after which the owner of a handshake drops it if it is not complete.
pub const HALF_OPEN_MS: u64 = 5_000;

impl<'a, S: Suite, const WORDS: usize> Handshake<'a, S, WORDS> {
    /// Begins a link, and writes its first message to `out`.
    ///
    /// `binding` is what both sides know of the channel below, or zeros.
    ///
    /// # Errors
    /// [`LinkError`], as it says.
    pub fn begin<'m, E: EntropySource>(
        own: Own<'a>,
        judging: Judging<'a>,
        method: Method<'a>,
        binding: &[u8; 32],
        random: &mut Random<E>,
        out: &'m mut [u8],
    ) -> Result<(Self, Outgoing<'m>), LinkError> {
        let (way, pin) = (method.way(), method.pin());
        let [length, ..] = way.lengths();
        let out = out.get_mut(..length).ok_or(LinkError::Write)?;
        let kind = own.certificate.claims().kind;
        let header = [way.code(), S::ID, kind.code(), window::<WORDS>()];
        let side = (own.secret, Some(own.certificate));
        let mut handshake = Self::new(side, judging, method, Role::Initiator, kind, binding)?;
        handshake.peer = pin.map(|pin| judging.judge::<S>(pin)).transpose()?;
        handshake.state.set_ephemeral(ephemeral(random, &sha256(&[b"ephemeral", &header]))?);
        let (front, rest) = out.split_first_chunk_mut().ok_or(LinkError::Write)?;
        *front = header;
        handshake.state.write_message(&[], rest)?;
        Ok((handshake, Outgoing(out)))
    }

    /// Takes a first message, and writes the second to `out`.
    ///
    /// # Errors
    /// [`LinkError`], as it says. What length or header refuse costs no agreement, and no pin is judged before the message has shown
    /// that it is of a holder of the pinned key.
    pub fn accept<'m, E: EntropySource>(
        own: Own<'a>,
        judging: Judging<'a>,
        method: Method<'a>,
        binding: &[u8; 32],
        random: &mut Random<E>,
        first: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<(Self, Outgoing<'m>), LinkError> {
        if method.way() == Way::Uncertified {
            return Err(LinkError::Method);
        }
        let side = (own.secret, Some(own.certificate));
        Self::answer(side, judging, method, binding, random, first, out)
    }

    /// As [`accept`](Self::accept), with [`Method::Uncertified`], on a device that has no certificate yet and so shows none: the
    /// initiator has to prove itself, and learns the key of this side and no more.
    ///
    /// # Errors
    /// [`LinkError`], as it says.
    pub fn accept_uncertified<'m, E: EntropySource>(
        secret: &'a AgreementSecret,
        judging: Judging<'a>,
        binding: &[u8; 32],
        random: &mut Random<E>,
        first: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<(Self, Outgoing<'m>), LinkError> {
        Self::answer((secret, None), judging, Method::Uncertified, binding, random, first, out)
    }

    fn answer<'m, E: EntropySource>(
        side: (&'a AgreementSecret, Option<&'a Certificate>),
        judging: Judging<'a>,
        method: Method<'a>,
        binding: &[u8; 32],
        random: &mut Random<E>,
        first: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<(Self, Outgoing<'m>), LinkError> {
        let (way, pin) = (method.way(), method.pin());
        let [due, length, _] = way.lengths();
        let out = out.get_mut(..length).ok_or(LinkError::Write)?;
        if first.len() != due {
            return Err(LinkError::Layout);
        }
        let (header, _) = first.split_first_chunk().ok_or(LinkError::Layout)?;
        let [code, suite, kind, own_window]: [u8; HEADER_BYTES] = *header;
        if code != way.code() || own_window != window::<WORDS>() {
            return Err(LinkError::Method);
        }
        if suite != S::ID {
            return Err(LinkError::Suite);
        }
        let kind = Kind::ALL.into_iter().find(|other| other.code() == kind);
        let kind = kind.filter(|kind| judging.kinds.has(*kind)).ok_or(LinkError::Kind)?;
        let mut handshake = Self::new(side, judging, method, Role::Responder, kind, binding)?;
        let said = sha256(&[b"ephemeral", first]);
        let (_, message) = first.split_at_mut_checked(HEADER_BYTES).ok_or(LinkError::Layout)?;
        handshake.peer = handshake
            .state
            .read_message_if(message, |_, _| pin.map(|pin| judging.judge::<S>(pin)).transpose())?;
        handshake.state.set_ephemeral(ephemeral(random, &said)?);
        let (front, rest) = out.split_first_mut().ok_or(LinkError::Write)?;
        *front = SECOND;
        let wire = handshake.certificate.filter(|_| way != Way::Pinned).map(Certificate::to_wire);
        let payload = wire.as_ref().map_or(&[][..], |wire| wire);
        handshake.state.write_message(payload, rest)?;
        Ok((handshake, Outgoing(out)))
    }

    fn new(
        (secret, certificate): (&'a AgreementSecret, Option<&'a Certificate>),
        judging: Judging<'a>,
        method: Method<'a>,
        role: Role,
        announced: Kind,
        binding: &[u8; 32],
    ) -> Result<Self, LinkError> {
        if certificate.is_some_and(|own| !has_suite::<S>(own)) {
            return Err(LinkError::Suite);
        }
        if certificate.is_some_and(|own| own.agreement_key() != Some(secret.public())) {
            return Err(LinkError::Certificate(CertificateError::Key));
        }
        let way = method.way();
        let header = [way.code(), S::ID, announced.code(), window::<WORDS>()];
        let mut names = [[0; 16]; 2];
        let (mut remote, mut psk) = (None, None);
        match method {
            Method::Certified | Method::Uncertified => {}
            Method::Labelled(secret) => psk = Some(secret.0),
            Method::Pinned(pin) => {
                let own = certificate.ok_or(LinkError::Method)?;
                let (mine, other) = (own.claims(), pin.claims());
                let (initiator, responder) =
                    if role == Role::Initiator { (mine, other) } else { (other, mine) };
                if initiator.kind != announced {
                    return Err(LinkError::Kind);
                }
                names = [responder.subject, initiator.subject];
                let key = pin.agreement_key().ok_or(LinkError::WeakKey)?;
                if key == secret.public() {
                    return Err(LinkError::Subject);
                }
                remote = Some(key.to_bytes());
            }
        }
        let [responder, initiator] = names;
        let said = prologue(header, responder, initiator);
        let parts: [&[u8]; 2] = [&said, binding];
        let state = HandshakeState::new(way.pattern(), role, &parts, secret, remote.as_ref(), psk)?;
        let (peer, failure) = (None, None);
        Ok(Self { state, secret, certificate, judging, way, announced, peer, failure })
    }

    /// Takes the next message of the peer, and writes the answer to `out`, if there is one.
    ///
    /// # Errors
    /// [`LinkError`], as it says.
    pub fn receive<'m>(
        &mut self,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Option<Outgoing<'m>>, LinkError> {
        match self.state.role() {
            Role::Initiator => self.receive_second(message, out),
            Role::Responder => self.receive_third(message).map(|()| None),
        }
    }

    fn receive_second<'m>(
        &mut self,
        message: &mut [u8],
        out: &'m mut [u8],
    ) -> Result<Option<Outgoing<'m>>, LinkError> {
        let [_, second, third] = self.way.lengths();
        let message = behind(SECOND, second, message)?;
        // Before the message is used up.
        let out = out.get_mut(..third).ok_or(LinkError::Write)?;
        let (judging, secret, way) = (self.judging, self.secret, self.way);
        // Before this side says who it is.
        let peer = self.state.read_message_if(message, |payload, key| {
            if way == Way::Pinned {
                return Ok(None);
            }
            let key = of_another(secret, key)?;
            if way == Way::Uncertified {
                return Ok(None);
            }
            judging.judge::<S>(&shown(payload, &key)?).map(Some)
        })?;
        self.peer = peer.or(self.peer);
        if self.state.is_finished() {
            return Ok(None);
        }
        let (front, rest) = out.split_first_mut().ok_or(LinkError::Write)?;
        *front = THIRD;
        let shows = self.way != Way::Labelled;
        let wire = self.certificate.filter(|_| shows).map(Certificate::to_wire);
        self.state.write_message(wire.as_ref().map_or(&[][..], |wire| wire), rest)?;
        Ok(Some(Outgoing(out)))
    }

    /// The third message: who sent it is the initiator of this handshake, and has proved a key. What it shows is looked at once, so a
    /// certificate that is not good ends the handshake, and a refusal can be told.
    fn receive_third(&mut self, message: &mut [u8]) -> Result<(), LinkError> {
        let [_, _, third] = self.way.lengths();
        let message = behind(THIRD, third, message)?;
        let (judging, secret, announced) = (self.judging, self.secret, self.announced);
        let is_labelled = self.way == Way::Labelled;
        let judge = |payload: &mut [u8], key| {
            let key = of_another(secret, key)?;
            if is_labelled {
                return Ok(None);
            }
            let certificate = shown(payload, &key)?;
            if certificate.claims().kind != announced {
                return Err(LinkError::Kind);
            }
            judging.judge::<S>(&certificate).map(Some)
        };
        let judged = self
            .state
            .read_message_if(message, |payload, key| Ok::<_, LinkError>(judge(payload, key)))?;
        self.failure = judged.err();
        self.peer = judged?;
        Ok(())
    }

    /// Whether all messages were written and read, and the peer was found good.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        let shows_none = match self.state.role() {
            Role::Initiator => self.way == Way::Uncertified,
            Role::Responder => self.way == Way::Labelled,
        };
        self.state.is_finished() && self.failure.is_none() && (self.peer.is_some() || shows_none)
    }

    /// The link, once the handshake is complete.
    ///
    /// # Errors
    /// [`LinkError::Layout`]: it is not; [`LinkError::Certificate`]: the peer's certificate is for another key.
    pub fn establish(self, authority: &LinkAuthority) -> Result<Link<S, WORDS>, LinkError> {
        if !self.is_complete() {
            return Err(LinkError::Layout);
        }
        let is_confirmed = match self.state.role() {
            // Whether the responder knows the label, its second message does not say.
            Role::Initiator => self.way != Way::Labelled,
            // The first message of an initiator who is pinned can be a recorded one.
            Role::Responder => self.way != Way::Pinned,
        };
        let role = self.state.role();
        let finished = self.state.finish().ok_or(LinkError::Layout)?;
        let prove = |trusted: &Trusted| {
            authority.prove(trusted, &finished.remote_static, finished.handshake_hash)
        };
        let other = |_| LinkError::Certificate(CertificateError::Key);
        Ok(Link {
            peer: self.peer.as_ref().map(prove).transpose().map_err(other)?,
            sender: Sender::new(finished.send),
            receiver: Receiver::new(finished.receive),
            remote_static: finished.remote_static,
            handshake_hash: finished.handshake_hash,
            role,
            is_confirmed,
            is_over: false,
            is_ended: false,
        })
    }

    /// Tells a peer why its certificate is refused, in one frame of the link there will not be.
    ///
    /// Only one whose certificate was made by an issuer of this device is told.
    ///
    /// # Errors
    /// [`LinkError::Layout`]: there is nothing to tell, or nobody. [`LinkError::Write`]: `out` is too short.
    pub fn alert(self, out: &mut [u8]) -> Result<Outgoing<'_>, LinkError> {
        let refusal = match self.failure {
            Some(LinkError::Refused(refusal)) if is_told(&refusal) => refusal,
            _ => return Err(LinkError::Layout),
        };
        let finished = self.state.finish().ok_or(LinkError::Layout)?;
        Sender::<S, WORDS>::new(finished.send)
            .seal(Channel::Control, true, &[ALERT, refusal.code()], out)
            .map_err(|_: SendError| LinkError::Write)
    }
}

impl<S: Suite, const WORDS: usize> core::fmt::Debug for Handshake<'_, S, WORDS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Handshake").field(&self.state).finish()
    }
}

/// What both sides mix in first: the label, the header of the first message, and who the two are, where both know it.
fn prologue(header: [u8; HEADER_BYTES], responder: [u8; 16], initiator: [u8; 16]) -> [u8; 68] {
    let mut bytes = [0; 68];
    let parts: [&[u8]; 4] = [LABEL, &header, &responder, &initiator];
    for (to, from) in bytes.iter_mut().zip(parts.into_iter().flatten()) {
        *to = *from;
    }
    bytes
}

/// What follows the first byte of a message, if it is the message that is due.
fn behind(due: u8, length: usize, message: &mut [u8]) -> Result<&mut [u8], LinkError> {
    if message.len() != length {
        return Err(LinkError::Layout);
    }
    match message.split_first_mut() {
        Some((first, rest)) if *first == due => Ok(rest),
        _ => Err(LinkError::Layout),
    }
}

/// The byte that stands for the window.
const fn window<const WORDS: usize>() -> u8 {
    const { assert!(WORDS == 0 || WORDS == 1 || WORDS == 4, "windows are 0, 64 and 256") };
    match WORDS {
        0 => 0,
        1 => 1,
        _ => 4,
    }
}

/// A fresh ephemeral secret, into which the first message is mixed: a generator that was set back gives another one to another message.
fn ephemeral<E: EntropySource>(
    random: &mut Random<E>,
    said: &[u8; 32],
) -> Result<Secret<32>, RandomError> {
    let mut secret = Secret::new([0; 32]);
    random.fill_with(said, secret.expose_mut())?;
    Ok(secret)
}

/// The key that the handshake proves, if it is not this side's own.
fn of_another(own: &AgreementSecret, key: Option<[u8; 32]>) -> Result<[u8; 32], LinkError> {
    let key = key.ok_or(LinkError::Layout)?;
    if key == own.public().to_bytes() { Err(LinkError::Subject) } else { Ok(key) }
}

/// The certificate in a payload, for that key.
fn shown(payload: &[u8], key: &[u8; 32]) -> Result<Certificate, LinkError> {
    const { assert!(WIRE_BYTES + 97 == MESSAGE_BYTES_MAX) };
    Ok(WireCertificate::parse(payload)?.complete(key)?)
}
