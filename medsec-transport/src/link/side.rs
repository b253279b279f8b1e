//! The two sides of a link: what each is, how they know each other, and whom one speaks with.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::certificate::{Certificate, Kinds};
use medsec_core::identity::trust::{Stage, Today, Trust, Trusted};
use medsec_core::key::{Label, derive};
use medsec_core::suite::Suite;

use super::handshake::LinkError;
use crate::noise::pattern::{KK, Pattern, XX, XX_PSK3};

/// Bytes of the longest message of a handshake.
pub const MESSAGE_BYTES_MAX: usize = 249;

/// A [`Method`] without what it brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Certified,
    Labelled,
    Pinned,
    Uncertified,
}

impl Way {
    pub(super) const fn pattern(self) -> &'static Pattern {
        match self {
            Self::Certified | Self::Uncertified => &XX,
            Self::Labelled => &XX_PSK3,
            Self::Pinned => &KK,
        }
    }

    /// The byte by which the first message names it.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Certified => 1,
            Self::Labelled => 2,
            Self::Pinned => 3,
            Self::Uncertified => 4,
        }
    }

    /// Bytes of the messages; 0 for none.
    pub(super) const fn lengths(self) -> [usize; 3] {
        match self {
            Self::Certified => [36, MESSAGE_BYTES_MAX, 217],
            Self::Labelled => [52, MESSAGE_BYTES_MAX, 65],
            Self::Pinned => [52, 49, 0],
            Self::Uncertified => [36, 97, 217],
        }
    }
}

/// How the two sides come to know each other.
#[derive(Debug)]
#[non_exhaustive]
pub enum Method<'a> {
    /// Both show certificates.
    Certified,
    /// Both know the code of a label, and the responder shows its certificate. Who initiates has none yet that the other could judge.
    Labelled(LabelSecret),
    /// Both have kept the certificate of the other, which is judged again.
    Pinned(&'a Certificate),
    /// The initiator shows a certificate, and the responder has none yet: a station at a device that is being made, which answers with
    /// [`Handshake::accept_uncertified`](super::Handshake::accept_uncertified).
    Uncertified,
}

impl<'a> Method<'a> {
    pub(super) const fn way(&self) -> Way {
        match self {
            Self::Certified => Way::Certified,
            Self::Labelled(_) => Way::Labelled,
            Self::Pinned(_) => Way::Pinned,
            Self::Uncertified => Way::Uncertified,
        }
    }

    /// The certificate that is kept of the peer.
    pub(super) const fn pin(&self) -> Option<&'a Certificate> {
        match self {
            Self::Pinned(pin) => Some(pin),
            Self::Certified | Self::Labelled(_) | Self::Uncertified => None,
        }
    }
}

/// What both sides of a link know that begins with a label.
#[derive(Debug)]
pub struct LabelSecret(pub(super) Secret<32>);

impl LabelSecret {
    /// The secret of the 128-bit code on a label.
    ///
    /// There is none of a shorter code: a side that shows a certificate could guess its digits from one handshake, on a computer of its
    /// own.
    #[must_use]
    pub fn of(code: &Secret<16>) -> Self {
        let mut parent = Secret::new([0; 32]);
        for (to, from) in parent.expose_mut().iter_mut().zip(code.expose()) {
            *to = *from;
        }
        Self(derive(&parent, Label::LinkPair, &[]))
    }
}

/// What this side is.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    /// The secret of the key in the certificate.
    pub secret: &'a AgreementSecret,
    /// The certificate it shows.
    pub certificate: &'a Certificate,
}

/// Whom this side speaks with.
#[derive(Clone, Copy)]
pub struct Judging<'a> {
    /// What it trusts.
    pub trust: Trust<'a>,
    /// The day.
    pub today: Today,
    /// The part of its life.
    pub stage: Stage,
    /// The kinds of peers it has a use for on this link.
    pub kinds: Kinds,
    /// The one peer that it looks for, by the subject of its certificate: a device has many of its kind around it.
    pub subject: Option<[u8; 16]>,
}

impl Judging<'_> {
    pub(crate) fn judge<S: Suite>(&self, certificate: &Certificate) -> Result<Trusted, LinkError> {
        let claims = certificate.claims();
        if !self.kinds.has(claims.kind) {
            return Err(LinkError::Kind);
        }
        if self.subject.is_some_and(|subject| subject != claims.subject) {
            return Err(LinkError::Subject);
        }
        if !has_suite::<S>(certificate) {
            return Err(LinkError::Suite);
        }
        Ok(self.trust.judge(certificate, self.today, self.stage)?)
    }
}

impl core::fmt::Debug for Judging<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A subject may stand for a person.
        f.debug_struct("Judging").field("kinds", &self.kinds).finish_non_exhaustive()
    }
}

pub(crate) fn has_suite<S: Suite>(certificate: &Certificate) -> bool {
    let bit = 1_u8.checked_shl(u32::from(S::ID.saturating_sub(1))).unwrap_or(0);
    certificate.claims().suites & bit != 0
}
