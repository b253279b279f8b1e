//! A person's tool and the pump, who can speak with each other.

use medsec::Secret;
use medsec::device::device_id;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::DeviceKey;
use medsec_transport::link::{Judging, Own};

use crate::port::MODEL;

/// A certificate by the key that certifies both sides.
fn certificate(kind: Kind, holder: u8) -> Option<Certificate> {
    let issuer = DeviceKey::from_seed(&Secret::new([1; 32]));
    let public = DeviceKey::from_seed(&Secret::new([holder; 32])).public();
    let is_device = kind == Kind::Device;
    let claims = Claims {
        kind,
        suites: 3,
        is_test: false,
        serial: 1,
        issuer: issuer.public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 1,
        may_issue: Kinds::NONE,
        model: MODEL,
        scope: NO_SCOPE,
        subject: if is_device { device_id(MODEL, &public) } else { [holder; 16] },
    };
    let agreement = AgreementSecret::from_bytes(Secret::new([holder; 32])).public();
    Unsigned::new(claims, Some(&agreement), Some(&public)).ok()?.sign(&issuer).ok()
}

/// Both sides, the tool's first, and what they trust.
#[derive(Debug)]
pub struct Sides {
    /// Who they are.
    pub certificates: [Certificate; 2],
    secrets: [AgreementSecret; 2],
    anchors: [Anchor; 1],
}

impl Sides {
    /// Both of them, certified by one owner.
    #[must_use]
    pub fn new() -> Option<Self> {
        Some(Self {
            certificates: [certificate(Kind::Person, 10)?, certificate(Kind::Device, 20)?],
            secrets: [10, 20].map(|byte| AgreementSecret::from_bytes(Secret::new([byte; 32]))),
            anchors: [Anchor {
                origin: Origin::Owner,
                key: DeviceKey::from_seed(&Secret::new([1; 32])).public(),
                may_issue: Kinds::of(&[Kind::Person, Kind::Device]),
                roles: 0xff,
                scope: NO_SCOPE,
                model: 0,
                min_epoch: 0,
                permits: Actions::NONE,
            }],
        })
    }

    /// What each shows of itself.
    #[must_use]
    pub const fn own(&self) -> [Own<'_>; 2] {
        let ([person, device], [tool, unit]) = (&self.certificates, &self.secrets);
        [Own { secret: tool, certificate: person }, Own { secret: unit, certificate: device }]
    }

    /// Whom they trust.
    #[must_use]
    pub fn trust(&self) -> Option<Trust<'_>> {
        Trust::new(&self.anchors, &[], &[]).ok()
    }

    /// How they judge.
    #[must_use]
    pub fn judging(&self) -> Option<Judging<'_>> {
        Some(Judging {
            trust: self.trust()?,
            today: Today { floor: Day::FIRST, clock: None },
            stage: Stage::Service,
            kinds: Kinds::of(&[Kind::Person, Kind::Device]),
            subject: None,
        })
    }
}
