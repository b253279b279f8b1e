//! A side of a link: the handshake of this crate, under the rules that `link` has for it.
//!
//! `link` itself computes with bytes only. `likeness.rs` holds this side to it: both speak with each other and refuse the same.

use medsec_core::Secret;
use medsec_core::identity::certificate::{
    Certificate, CertificateError, Kind, Kinds, WireCertificate,
};
use medsec_transport::link::LinkError;
use medsec_transport::noise::Primitives;
use medsec_transport::noise::handshake_state::{Finished, HandshakeState, Role};
use medsec_transport::noise::pattern::Pattern;

use crate::certificates::Roots;
use crate::flaw::Flaw;

/// How the two sides come to know each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Certified,
    Labelled,
    Pinned,
}

pub(crate) const WAYS: [Way; 3] = [Way::Certified, Way::Labelled, Way::Pinned];

impl Way {
    const fn code(self) -> u8 {
        match self {
            Self::Certified => 1,
            Self::Labelled => 2,
            Self::Pinned => 3,
        }
    }

    /// Bytes of the first message.
    const fn first_bytes(self) -> usize {
        match self {
            Self::Certified => 36,
            Self::Labelled | Self::Pinned => 52,
        }
    }
}

pub(crate) const SUITE: u8 = 1;
const SECOND: u8 = 0x10;
const THIRD: u8 = 0x11;
const WINDOW: u8 = 1;

/// What a side starts from.
pub(crate) struct Start<'a, P: Primitives> {
    pub(crate) way: Way,
    pub(crate) pattern: &'static Pattern,
    pub(crate) pair: &'a P::KeyPair,
    pub(crate) certificate: &'a Certificate,
    pub(crate) pin: Option<&'a Certificate>,
    pub(crate) psk: Option<[u8; 32]>,
    pub(crate) binding: [u8; 32],
    pub(crate) kinds: Kinds,
    pub(crate) subject: Option<[u8; 16]>,
    pub(crate) ephemeral: [u8; 32],
    pub(crate) roots: &'a Roots,
    /// Every certificate, for a side that does not ask whose key one is for.
    pub(crate) certificates: &'a [Certificate],
    pub(crate) flaw: Option<Flaw>,
}

impl<P: Primitives> Start<'_, P> {
    fn lacks(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    const fn header(&self, kind: Kind) -> [u8; 4] {
        [self.way.code(), SUITE, kind.code(), WINDOW]
    }

    /// The headers that this side answers to, as a responder.
    pub(crate) fn headers(&self) -> impl Iterator<Item = [u8; 4]> {
        Kind::ALL.into_iter().filter(|kind| self.wants(*kind)).map(|kind| self.header(kind))
    }

    fn wants(&self, kind: Kind) -> bool {
        self.kinds.has(kind) || self.lacks(Flaw::UnwantedKind)
    }

    fn is_own(&self, key: &[u8; 32]) -> bool {
        *key == P::public(self.pair) && !self.lacks(Flaw::OwnKey(self.way))
    }

    fn state(&self, role: Role, announced: Kind) -> Result<HandshakeState<'_, P>, LinkError> {
        let mut names = [[0; 16]; 2];
        let mut remote = None;
        if let Some(pin) = self.pin {
            let (mine, other) = (self.certificate.claims(), pin.claims());
            let (initiator, responder) =
                if role == Role::Initiator { (mine, other) } else { (other, mine) };
            if initiator.kind != announced && !self.lacks(Flaw::AnyKind) {
                return Err(LinkError::Kind);
            }
            if !self.lacks(Flaw::NoSubjects) {
                names = [responder.subject, initiator.subject];
            }
            let key = pin.agreement_key().unwrap().to_bytes();
            if self.is_own(&key) {
                return Err(LinkError::Subject);
            }
            remote = Some(key);
        }
        let header = if self.lacks(Flaw::NoHeader) { [0; 4] } else { self.header(announced) };
        let label = b"medsec/v1/transport/link\0\0\0\0\0\0\0\0";
        let said = [&label[..], &header, &names.concat()].concat();
        let binding = if self.lacks(Flaw::NoBinding) { [0; 32] } else { self.binding };
        let parts = [&said[..], &binding];
        let psk = self.psk.map(Secret::new);
        let mut state =
            HandshakeState::new(self.pattern, role, &parts, self.pair, remote.as_ref(), psk)?;
        state.set_ephemeral(Secret::new(self.ephemeral));
        Ok(state)
    }

    fn judge(&self, certificate: &Certificate) -> Result<(), LinkError> {
        let claims = certificate.claims();
        if self.lacks(Flaw::NoJudging) {
            return Ok(());
        }
        if !self.wants(claims.kind) {
            return Err(LinkError::Kind);
        }
        let is_other = self.subject.is_some_and(|subject| subject != claims.subject);
        if is_other && !self.lacks(Flaw::AnySubject) {
            return Err(LinkError::Subject);
        }
        if claims.suites & SUITE == 0 && !self.lacks(Flaw::AnySuite) {
            return Err(LinkError::Suite);
        }
        Ok(self.roots.judge(certificate)?)
    }

    fn judge_pin(&self) -> Result<Option<Certificate>, LinkError> {
        match self.pin {
            Some(pin) if !self.lacks(Flaw::NoPinJudging) => self.judge(pin).map(|()| Some(*pin)),
            pin => Ok(pin.copied()),
        }
    }

    /// The certificate in a payload, for the key that was proved.
    fn shown(&self, payload: &[u8], key: &[u8; 32]) -> Result<Certificate, LinkError> {
        let other = self.certificates.iter().find(|other| other.to_wire()[..] == *payload);
        match other {
            Some(other) if self.lacks(Flaw::AnyHolder) => Ok(*other),
            _ => Ok(WireCertificate::parse(payload)?.complete(key)?),
        }
    }

    fn of_another(&self, key: Option<[u8; 32]>) -> Result<[u8; 32], LinkError> {
        let key = key.ok_or(LinkError::Layout)?;
        if self.is_own(&key) { Err(LinkError::Subject) } else { Ok(key) }
    }
}

/// A side in its handshake.
pub(crate) struct Side<'a, P: Primitives> {
    start: &'a Start<'a, P>,
    state: HandshakeState<'a, P>,
    announced: Kind,
    peer: Option<Certificate>,
    is_failed: bool,
}

/// What a side has when its handshake is complete.
pub(crate) struct End<P: Primitives> {
    pub(crate) finished: Finished<P>,
    pub(crate) peer: Option<Certificate>,
    pub(crate) announced: Kind,
    pub(crate) is_confirmed: bool,
}

impl<'a, P: Primitives> Side<'a, P> {
    /// Begins, with a first message.
    pub(crate) fn begin(start: &'a Start<'a, P>) -> Result<(Self, Vec<u8>), LinkError> {
        let announced = start.certificate.claims().kind;
        let state = start.state(Role::Initiator, announced)?;
        let peer = start.judge_pin()?;
        let mut side = Self { start, state, announced, peer, is_failed: false };
        let first = side.write(&start.header(announced), &[])?;
        Ok((side, first))
    }

    /// Takes a first message, and answers with a second.
    pub(crate) fn accept(
        start: &'a Start<'a, P>,
        first: &[u8],
    ) -> Result<(Self, Vec<u8>), LinkError> {
        if first.len() != start.way.first_bytes() {
            return Err(LinkError::Layout);
        }
        let (header, message) = first.split_first_chunk::<4>().ok_or(LinkError::Layout)?;
        let [way, suite, kind, window] = *header;
        if way != start.way.code() || window != WINDOW {
            return Err(LinkError::Method);
        }
        if suite != SUITE {
            return Err(LinkError::Suite);
        }
        let kind = Kind::ALL.into_iter().find(|other| other.code() == kind);
        let announced = kind.filter(|kind| start.wants(*kind)).ok_or(LinkError::Kind)?;
        let mut state = start.state(Role::Responder, announced)?;
        let peer = state.read_message_if(&mut message.to_vec(), |_, _| start.judge_pin())?;
        let mut side = Self { start, state, announced, peer, is_failed: false };
        let wire = start.certificate.to_wire();
        let payload = if start.way == Way::Pinned { &[] } else { &wire[..] };
        let second = side.write(&[SECOND], payload)?;
        Ok((side, second))
    }

    /// Takes the next message, and answers if there is an answer.
    pub(crate) fn receive(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, LinkError> {
        let is_initiator = self.state.role() == Role::Initiator;
        let due = if is_initiator { SECOND } else { THIRD };
        let message = match message.split_first() {
            Some((first, message)) if *first == due => message,
            _ => return Err(LinkError::Layout),
        };
        if is_initiator { self.receive_second(message) } else { self.receive_third(message) }
    }

    fn receive_second(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, LinkError> {
        let start = self.start;
        let is_later = start.lacks(Flaw::JudgedLater);
        let judge = |payload: &mut [u8], key| {
            if start.way == Way::Pinned {
                return Ok(None);
            }
            let certificate = start.shown(payload, &start.of_another(key)?)?;
            start.judge(&certificate).map(|()| Some(certificate))
        };
        let judged =
            self.state.read_message_if(&mut message.to_vec(), |payload, key| {
                match judge(payload, key) {
                    Err(error) if !is_later => Err(error),
                    judged => Ok(judged),
                }
            })?;
        self.is_failed = judged.is_err();
        self.peer = judged.unwrap_or_default().or(self.peer);
        if self.state.is_finished() {
            return Ok(None);
        }
        let wire = start.certificate.to_wire();
        let payload = if start.way == Way::Labelled { &[] } else { &wire[..] };
        self.write(&[THIRD], payload).map(Some)
    }

    fn receive_third(&mut self, message: &[u8]) -> Result<Option<Vec<u8>>, LinkError> {
        let (start, announced) = (self.start, self.announced);
        // What would end the handshake is refused here: nothing comes of either.
        self.peer = self.state.read_message_if(&mut message.to_vec(), |payload, key| {
            let key = start.of_another(key)?;
            if start.way == Way::Labelled {
                return Ok(None);
            }
            let certificate = start.shown(payload, &key)?;
            if certificate.claims().kind != announced && !start.lacks(Flaw::AnyKind) {
                return Err(LinkError::Kind);
            }
            start.judge(&certificate).map(|()| Some(certificate))
        })?;
        Ok(None)
    }

    fn write(&mut self, front: &[u8], payload: &[u8]) -> Result<Vec<u8>, LinkError> {
        let mut buffer = [0; 300];
        let message = self.state.write_message(payload, &mut buffer)?;
        Ok([front, message].concat())
    }

    /// What it has, once the handshake is complete.
    pub(crate) fn end(self) -> Result<End<P>, LinkError> {
        let (start, role) = (self.start, self.state.role());
        let is_by_label = start.way == Way::Labelled && role == Role::Responder;
        if self.is_failed || self.peer.is_none() && !is_by_label {
            return Err(LinkError::Layout);
        }
        let finished = self.state.finish().ok_or(LinkError::Layout)?;
        let is_key = |peer: Certificate| {
            peer.agreement_key().is_some_and(|key| key.to_bytes() == finished.remote_static)
        };
        if self.peer.is_some_and(|peer| !is_key(peer)) && !start.lacks(Flaw::AnyHolder) {
            return Err(LinkError::Certificate(CertificateError::Key));
        }
        let waiting = if role == Role::Responder { Way::Pinned } else { Way::Labelled };
        let waits = start.way == waiting;
        let is_confirmed = !waits || start.lacks(Flaw::ConfirmedAtOnce(start.way));
        Ok(End { finished, peer: self.peer, announced: self.announced, is_confirmed })
    }
}
