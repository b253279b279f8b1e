//! Whether a certificate holds, here and today.

use super::Day;
use super::certificate::{Certificate, Kind, Kinds, NO_SCOPE};
use super::issuer_state::IssuerRecord;
use super::permit::Actions;
use crate::key::{KID_BYTES, PublicKey};

/// Most anchors that a device has.
pub const ANCHORS_MAX: usize = 8;
/// Most certificates of issuers that a device keeps.
pub const ISSUERS_MAX: usize = 8;

/// Whose anchor it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Origin {
    /// The maker's. It can issue devices, service and stations.
    Maker,
    /// The owner's, taken over when the device was claimed. It can issue persons, recipients and devices of the owner.
    Owner,
}

impl Origin {
    /// The kinds that come from there, directly or through one issuer.
    const fn issues(self) -> Kinds {
        match self {
            Self::Maker => Kinds::of(&[Kind::Device, Kind::Service, Kind::Station, Kind::Issuer]),
            Self::Owner => Kinds::of(&[Kind::Device, Kind::Person, Kind::Recipient, Kind::Issuer]),
        }
    }
}

/// A key that a device trusts by itself.
#[derive(Clone, Copy, Debug)]
pub struct Anchor {
    /// Whose it is.
    pub origin: Origin,
    /// The key that verifies what it issued.
    pub key: PublicKey,
    /// Kinds it issues; only those of its origin count. With issuers among them, one may stand between it and a holder,
    /// for kinds that the anchor issues itself.
    pub may_issue: Kinds,
    /// The most roles it gives.
    pub roles: u8,
    /// The scope it issues for; [`NO_SCOPE`] is every scope.
    pub scope: [u8; 8],
    /// The model it issues for; 0 is every model.
    pub model: u32,
    /// Certificates of older epochs do not hold, whatever a state says.
    pub min_epoch: u32,
    /// What it signs permits for. A key that signs permits best issues nothing ([`Kinds::NONE`]), and the other way round. With
    /// service among them, issuers of service between sign permits for service too.
    pub permits: Actions,
}

/// In what part of its life the device is, as far as certificates go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Stage {
    /// Not claimed by an owner yet: certificates for tests hold, and stations do.
    Production,
    /// From the moment it waits for an owner: neither does.
    Service,
}

/// What the device knows of the time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Today {
    /// The latest day that was authenticated, at least that of the build. It never goes back.
    pub floor: Day,
    /// The day, if an authenticated clock shows it.
    pub clock: Option<Day>,
}

/// Why a certificate does not hold. The reason is for the log, and for a peer that has proved its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// No anchor, and no issuer that is kept, has the key it names; or the one that has is no issuer of this device.
    Issuer,
    /// Not signed by the issuer it names.
    Signature,
    /// Its issuer does not issue its kind.
    Kind,
    /// More roles, or more kinds to issue, than its issuer can give.
    Roles,
    /// Another scope than its issuer's.
    Scope,
    /// Another model than its issuer's.
    Model,
    /// Its epoch is over.
    Epoch,
    /// Revoked by its serial number.
    Revoked,
    /// Its last day is over, or lies behind that of its issuer.
    Expired,
    /// Its first day is still to come.
    Early,
    /// A certificate for tests, or a station's, in service.
    Stage,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Issuer,
        Self::Signature,
        Self::Kind,
        Self::Roles,
        Self::Scope,
        Self::Model,
        Self::Epoch,
        Self::Revoked,
        Self::Expired,
        Self::Early,
        Self::Stage,
    ];

    /// The byte that stands for it where it is told a peer.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Issuer => 1,
            Self::Signature => 2,
            Self::Kind => 3,
            Self::Roles => 4,
            Self::Scope => 5,
            Self::Model => 6,
            Self::Epoch => 7,
            Self::Revoked => 8,
            Self::Expired => 9,
            Self::Early => 10,
            Self::Stage => 11,
        }
    }

    /// The one with this code.
    #[must_use]
    pub fn of(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Issuer => "issuer is unknown here",
            Self::Signature => "not signed by its issuer",
            Self::Kind => "issuer does not issue its kind",
            Self::Roles => "more roles than its issuer can give",
            Self::Scope => "for another scope",
            Self::Model => "for another model",
            Self::Epoch => "its epoch is over",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Early => "not valid yet",
            Self::Stage => "not for devices in service",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why anchors and issuers cannot be used together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum TrustError {
    /// More than [`ANCHORS_MAX`] anchors or [`ISSUERS_MAX`] issuers, or more records than both together.
    TooMany,
    /// Two anchors or issuers whose keys have one id, or two records of one issuer.
    SameId,
    /// A certificate among the issuers is none of an issuer.
    NoIssuer,
}

impl core::fmt::Display for TrustError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::TooMany => "too many anchors or issuers",
            Self::SameId => "two keys with one id",
            Self::NoIssuer => "certificate is not an issuer's",
        })
    }
}

impl core::error::Error for TrustError {}

/// What an issuer can give.
pub(super) struct Power {
    may_issue: Kinds,
    pub(super) roles: u8,
    pub(super) scope: [u8; 8],
    pub(super) model: u32,
    min_epoch: u32,
    not_after: Option<Day>,
    pub(super) permits: Actions,
}

impl Power {
    fn of_anchor(anchor: &Anchor) -> Self {
        Self {
            may_issue: anchor.may_issue.and(anchor.origin.issues()),
            roles: anchor.roles,
            scope: anchor.scope,
            model: anchor.model,
            min_epoch: anchor.min_epoch,
            not_after: None,
            permits: anchor.permits,
        }
    }

    /// That of an issuer below one with the power `above`.
    fn of_issuer(certificate: &Certificate, above: &Self) -> Self {
        let claims = certificate.claims();
        let serves = claims.may_issue.has(Kind::Service);
        Self {
            may_issue: claims.may_issue,
            roles: claims.roles,
            scope: claims.scope,
            model: claims.model,
            min_epoch: 0,
            not_after: claims.not_after,
            permits: if serves { above.permits } else { Actions::NONE },
        }
    }
}

/// A key that an id selects. How it stands is not asked yet.
pub(super) struct Issuer<'a> {
    anchor: &'a Anchor,
    /// The certificate of an issuer between.
    kept: Option<&'a Certificate>,
}

impl Issuer<'_> {
    pub(super) fn key(&self) -> Option<PublicKey> {
        self.kept.map_or(Some(self.anchor.key), Certificate::signing_key)
    }

    pub(super) const fn is_between(&self) -> bool {
        self.kept.is_some()
    }

    pub(super) const fn origin(&self) -> Origin {
        self.anchor.origin
    }
}

/// What a device trusts: anchors, issuers between them and the holders, and what those have revoked.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    anchors: &'a [Anchor],
    issuers: &'a [Certificate],
    records: &'a [IssuerRecord],
}

impl<'a> Trust<'a> {
    /// Takes together what the device keeps. `records` holds the state of issuers that have one.
    ///
    /// # Errors
    /// [`TrustError`], as it says.
    pub fn new(
        anchors: &'a [Anchor],
        issuers: &'a [Certificate],
        records: &'a [IssuerRecord],
    ) -> Result<Self, TrustError> {
        if anchors.len() > ANCHORS_MAX
            || issuers.len() > ISSUERS_MAX
            || records.len() > ANCHORS_MAX + ISSUERS_MAX
        {
            return Err(TrustError::TooMany);
        }
        if issuers.iter().any(|issuer| issuer.claims().kind != Kind::Issuer) {
            return Err(TrustError::NoIssuer);
        }
        // No key is decompressed for its id.
        let ids = || {
            let anchored = anchors.iter().map(|anchor| anchor.key.kid());
            anchored.chain(issuers.iter().map(Certificate::signing_id))
        };
        let is_repeated = |(index, id)| ids().skip(index).skip(1).any(|other| other == id);
        let of = |record: &IssuerRecord| record.state().issuer();
        // Of two records only one would be asked.
        let is_doubled = |(index, record)| {
            records.iter().skip(index).skip(1).any(|other| of(other) == of(record))
        };
        // A count that ends cannot overflow.
        let most = 0..ANCHORS_MAX + ISSUERS_MAX;
        if most.clone().zip(ids()).any(is_repeated) || most.zip(records).any(is_doubled) {
            return Err(TrustError::SameId);
        }
        Ok(Self { anchors, issuers, records })
    }

    /// Whether an anchor stands behind the certificate today.
    ///
    /// Costs one signature to verify, two if an issuer stands between.
    ///
    /// # Errors
    /// [`Refusal`]. A reason other than [`Refusal::Issuer`] and [`Refusal::Signature`] means that the issuer did make the
    /// certificate.
    pub fn judge(
        &self,
        certificate: &Certificate,
        today: Today,
        stage: Stage,
    ) -> Result<Trusted, Refusal> {
        let (origin, power) = self.power(certificate, today, stage)?;
        self.allow(&power, certificate, today, stage)?;
        Ok(Trusted { certificate: *certificate, origin })
    }

    /// What the key that the certificate names, and that signed it, can give.
    ///
    /// The signature comes first: nobody learns of an issuer's standing by naming it.
    fn power(
        &self,
        certificate: &Certificate,
        today: Today,
        stage: Stage,
    ) -> Result<(Origin, Power), Refusal> {
        let issuer = self.issuer(certificate.claims().issuer)?;
        let key = issuer.key().ok_or(Refusal::Issuer)?;
        certificate.verify(&key).map_err(|_| Refusal::Signature)?;
        Ok((issuer.origin(), self.power_of(&issuer, today, stage)?))
    }

    /// The anchor or kept issuer whose key has this id.
    pub(super) fn issuer(&self, id: [u8; KID_BYTES]) -> Result<Issuer<'a>, Refusal> {
        let anchor = |id| self.anchors.iter().find(move |anchor| anchor.key.kid() == id);
        if let Some(anchor) = anchor(id) {
            return Ok(Issuer { anchor, kept: None });
        }
        let kept = self.issuers.iter().find(|kept| kept.signing_id() == id);
        let kept = kept.ok_or(Refusal::Issuer)?;
        let anchor = anchor(kept.claims().issuer).ok_or(Refusal::Issuer)?;
        Ok(Issuer { anchor, kept: Some(kept) })
    }

    /// What it can give, if it still stands.
    pub(super) fn power_of(
        &self,
        issuer: &Issuer<'_>,
        today: Today,
        stage: Stage,
    ) -> Result<Power, Refusal> {
        let above = Power::of_anchor(issuer.anchor);
        let Some(kept) = issuer.kept else { return Ok(above) };
        kept.verify(&issuer.anchor.key).map_err(|_| Refusal::Signature)?;
        self.allow(&above, kept, today, stage)?;
        if !above.may_issue.has_all(kept.claims().may_issue) {
            return Err(Refusal::Roles);
        }
        Ok(Power::of_issuer(kept, &above))
    }

    /// The least number of permits that the issuer still stands by.
    pub(super) fn least_permit(&self, id: [u8; KID_BYTES]) -> u32 {
        let record = self.records.iter().find(|record| record.state().issuer() == id);
        record.map_or(0, |record| record.state().min_permit())
    }

    /// Whether the issuer with this power may have made the certificate so.
    fn allow(
        &self,
        power: &Power,
        certificate: &Certificate,
        today: Today,
        stage: Stage,
    ) -> Result<(), Refusal> {
        let claims = certificate.claims();
        if !power.may_issue.has(claims.kind) {
            return Err(Refusal::Kind);
        }
        if claims.roles & !power.roles != 0 {
            return Err(Refusal::Roles);
        }
        if power.scope != NO_SCOPE && claims.scope != power.scope {
            return Err(Refusal::Scope);
        }
        if power.model != 0 && claims.model != power.model {
            return Err(Refusal::Model);
        }
        let record = self.records.iter().find(|record| record.state().issuer() == claims.issuer);
        let min_epoch = record.map_or(0, IssuerRecord::min_epoch).max(power.min_epoch);
        if claims.kind != Kind::Device && claims.epoch < min_epoch {
            return Err(Refusal::Epoch);
        }
        if record.is_some_and(|record| record.revokes(certificate)) {
            return Err(Refusal::Revoked);
        }
        let outlives = power
            .not_after
            .is_some_and(|limit| claims.not_after.is_none_or(|not_after| not_after > limit));
        let now = today.clock.unwrap_or(today.floor).max(today.floor);
        if outlives || claims.not_after.is_some_and(|not_after| not_after < now) {
            return Err(Refusal::Expired);
        }
        // Without a clock the day may be any from the floor on.
        if let (Some(not_before), Some(_)) = (claims.not_before, today.clock)
            && not_before > now
        {
            return Err(Refusal::Early);
        }
        let is_for_production = claims.is_test || claims.kind == Kind::Station;
        if is_for_production && stage == Stage::Service {
            return Err(Refusal::Stage);
        }
        Ok(())
    }
}

/// A certificate that an anchor of this device stands behind. Only [`Trust::judge`] makes one.
///
/// It says nothing of who presented it: a certificate is public.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trusted {
    certificate: Certificate,
    origin: Origin,
}

impl Trusted {
    /// The certificate.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whose anchor stands behind it.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        self.origin
    }
}
