//! Who speaks with the simulated device: its maker, its owner, and holders of certificates of theirs.

use medsec::core::agreement::AgreementSecret;
use medsec::core::identity::Day;
use medsec::core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec::core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking};
use medsec::core::identity::peer::LinkAuthority;
use medsec::core::identity::permit::Actions;
use medsec::core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec::core::key::{DeviceKey, device_id};
use medsec::core::rng::Random;
use medsec::core::suite::Suite;
use medsec::link::Standing;
use medsec::transport::limiter::AdmissionKey;
use medsec::transport::link::{Handshake, Judging, Link, MESSAGE_BYTES_MAX, Method, Own};
use medsec::{Identity, Secret};

use crate::device::MODEL;
use crate::rng::Noise;

/// The keys of a holder and its certificate.
#[derive(Debug)]
pub struct SimHolder {
    /// The secret of its key for links.
    pub secret: AgreementSecret,
    /// What its issuer says of it.
    pub certificate: Certificate,
}

impl SimHolder {
    /// What it shows on a link.
    #[must_use]
    pub const fn own(&self) -> Own<'_> {
        Own { secret: &self.secret, certificate: &self.certificate }
    }
}

/// A maker and an owner, and a device that both stand behind.
pub struct SimLinks {
    maker: DeviceKey,
    owner: DeviceKey,
    anchors: [Anchor; 2],
    device: SimHolder,
    key: AdmissionKey,
}

/// What a holder says for what; its day is one that no certificate here has passed.
const TODAY: Today = Today { floor: Day::FIRST, clock: None };

impl SimLinks {
    /// Those of the device with this identity. All keys come from `seed`: this is a simulation.
    ///
    /// `None`: the identity has no keys that a certificate can hold.
    #[must_use]
    pub fn new(identity: &Identity, seed: u8) -> Option<Self> {
        let signer = |byte: u8| DeviceKey::from_seed(&Secret::new([seed.wrapping_add(byte); 32]));
        let (maker, owner) = (signer(1), signer(2));
        let anchor = |origin, key: &DeviceKey| Anchor {
            origin,
            key: key.public(),
            may_issue: Kinds::of(&Kind::ALL),
            roles: 0xff,
            scope: NO_SCOPE,
            model: 0,
            min_epoch: 0,
            permits: Actions::NONE,
        };
        let anchors = [anchor(Origin::Maker, &maker), anchor(Origin::Owner, &owner)];
        let signing = DeviceKey::from_seed(&identity.signing_seed);
        let secret = AgreementSecret::from_bytes(Secret::new([seed.wrapping_add(3); 32]));
        let device = issue(&maker, Kind::Device, seed, (secret, &signing), |_| {})?;
        let key = AdmissionKey::derive(&Secret::new([seed.wrapping_add(4); 32]));
        Some(Self { maker, owner, anchors, device, key })
    }

    /// A holder of a certificate of this kind, of whoever issues it, by a number.
    ///
    /// `None`: there is no such holder.
    #[must_use]
    pub fn holder(&self, kind: Kind, number: u8) -> Option<SimHolder> {
        let is_makers = matches!(kind, Kind::Service | Kind::Station);
        self.issued_by(if is_makers { Origin::Maker } else { Origin::Owner }, kind, number)
    }

    /// A holder of a certificate of this kind with the signature of one of both, who may issue it or not.
    ///
    /// `None`: there is no such holder.
    #[must_use]
    pub fn issued_by(&self, origin: Origin, kind: Kind, number: u8) -> Option<SimHolder> {
        self.issued_as(origin, kind, number, |_| {})
    }

    /// The same, with claims that `change` has made others of.
    ///
    /// `None`: there is no such holder.
    #[must_use]
    pub fn issued_as(
        &self,
        origin: Origin,
        kind: Kind,
        number: u8,
        change: impl FnOnce(&mut Claims),
    ) -> Option<SimHolder> {
        let issuer = if origin == Origin::Maker { &self.maker } else { &self.owner };
        let secret = AgreementSecret::from_bytes(Secret::new([number; 32]));
        let signing = DeviceKey::from_seed(&Secret::new([number; 32]));
        issue(issuer, kind, number, (secret, &signing), change)
    }

    /// The device as a holder.
    #[must_use]
    pub const fn device(&self) -> &SimHolder {
        &self.device
    }

    /// What both stand for.
    ///
    /// `None`: maker and owner have the same key.
    #[must_use]
    pub fn trust(&self) -> Option<Trust<'_>> {
        Trust::new(&self.anchors, &[], &[]).ok()
    }

    /// What the owner has said once it has revoked a holder; it goes with [`trust_with`](Self::trust_with).
    ///
    /// `None`: it is nobody's that the owner can revoke.
    #[must_use]
    pub fn revoke(&self, holder: &SimHolder) -> Option<IssuerRecord> {
        let revoked = [holder.certificate.claims().serial];
        let revoking =
            Revoking { day: Day::FIRST, number: 1, min_epoch: 1, min_permit: 0, revoked: &revoked };
        let state = IssuerState::sign(&revoking, &self.owner).ok()?;
        let witness = self.holder(Kind::Person, 200)?;
        let witness = self.trust()?.judge(&witness.certificate, TODAY, Stage::Service).ok()?;
        IssuerRecord::after(None, &state, &self.owner.public(), Some(&witness)).ok()
    }

    /// What both stand for, and what they have revoked.
    ///
    /// `None`: as for [`trust`](Self::trust).
    #[must_use]
    pub fn trust_with<'a>(&'a self, revoked: &'a [IssuerRecord]) -> Option<Trust<'a>> {
        Trust::new(&self.anchors, &[], revoked).ok()
    }

    /// How the device goes about links.
    ///
    /// `None`: as for [`trust`](Self::trust).
    #[must_use]
    pub fn standing(&self) -> Option<Standing<'_>> {
        Some(Standing {
            own: self.device.own(),
            trust: self.trust()?,
            floor: Day::FIRST,
            stage: Stage::Service,
            admission: Some(&self.key),
            pin: None,
        })
    }

    /// How the owner's tool looks for the device.
    ///
    /// `None`: as for [`trust`](Self::trust).
    #[must_use]
    pub fn looking(&self) -> Option<Judging<'_>> {
        Some(Judging {
            trust: self.trust()?,
            today: TODAY,
            stage: Stage::Service,
            kinds: Kinds::of(&[Kind::Device]),
            subject: Some(self.device.certificate.claims().subject),
        })
    }

    /// Opens a link by certificate with what answers messages at the other end.
    ///
    /// `None`: it did not answer, or not as the device.
    pub fn connect<S: Suite, const WORDS: usize>(
        &self,
        holder: &SimHolder,
        random: &mut Random<Noise>,
        mut exchange: impl FnMut(&[u8]) -> Option<Vec<u8>>,
    ) -> Option<Link<S, WORDS>> {
        let (own, looking) = (holder.own(), self.looking()?);
        let mut out = [0; MESSAGE_BYTES_MAX];
        let begun =
            Handshake::begin(own, looking, Method::Certified, &[0; 32], random, &mut out).ok()?;
        let (mut handshake, first) = begun;
        let mut tagged = [0; MESSAGE_BYTES_MAX];
        let mut second = exchange(self.key.append(&first, &mut tagged).ok()?.bytes())?;
        let mut out = [0; MESSAGE_BYTES_MAX];
        let third = handshake.receive(&mut second, &mut out).ok()??;
        // No answer is a good one.
        drop(exchange(third.bytes()));
        handshake.establish(&LinkAuthority::take(random)?).ok()
    }

    /// The key with which first messages are let in.
    #[must_use]
    pub const fn admission(&self) -> &AdmissionKey {
        &self.key
    }
}

impl core::fmt::Debug for SimLinks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SimLinks")
    }
}

fn issue(
    issuer: &DeviceKey,
    kind: Kind,
    number: u8,
    (secret, signing): (AgreementSecret, &DeviceKey),
    change: impl FnOnce(&mut Claims),
) -> Option<SimHolder> {
    let is_device = kind == Kind::Device;
    let mut claims = Claims {
        kind,
        suites: 0b11,
        is_test: false,
        serial: u32::from(number).saturating_add(1),
        issuer: issuer.public().kid(),
        epoch: u32::from(!is_device),
        not_before: None,
        not_after: None,
        roles: 1,
        may_issue: Kinds::NONE,
        model: MODEL,
        scope: if kind == Kind::Service { [1; 8] } else { NO_SCOPE },
        subject: if is_device { device_id(MODEL, &signing.public()) } else { [number; 16] },
    };
    change(&mut claims);
    let signs = (kind != Kind::Recipient).then(|| signing.public());
    let unsigned = Unsigned::new(claims, Some(&secret.public()), signs.as_ref()).ok()?;
    let certificate = unsigned.sign(issuer).ok()?;
    Some(SimHolder { secret, certificate })
}
