//! Where a device asks for a permit, and takes it once.

use super::rule::{Carries, Rule};
use super::{Action, Actions, Binding, Permit, PermitError, Terms};
use crate::hal::EntropySource;
use crate::identity::certificate::{Certificate, Kind, NO_SCOPE};
use crate::identity::peer::ProvenPeer;
use crate::identity::trust::{Power, Refusal, Stage, Today, Trust};
use crate::key::permit_run;
use crate::rng::{Random, RandomError};
use crate::time::Ticks;

/// What the device knows of itself when it is shown a permit.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// Whom it trusts.
    pub trust: Trust<'a>,
    /// What it knows of the time.
    pub today: Today,
    /// The part of its life.
    pub stage: Stage,
    /// Its id.
    pub device: [u8; 16],
    /// Its model.
    pub model: u32,
    /// Its site or group of devices; [`NO_SCOPE`] is none.
    pub scope: [u8; 8],
    /// What its owner lets the maker allow in his place, since the claim.
    pub delegated: Actions,
}

/// Who shows a permit for service: the peer of a link, with the certificate that was judged in its handshake.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    /// The other end of the link on which the permit came.
    pub peer: &'a ProvenPeer,
    /// Its certificate. It is judged again: a revocation may have come since the handshake.
    pub certificate: &'a Certificate,
}

/// Why a permit is not taken. The reason is for the log; whoever showed it is told that it was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refused {
    /// It is no permit.
    Document(PermitError),
    /// The device made no challenge in this boot, or a permit has used it up.
    NoChallenge,
    /// The challenge is too old.
    Late,
    /// The challenge was for another action.
    Action,
    /// It is for another device.
    Device,
    /// It answers another challenge, or is used on another link than it was made for.
    Run,
    /// It is for service, and whoever shows it is nobody whom the maker certified for that, or it names another certificate.
    Holder,
    /// The holder's certificate does not hold any more.
    Certificate(Refusal),
    /// It gives more roles than the holder's certificate.
    Roles,
    /// It names a key that this device knows no anchor and no issuer of.
    Signer,
    /// Not signed by the key it names.
    Signature,
    /// The certificate of an issuer that signed it does not hold, or a signer gives more than he has.
    Standing(Refusal),
    /// A signer that signs no permits for this action.
    Right,
    /// One key has signed both the permit and the certificate of its holder.
    SameKey,
    /// Its number is below the least one that a signer still stands by.
    Number,
    /// Those who signed are not those who together allow this.
    Quorum,
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Document(error) => return error.fmt(f),
            Self::Certificate(refusal) | Self::Standing(refusal) => return refusal.fmt(f),
            Self::NoChallenge => "nobody asked for a permit",
            Self::Late => "challenge is too old",
            Self::Action => "challenge was for another action",
            Self::Device => "for another device",
            Self::Run => "for another challenge or link",
            Self::Holder => "shown by another than it is for",
            Self::Roles => "more roles than its holder has",
            Self::Signer => "signer is unknown here",
            Self::Signature => "not signed by whom it names",
            Self::Right => "signer may not allow this",
            Self::SameKey => "one key has certified and allowed",
            Self::Number => "its number is over",
            Self::Quorum => "others have to sign this",
        })
    }
}

impl core::error::Error for Refused {}

impl From<PermitError> for Refused {
    fn from(error: PermitError) -> Self {
        Self::Document(error)
    }
}

/// What the device asked: fresh in this boot, for one action.
struct Challenge {
    action: Action,
    nonce: [u8; 32],
    from: Ticks,
}

impl Challenge {
    fn is_open(&self, now: Ticks) -> bool {
        is_within(self.from, now, Rule::of(self.action).challenge_seconds)
    }
}

/// Whether `now` is from `from` on and less than `seconds` later. Ticks that went back are no time that is left.
fn is_within(from: Ticks, now: Ticks, seconds: u16) -> bool {
    now >= from && now.millis_since(from) < millis(seconds)
}

fn millis(seconds: u16) -> u64 {
    u64::from(seconds).saturating_mul(1_000)
}

/// Asks for permits, one at a time, and takes them.
///
/// # Limits
/// 64 bytes of RAM. There is nothing on flash: with the boot the challenge is gone, and every permit for it.
///
/// # Security
/// A permit is taken once: the first good one uses the challenge up. One that is refused leaves it open, so that nobody can
/// close it who has no good permit; a refused permit that names the open challenge costs two signatures to verify and one for an issuer, so
/// its owner limits how often one is shown. A device has one desk; it is made at boot and handed to whoever acts on permits.
///
/// It does not see whether somebody is at the device, or whether the owner has opened a window for service. Recovery and
/// return to claim ask for the former, service for the latter, before a [`Permitted`] is exercised.
#[derive(Default)]
pub struct Desk(Option<Challenge>);

impl Desk {
    /// A desk at which nothing was asked yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Asks for a permit for `action`. What was asked before is over.
    ///
    /// The challenge is no secret. It is shown, or sent on the link on which the permit is to be used; there the permit is best
    /// bound to the link as well ([`Binding::Link`]).
    ///
    /// # Errors
    /// [`RandomError`]: there is no fresh challenge, and none is open.
    pub fn ask<E: EntropySource>(
        &mut self,
        action: Action,
        random: &mut Random<E>,
        now: Ticks,
    ) -> Result<[u8; 32], RandomError> {
        self.close();
        let mut nonce = [0; 32];
        random.fill(&mut nonce)?;
        self.0 = Some(Challenge { action, nonce, from: now });
        Ok(nonce)
    }

    /// Asks no more.
    pub fn close(&mut self) {
        self.0 = None;
    }

    /// What is asked for. A challenge whose time is over is closed by this.
    pub fn asked(&mut self, now: Ticks) -> Option<Action> {
        if self.0.as_ref().is_some_and(|challenge| !challenge.is_open(now)) {
            self.close();
        }
        self.0.as_ref().map(|challenge| challenge.action)
    }

    /// Takes a permit. The challenge is used up by it.
    ///
    /// `holder` is who shows it; only a permit for service needs one.
    ///
    /// # Trust
    /// Everything in `bytes` is the attacker's until a [`Permitted`] comes out. What the device has not asked for is refused before
    /// any signature is looked at, and the standing of a signer after his signature.
    ///
    /// # Limits
    /// Two signatures to verify at most, one more for an issuer, and two for the holder's certificate.
    ///
    /// # Errors
    /// [`Refused`]; the challenge then stays open until its time is over.
    pub fn take(
        &mut self,
        bytes: &[u8],
        here: &Here<'_>,
        holder: Option<Holder<'_>>,
        now: Ticks,
    ) -> Result<Permitted, Refused> {
        let challenge = self.0.as_ref().ok_or(Refused::NoChallenge)?;
        if !challenge.is_open(now) {
            self.close();
            return Err(Refused::Late);
        }
        let permitted = verify(bytes, challenge, here, holder, now)?;
        self.close();
        Ok(permitted)
    }
}

impl core::fmt::Debug for Desk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Desk")
    }
}

/// Whether the permit answers the challenge, here and by whom.
fn verify(
    bytes: &[u8],
    challenge: &Challenge,
    here: &Here<'_>,
    holder: Option<Holder<'_>>,
    now: Ticks,
) -> Result<Permitted, Refused> {
    let permit = Permit::parse(bytes)?;
    let terms = permit.terms();
    if terms.action != challenge.action {
        return Err(Refused::Action);
    }
    if terms.device != here.device {
        return Err(Refused::Device);
    }
    let link = holder.map(|holder| *holder.peer.handshake_hash());
    let run = match (terms.binding, &link) {
        (Binding::Challenge, _) => challenge.nonce,
        (Binding::Link, Some(link)) => permit_run(&challenge.nonce, link),
        (Binding::Link, None) => return Err(Refused::Holder),
    };
    if terms.run != run {
        return Err(Refused::Run);
    }
    signers(&permit, here)?;
    let is_of_a_link = Rule::of(terms.action).carries == Carries::Access;
    let link = if is_of_a_link {
        held(&permit, here, holder)?;
        link
    } else {
        None
    };
    Ok(Permitted { terms: *terms, from: now, link })
}

/// Whether those who signed together allow the action.
fn signers(permit: &Permit, here: &Here<'_>) -> Result<(), Refused> {
    let (terms, rule) = (permit.terms(), Rule::of(permit.terms().action));
    let mut origins = [None; super::SIGNERS_MAX];
    for ((kid, signature), origin) in permit.signed().zip(&mut origins) {
        let issuer = here.trust.issuer(*kid).map_err(|_: Refusal| Refused::Signer)?;
        let key = issuer.key().ok_or(Refused::Signer)?;
        permit.verify(&key, signature).map_err(|_| Refused::Signature)?;
        if issuer.is_between() && !rule.takes_issuers {
            return Err(Refused::Right);
        }
        let power = here.trust.power_of(&issuer, here.today, here.stage);
        let power = power.map_err(Refused::Standing)?;
        allowed(terms, &power, here)?;
        if terms.number < here.trust.least_permit(*kid) {
            return Err(Refused::Number);
        }
        *origin = Some(issuer.origin());
    }
    // Each of them has one by now.
    let signed = || origins.iter().flatten();
    let is_met = rule.quorums.iter().any(|quorum| {
        permit.signers.count() == usize::from(quorum.signatures)
            && signed().all(|origin| *origin == quorum.origin)
            && (!quorum.is_delegated || here.delegated.has(terms.action))
    });
    if is_met { Ok(()) } else { Err(Refused::Quorum) }
}

/// Whether a signer with this power gives no more than he has, to this device.
fn allowed(terms: &Terms, power: &Power, here: &Here<'_>) -> Result<(), Refused> {
    if !power.permits.has(terms.action) {
        return Err(Refused::Right);
    }
    if power.scope != NO_SCOPE && power.scope != here.scope {
        return Err(Refused::Standing(Refusal::Scope));
    }
    if power.model != 0 && power.model != here.model {
        return Err(Refused::Standing(Refusal::Model));
    }
    if terms.mask & !u32::from(power.roles) != 0 {
        return Err(Refused::Standing(Refusal::Roles));
    }
    Ok(())
}

/// Whether the holder is whom the permit for service names, and still certified for what it gives.
fn held(permit: &Permit, here: &Here<'_>, holder: Option<Holder<'_>>) -> Result<(), Refused> {
    let holder = holder.ok_or(Refused::Holder)?;
    let (terms, claims) = (permit.terms(), holder.certificate.claims());
    let is_his = holder.certificate.digest() == terms.digest
        && claims == holder.peer.claims()
        && claims.kind == Kind::Service;
    if !is_his {
        return Err(Refused::Holder);
    }
    // Who has stolen one key must not be both.
    if permit.signers().any(|kid| *kid == claims.issuer) {
        return Err(Refused::SameKey);
    }
    let judged = here.trust.judge(holder.certificate, here.today, here.stage);
    let trusted = judged.map_err(Refused::Certificate)?;
    if terms.mask & !u32::from(trusted.certificate().claims().roles) != 0 {
        return Err(Refused::Roles);
    }
    Ok(())
}

/// What was permitted is over, or its ticks went back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lapsed;

impl core::fmt::Display for Lapsed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("time of the permit is over")
    }
}

impl core::error::Error for Lapsed {}

/// A permit that was verified, and is used once. Only [`Desk::take`] makes one, and there is no `Clone`.
///
/// ```compile_fail,E0451
/// use medsec_core::identity::permit::{Terms, desk::Permitted};
/// use medsec_core::time::Ticks;
/// fn glue(terms: Terms) -> Permitted {
///     Permitted { terms, from: Ticks::from_millis(0), link: None }
/// }
/// ```
/// ```compile_fail,E0382
/// use medsec_core::identity::permit::desk::{Allowed, Lapsed, Permitted};
/// use medsec_core::time::Ticks;
/// fn twice(permitted: Permitted, now: Ticks) -> [Result<Allowed, Lapsed>; 2] {
///     [permitted.exercise(now), permitted.exercise(now)]
/// }
/// ```
#[derive(PartialEq, Eq, Debug)]
pub struct Permitted {
    terms: Terms,
    from: Ticks,
    link: Option<[u8; 32]>,
}

impl Permitted {
    /// What it allows, for the record that comes before the act.
    #[must_use]
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// When it is over.
    #[must_use]
    pub fn until(&self) -> Ticks {
        Ticks::from_millis(self.from.as_millis().saturating_add(millis(self.terms.ttl_seconds)))
    }

    /// Gives what it allows; nothing is left of it.
    ///
    /// # Errors
    /// [`Lapsed`]; the permit is gone all the same.
    pub fn exercise(self, now: Ticks) -> Result<Allowed, Lapsed> {
        if !is_within(self.from, now, self.terms.ttl_seconds) {
            return Err(Lapsed);
        }
        let (until, terms) = (self.until(), self.terms);
        Ok(match terms.action {
            Action::Service => Allowed::Service {
                // It would not have parsed with more, and without a link it would not have been taken.
                roles: u8::try_from(terms.mask).map_err(|_| Lapsed)?,
                link: self.link.ok_or(Lapsed)?,
                reason: terms.value,
                until,
            },
            Action::Recovery => Allowed::Recovery,
            Action::Downgrade => {
                Allowed::Downgrade { manifest: terms.digest, security_version: terms.value }
            }
            Action::ReturnToClaim => Allowed::ReturnToClaim,
        })
    }
}

/// What a permit allows, once it is exercised.
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Allowed {
    /// The holder works on the device.
    Service {
        /// With these roles.
        roles: u8,
        /// On the link with this handshake hash, and no other.
        link: [u8; 32],
        /// Why, as the maker counts reasons.
        reason: u32,
        /// Until then.
        until: Ticks,
    },
    /// A new claim is shown on the device.
    Recovery,
    /// The image with this manifest is installed.
    Downgrade {
        /// SHA-256 of the manifest.
        manifest: [u8; 32],
        /// To which the floor falls.
        security_version: u32,
    },
    /// The device waits for an owner, once it erased the data of the last.
    ReturnToClaim,
}
