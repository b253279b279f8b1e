//! Genuine certificates for keys of any kind, and what judges them: the code of `medsec-core`, signatures included.

use core::cell::RefCell;
use std::collections::HashMap;

use medsec_core::Secret;
use medsec_core::agreement::AgreementKey;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Refusal, Stage, Today, Trust};
use medsec_core::key::{DeviceKey, device_id};

const MAKER: u8 = 1;
const OWNER: u8 = 2;
/// An issuer that nobody here knows.
const NOBODY: u8 = 99;
const MODEL: u32 = 7;
const EPOCH: u32 = 3;
const REVOKED: u32 = 66;
pub(crate) const TODAY: Today = Today { floor: Day::FIRST, clock: None };

/// What is wrong with a certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Blemish {
    None,
    Revoked,
    ByNobody,
    OtherSuite,
}

fn signer(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

/// A certificate for this key; `holder` makes its subject.
pub(crate) fn certificate(kind: Kind, holder: u8, key: &[u8; 32], blemish: Blemish) -> Certificate {
    let is_device = kind == Kind::Device;
    let known = if kind == Kind::Person { OWNER } else { MAKER };
    let issuer = if blemish == Blemish::ByNobody { NOBODY } else { known };
    let public = signer(holder).public();
    let claims = Claims {
        kind,
        suites: if blemish == Blemish::OtherSuite { 0b10 } else { 0b11 },
        is_test: false,
        serial: if blemish == Blemish::Revoked { REVOKED } else { 5 },
        issuer: signer(issuer).public().kid(),
        epoch: if is_device { 0 } else { EPOCH },
        not_before: None,
        not_after: None,
        roles: 1,
        may_issue: Kinds::NONE,
        model: MODEL,
        scope: if kind == Kind::Service { [1; 8] } else { NO_SCOPE },
        subject: if is_device { device_id(MODEL, &public) } else { [holder; 16] },
    };
    let key = AgreementKey::parse(key).unwrap();
    Unsigned::new(claims, Some(&key), Some(&public)).unwrap().sign(&signer(issuer)).unwrap()
}

/// What every honest side trusts.
pub(crate) struct Roots {
    pub(crate) anchors: [Anchor; 2],
    pub(crate) records: [IssuerRecord; 1],
    /// A certificate is judged once: neither it nor what is trusted changes.
    verdicts: RefCell<HashMap<[u8; 184], Result<(), Refusal>>>,
}

impl Roots {
    pub(crate) fn new() -> Self {
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
        let person = certificate(Kind::Person, 10, &[9; 32], Blemish::None);
        let trust = Trust::new(&anchors, &[], &[]).unwrap();
        let witness = trust.judge(&person, TODAY, Stage::Service).unwrap();
        let owner = signer(OWNER).public();
        let record = IssuerRecord::after(None, &state, &owner, Some(&witness)).unwrap();
        Self { anchors, records: [record], verdicts: RefCell::default() }
    }

    pub(crate) fn trust(&self) -> Trust<'_> {
        Trust::new(&self.anchors, &[], &self.records).unwrap()
    }

    pub(crate) fn judge(&self, certificate: &Certificate) -> Result<(), Refusal> {
        let mut verdicts = self.verdicts.borrow_mut();
        *verdicts
            .entry(certificate.to_bytes())
            .or_insert_with(|| self.trust().judge(certificate, TODAY, Stage::Service).map(|_| ()))
    }
}
