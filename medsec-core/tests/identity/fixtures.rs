//! Keys, claims and anchors of a maker, an owner, an issuer between and a holder.

use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{
    Certificate, CertificateError, Claims, Kind, Kinds, NO_SCOPE, Unsigned,
};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{
    Anchor, Origin, Refusal, Stage, Today, Trust, TrustError, Trusted,
};
use medsec_core::key::{DeviceKey, device_id};

pub(crate) const SCOPE: [u8; 8] = *b"ward 004";
pub(crate) const MODEL: u32 = 7;
pub(crate) const TODAY: Today = Today { floor: Day::FIRST, clock: None };
pub(crate) const EVERY_KIND: Kinds = Kinds::of(&Kind::ALL);

pub(crate) fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

pub(crate) fn agreement(byte: u8) -> AgreementKey {
    AgreementSecret::from_bytes(Secret::new([byte; 32])).public()
}

pub(crate) fn day(number: u16) -> Day {
    Day::of(number).unwrap()
}

/// The maker's key, the owner's, and that of an issuer between.
pub(crate) const MAKER: u8 = 1;
pub(crate) const OWNER: u8 = 2;
pub(crate) const ISSUER: u8 = 3;
/// The keys of a holder.
pub(crate) const HOLDER: u8 = 9;

pub(crate) fn claims(kind: Kind, issuer: u8) -> Claims {
    let is_device = kind == Kind::Device;
    Claims {
        kind,
        suites: 0b11,
        is_test: false,
        serial: 5,
        issuer: key(issuer).public().kid(),
        epoch: if is_device { 0 } else { 3 },
        not_before: Some(day(2_000)),
        not_after: Some(day(3_000)),
        roles: 0b101,
        may_issue: if kind == Kind::Issuer { Kinds::of(&[Kind::Device]) } else { Kinds::NONE },
        model: MODEL,
        scope: SCOPE,
        subject: if is_device {
            device_id(MODEL, &key(HOLDER).public())
        } else {
            *b"subject 16 bytes"
        },
    }
}

pub(crate) fn numbered(claims: Claims, serial: u32, epoch: u32) -> Claims {
    Claims { serial, epoch, ..claims }
}

/// A certificate with the keys that a holder of its kind has.
pub(crate) fn unsigned(claims: Claims, holder: u8) -> Result<Unsigned, CertificateError> {
    let agrees = (claims.kind != Kind::Issuer).then(|| agreement(holder));
    let signs = (claims.kind != Kind::Recipient).then(|| key(holder).public());
    Unsigned::new(claims, agrees.as_ref(), signs.as_ref())
}

pub(crate) fn signed(claims: Claims, holder: u8, issuer: u8) -> Certificate {
    unsigned(claims, holder).unwrap().sign(&key(issuer)).unwrap()
}

pub(crate) fn anchor(origin: Origin, byte: u8) -> Anchor {
    Anchor {
        origin,
        key: key(byte).public(),
        may_issue: EVERY_KIND,
        roles: 0xff,
        scope: NO_SCOPE,
        model: 0,
        min_epoch: 0,
        permits: Actions::NONE,
    }
}

pub(crate) fn anchors() -> [Anchor; 2] {
    [anchor(Origin::Maker, MAKER), anchor(Origin::Owner, OWNER)]
}

/// Who issues a kind.
pub(crate) fn issuer_of(kind: Kind) -> u8 {
    if matches!(kind, Kind::Person | Kind::Recipient) { OWNER } else { MAKER }
}

pub(crate) fn judge(certificate: &Certificate) -> Result<Trusted, Refusal> {
    let anchors = anchors();
    let trust = Trust::new(&anchors, &[], &[]).map_err(|_: TrustError| Refusal::Issuer)?;
    trust.judge(certificate, TODAY, Stage::Production)
}
