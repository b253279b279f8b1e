//! The station's side of the line.

use medsec::Secret;
use medsec::auth::provision::message::{Answer, Hello, Request};
use medsec::core::agreement::AgreementSecret;
use medsec::core::identity::Day;
use medsec::core::identity::certificate::{Certificate, Kind, Kinds};
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::identity::trust::{Refusal, Stage, Today, Trust};
use medsec::core::key::DeviceKey;
use medsec::core::rng::Random;
use medsec::core::suite::Aes256Gcm;
use medsec::production::CHANNEL;
use medsec::transport::link::{
    Handshake, Judging, Link, LinkError, MESSAGE_BYTES_MAX, Method, Own, Received,
};

use super::{MODEL, Maker};
use crate::rng::Noise;

/// What proves a station.
pub struct StationKeys {
    secret: AgreementSecret,
    certificate: Certificate,
}

impl StationKeys {
    /// Those of station `number` of a maker, or what else of `kind` the maker has certified.
    #[must_use]
    pub fn new(maker: &Maker, kind: Kind, number: u8) -> Option<Self> {
        let secret = AgreementSecret::from_bytes(Secret::new([number; 32]));
        let signing = DeviceKey::from_seed(&Secret::new([number ^ 0xA5; 32])).public();
        let agreement = secret.public().to_bytes();
        let certificate = maker.certify(kind, u32::from(number), &agreement, &signing)?;
        Some(Self { secret, certificate })
    }

    /// Those of a station that is for one model.
    #[must_use]
    pub fn of_model(maker: &Maker, model: u32, number: u8) -> Option<Self> {
        let Self { secret, certificate } = Self::new(maker, Kind::Station, number)?;
        let (agreement, signing) = (secret.public().to_bytes(), certificate.signing_key()?);
        let certificate = maker.certify_station(model, u32::from(number), &agreement, &signing)?;
        Some(Self { secret, certificate })
    }
}

impl core::fmt::Debug for StationKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("StationKeys")
    }
}

/// The station's end of a link with a unit.
pub struct StationLink {
    link: Link<Aes256Gcm, 0>,
}

/// Why there is no link, or no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The unit says nothing.
    Silent,
    /// The unit does not take the certificate.
    Refused(Refusal),
    /// This side refuses.
    Link(LinkError),
}

/// A line to a unit: a message there, and what comes back.
pub type Cable<'c> = &'c mut dyn FnMut(&[u8]) -> Option<Vec<u8>>;

impl StationLink {
    /// Links with the unit at the other end of `cable`; `seed` draws this side's randomness.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn open(
        (maker, keys): (&Maker, &StationKeys),
        seed: u64,
        cable: Cable<'_>,
    ) -> Result<Self, NoAnswer> {
        let mut random = Random::new(<Noise>::good(seed));
        let _latched = random.start(Secret::new([0x57; 32]), b"station");
        let authority = LinkAuthority::take(&mut random).ok_or(NoAnswer::Silent)?;
        let trust = Trust::new(&maker.anchors, &[], &[]).map_err(|_| NoAnswer::Silent)?;
        let judging = Judging {
            trust,
            today: Today { floor: Day::FIRST, clock: None },
            stage: Stage::Production,
            kinds: Kinds::NONE,
            subject: None,
        };
        let own = Own { secret: &keys.secret, certificate: &keys.certificate };
        let mut out = [0; MESSAGE_BYTES_MAX];
        let begun =
            Handshake::begin(own, judging, Method::Uncertified, &[0; 32], &mut random, &mut out);
        let (mut handshake, first) = begun.map_err(NoAnswer::Link)?;
        let first = first.bytes().to_vec();
        let mut second = cable(&first).ok_or(NoAnswer::Silent)?;
        let mut out = [0; MESSAGE_BYTES_MAX];
        let third = handshake.receive(&mut second, &mut out).map_err(NoAnswer::Link)?;
        let third = third.ok_or(NoAnswer::Silent)?.bytes().to_vec();
        let alert = cable(&third);
        let mut link = handshake.establish(&authority).map_err(NoAnswer::Link)?;
        match alert {
            None => Ok(Self { link }),
            Some(mut alert) => match link.open(&mut alert) {
                Ok(Received::Refused(why)) => Err(NoAnswer::Refused(why)),
                _ => Err(NoAnswer::Silent),
            },
        }
    }

    /// Asks.
    ///
    /// # Errors
    /// [`NoAnswer`].
    pub fn ask(&mut self, request: &Request<'_>, cable: Cable<'_>) -> Result<Answer, NoAnswer> {
        let (mut body, mut out) = ([0; 256], [0; 300]);
        let body = request.encode(&mut body).map_err(|_| NoAnswer::Silent)?;
        let frame = self.link.seal(CHANNEL, true, body, &mut out).map_err(|_| NoAnswer::Silent)?;
        let mut answer = cable(frame.bytes()).ok_or(NoAnswer::Silent)?;
        match self.link.open(&mut answer) {
            Ok(Received::Message(opened)) => {
                Answer::parse(opened.body).map_err(|_| NoAnswer::Silent)
            }
            _ => Err(NoAnswer::Silent),
        }
    }

    /// Names the link.
    #[must_use]
    pub const fn handshake(&self) -> &[u8; 32] {
        self.link.handshake_hash()
    }

    /// The unit's key for links, which the handshake has proved.
    #[must_use]
    pub const fn agreement(&self) -> &[u8; 32] {
        self.link.remote_static()
    }
}

impl core::fmt::Debug for StationLink {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("StationLink")
    }
}

/// The run `number` for a serial number.
#[must_use]
pub fn hello(number: u8, serial: u64) -> Hello {
    Hello { transaction: [number; 16], model: MODEL, serial }
}
