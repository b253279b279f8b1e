//! A tool of a person, a device and a station, and the anchors they have in common.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::{DeviceKey, device_id, sha256};
use medsec_core::rng::Random;
use medsec_core::suite::Suite;
use medsec_sim::rng::{Behaviour, Noise};
use medsec_transport::frame::Outgoing;
use medsec_transport::link::{Handshake, Judging, LabelSecret, Link, LinkError, Method, Own};

pub(crate) const MAKER: u8 = 1;
pub(crate) const OWNER: u8 = 2;
const MODEL: u32 = 7;
const TODAY: Today = Today { floor: Day::FIRST, clock: None };
/// The owner's epoch, and a serial number that the owner has revoked.
const EPOCH: u32 = 3;
const REVOKED: u32 = 66;

pub(crate) fn key(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

pub(crate) fn signer(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

/// A holder of a certificate.
pub(crate) struct Party {
    pub(crate) secret: AgreementSecret,
    pub(crate) certificate: Certificate,
}

/// A person's tool.
pub(crate) fn tool() -> Party {
    Party::new(Kind::Person, OWNER, 10)
}

/// A device that has its owner.
pub(crate) fn device() -> Party {
    Party::new(Kind::Device, MAKER, 20)
}

/// A device of the same maker and model beside it.
pub(crate) fn another_device() -> Party {
    Party::new(Kind::Device, MAKER, 21)
}

/// A station of the maker.
pub(crate) fn station() -> Party {
    Party::new(Kind::Station, MAKER, 30)
}

impl Party {
    pub(crate) fn new(kind: Kind, issuer: u8, holder: u8) -> Self {
        let is_device = kind == Kind::Device;
        let public = signer(holder).public();
        let claims = Claims {
            kind,
            suites: 0b11,
            is_test: false,
            serial: 5,
            issuer: signer(issuer).public().kid(),
            epoch: if is_device { 0 } else { EPOCH },
            not_before: None,
            not_after: None,
            roles: 1,
            may_issue: Kinds::NONE,
            model: MODEL,
            scope: NO_SCOPE,
            subject: if is_device { device_id(MODEL, &public) } else { [holder; 16] },
        };
        let secret = key(holder);
        let signs = (kind != Kind::Recipient).then_some(&public);
        let unsigned = Unsigned::new(claims, Some(&secret.public()), signs).unwrap();
        Self { secret, certificate: unsigned.sign(&signer(issuer)).unwrap() }
    }

    /// The same keys under other claims, signed by `issuer`.
    fn claiming(&mut self, issuer: u8, change: impl FnOnce(&mut Claims)) {
        let mut claims = *self.certificate.claims();
        change(&mut claims);
        claims.issuer = signer(issuer).public().kid();
        let (agrees, signs) = (self.certificate.agreement_key(), self.certificate.signing_key());
        let unsigned = Unsigned::new(claims, agrees.as_ref(), signs.as_ref()).unwrap();
        self.certificate = unsigned.sign(&signer(issuer)).unwrap();
    }

    pub(crate) fn of_an_older_epoch(&mut self) {
        self.claiming(OWNER, |claims| claims.epoch = EPOCH - 1);
    }

    pub(crate) fn revoked(&mut self) {
        self.claiming(OWNER, |claims| claims.serial = REVOKED);
    }

    pub(crate) fn for_another_model(&mut self) {
        self.claiming(OWNER, |claims| claims.model = MODEL + 1);
    }

    pub(crate) fn for_tests(&mut self) {
        self.claiming(OWNER, |claims| claims.is_test = true);
    }

    pub(crate) fn by_nobody(&mut self) {
        self.claiming(99, |_| ());
    }

    /// The bytes of its certificate, with another key in place of the one that was signed.
    pub(crate) fn with_key(&mut self, secret: AgreementSecret) {
        let mut bytes = self.certificate.to_bytes();
        let (_, key) = bytes.split_at_mut(56);
        key.first_chunk_mut::<32>().unwrap().copy_from_slice(&secret.public().to_bytes());
        self.certificate = Certificate::parse(&bytes).unwrap();
        self.secret = secret;
    }

    pub(crate) fn with_suites(&mut self, suites: u8) {
        self.claiming(OWNER, |claims| claims.suites = suites);
    }
}

/// Both ends of a link, the initiator's first.
pub(crate) type Ends<S, const WORDS: usize> = [Link<S, WORDS>; 2];

/// How one side goes about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attempt {
    Certified,
    /// With the code of this byte, repeated.
    Labelled(u8),
    Pinned,
}

/// Two sides, and all that can differ between them.
pub(crate) struct Setting {
    pub(crate) initiator: Party,
    pub(crate) responder: Party,
    pub(crate) attempt: Attempt,
    pub(crate) responder_attempt: Attempt,
    /// What the responder keeps as the certificate of the initiator, if it is another.
    pub(crate) initiator_pin: Option<Certificate>,
    pub(crate) bindings: [[u8; 32]; 2],
    /// The device that the initiator looks for.
    pub(crate) subject: Option<[u8; 16]>,
    /// Kinds that the initiator and the responder speak with.
    pub(crate) looked_for: Kinds,
    pub(crate) wanted: Kinds,
    pub(crate) stage: Stage,
    pub(crate) is_noise_dead: bool,
    anchors: [Anchor; 2],
    records: [IssuerRecord; 1],
}

impl Setting {
    pub(crate) fn new(initiator: Party, responder: Party, attempt: Attempt) -> Self {
        let anchor = |origin, byte, model| Anchor {
            origin,
            key: signer(byte).public(),
            may_issue: Kinds::of(&Kind::ALL),
            roles: 0xff,
            scope: NO_SCOPE,
            model,
            min_epoch: 0,
            permits: Actions::NONE,
        };
        let anchors = [anchor(Origin::Maker, MAKER, 0), anchor(Origin::Owner, OWNER, MODEL)];
        let revoking = Revoking {
            day: Day::FIRST,
            number: 1,
            min_epoch: EPOCH,
            min_permit: 0,
            revoked: &[REVOKED],
        };
        let state = IssuerState::sign(&revoking, &signer(OWNER)).unwrap();
        let trust = Trust::new(&anchors, &[], &[]).unwrap();
        let witness = trust.judge(&tool().certificate, TODAY, Stage::Service).unwrap();
        let owner = signer(OWNER).public();
        let record = IssuerRecord::after(None, &state, &owner, Some(&witness)).unwrap();
        Self {
            initiator,
            responder,
            attempt,
            responder_attempt: attempt,
            initiator_pin: None,
            bindings: [[0; 32]; 2],
            subject: None,
            looked_for: Kinds::of(&[Kind::Device]),
            wanted: Kinds::of(&[Kind::Person]),
            stage: Stage::Service,
            is_noise_dead: false,
            anchors,
            records: [record],
        }
    }

    pub(crate) fn judging(
        &self,
        kinds: Kinds,
        stage: Stage,
        subject: Option<[u8; 16]>,
    ) -> Judging<'_> {
        let trust = Trust::new(&self.anchors, &[], &self.records).unwrap();
        Judging { trust, today: TODAY, stage, kinds, subject }
    }

    pub(crate) fn random(&self, seed: u64) -> Random<Noise> {
        let behaviour = if self.is_noise_dead { Behaviour::Stuck(true) } else { Behaviour::Good };
        let mut random = Random::new(Noise::new(behaviour, seed));
        let started = random.start(Secret::new([9; 32]), b"link");
        if started.is_err() && !self.is_noise_dead {
            // Of honest noise, too, a health test refuses some in a million.
            return self.random(seed ^ 1 << 40);
        }
        assert_eq!(started.is_err(), self.is_noise_dead);
        random
    }

    /// The secret of the ephemeral key of a side whose random source has this seed, when it was `said` to it, or by it.
    pub(crate) fn ephemeral(&self, seed: u64, said: &[u8]) -> [u8; 32] {
        let mut secret = [0; 32];
        let additional = sha256(&[b"ephemeral", said]);
        self.random(seed).fill_with(&additional, &mut secret).unwrap();
        secret
    }

    /// The initiator's side of run `run`, and its first message.
    pub(crate) fn begin<S: Suite, const WORDS: usize>(
        &self,
        run: u64,
    ) -> (Handshake<'_, S, WORDS>, Vec<u8>) {
        self.try_begin(run).unwrap()
    }

    pub(crate) fn try_begin<S: Suite, const WORDS: usize>(
        &self,
        run: u64,
    ) -> Result<(Handshake<'_, S, WORDS>, Vec<u8>), LinkError> {
        let mut buffer = [0; 300];
        let (handshake, first) = self.begin_in(run, &mut buffer)?;
        Ok((handshake, first.bytes().to_vec()))
    }

    /// The initiator's side, and its first message as a channel takes it.
    pub(crate) fn begin_in<'m, S: Suite, const WORDS: usize>(
        &self,
        run: u64,
        out: &'m mut [u8],
    ) -> Result<(Handshake<'_, S, WORDS>, Outgoing<'m>), LinkError> {
        Handshake::begin(
            Own { secret: &self.initiator.secret, certificate: &self.initiator.certificate },
            self.judging(self.looked_for, Stage::Service, self.subject),
            method(self.attempt, &self.responder.certificate),
            &self.bindings[0],
            &mut self.random(run),
            out,
        )
    }

    /// The responder's side of run `run`, and its message.
    pub(crate) fn accept<S: Suite, const WORDS: usize>(
        &self,
        first: &[u8],
        run: u64,
    ) -> Result<(Handshake<'_, S, WORDS>, Vec<u8>), LinkError> {
        self.accept_with(first, &mut self.random(run + 1_000))
    }

    /// The responder's side with a random source of its own.
    pub(crate) fn accept_with<S: Suite, const WORDS: usize>(
        &self,
        first: &[u8],
        random: &mut Random<Noise>,
    ) -> Result<(Handshake<'_, S, WORDS>, Vec<u8>), LinkError> {
        let mut buffer = [0; 300];
        let (handshake, second) = self.accept_in(&mut first.to_vec(), random, &mut buffer)?;
        Ok((handshake, second.bytes().to_vec()))
    }

    /// The responder's side, and its message as a channel takes it.
    pub(crate) fn accept_in<'m, S: Suite, const WORDS: usize>(
        &self,
        first: &mut [u8],
        random: &mut Random<Noise>,
        out: &'m mut [u8],
    ) -> Result<(Handshake<'_, S, WORDS>, Outgoing<'m>), LinkError> {
        let pin = self.initiator_pin.as_ref().unwrap_or(&self.initiator.certificate);
        Handshake::accept(
            Own { secret: &self.responder.secret, certificate: &self.responder.certificate },
            self.judging(self.wanted, self.stage, None),
            method(self.responder_attempt, pin),
            &self.bindings[1],
            random,
            first,
            out,
        )
    }

    pub(crate) fn authority(&self) -> LinkAuthority {
        let alive = Self { is_noise_dead: false, ..Self::new(tool(), device(), self.attempt) };
        LinkAuthority::take(&mut alive.random(1)).unwrap()
    }

    pub(crate) fn establish<S: Suite, const WORDS: usize>(
        &self,
        handshake: Handshake<'_, S, WORDS>,
    ) -> Link<S, WORDS> {
        handshake.establish(&self.authority()).unwrap()
    }

    /// Both ends of a link, and the messages it took.
    pub(crate) fn link<S: Suite, const WORDS: usize>(
        &self,
    ) -> Result<(Ends<S, WORDS>, Vec<Vec<u8>>), LinkError> {
        let mut buffer = [0; 300];
        let (mut initiator, first) = self.try_begin(0)?;
        let (mut responder, second) = self.accept(&first, 0)?;
        let third = initiator.receive(&mut second.clone(), &mut buffer)?;
        let third = third.map(|third| third.bytes().to_vec());
        if let Some(third) = &third {
            responder.receive(&mut third.clone(), &mut [])?;
        }
        let ends = [self.establish(initiator), self.establish(responder)];
        Ok((ends, [Some(first), Some(second), third].into_iter().flatten().collect()))
    }
}

fn method(attempt: Attempt, pin: &Certificate) -> Method<'_> {
    match attempt {
        Attempt::Certified => Method::Certified,
        Attempt::Labelled(byte) => Method::Labelled(LabelSecret::of(&Secret::new([byte; 16]))),
        Attempt::Pinned => Method::Pinned(pin),
    }
}
