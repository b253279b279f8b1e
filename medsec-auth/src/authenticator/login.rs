//! Who says he is whom, where he stands, and what is said to him.

use medsec_core::access::Interface;
use medsec_core::event::PrincipalId;
use medsec_core::identity::certificate::Kind;
use medsec_core::identity::peer::ProvenPeer;
use medsec_core::time::Ticks;

use crate::credential::{Flags, Principal};
use crate::event::LoginRefused;
use crate::hal::Presence;
use crate::lockout;
use crate::session::SessionId;

/// Where somebody stands who logs in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Place<'a> {
    /// At the device.
    Local,
    /// At the other end of a link, which has proved that he holds the certificate of a person.
    Remote(&'a ProvenPeer),
}

impl Place<'_> {
    /// The interface it is.
    #[must_use]
    pub const fn interface(&self) -> Interface {
        match self {
            Self::Local => Interface::Local,
            Self::Remote(_) => Interface::Remote,
        }
    }

    pub(super) const fn class(&self) -> lockout::Class {
        match self {
            Self::Local => lockout::Class::Local,
            Self::Remote(_) => lockout::Class::Remote,
        }
    }

    /// What an answer to a challenge is bound to.
    pub(super) const fn binding(&self) -> [u8; 32] {
        match self {
            Self::Local => [0; 32],
            Self::Remote(peer) => *peer.handshake_hash(),
        }
    }

    pub(super) fn link(&self) -> [u8; 8] {
        let binding = self.binding();
        binding.first_chunk().copied().unwrap_or_default()
    }

    /// Whether a person with this id and role may be here: from afar his certificate has to say so too.
    fn admits(&self, id: PrincipalId, role: u8) -> bool {
        match self {
            Self::Local => true,
            Self::Remote(peer) => {
                let claims = peer.claims();
                let role = 1_u8.checked_shl(u32::from(role)).unwrap_or(0);
                claims.kind == Kind::Person
                    && claims.subject.first_chunk() == Some(id.bytes())
                    && claims.roles & role != 0
            }
        }
    }
}

/// Who says he is whom, where, and when.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// Who he says he is.
    pub who: PrincipalId,
    /// Where he stands.
    pub place: Place<'a>,
    /// The session to add a factor to, or to unlock; none begins one.
    pub session: Option<SessionId>,
    /// The time of this boot.
    pub now: Ticks,
}

/// Why there is no session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LoginError {
    /// The flash has work to do first. Call [`step`](super::Authenticator::step) until it is done, and try again; nothing was tried.
    NotReady,
    /// It failed. The reason is for the log.
    Refused(LoginRefused),
    /// At the device only: too soon, in so many milliseconds.
    Wait {
        /// Milliseconds.
        ms: u32,
    },
}

impl core::fmt::Display for LoginError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotReady => f.write_str("flash has work to do first"),
            Self::Refused(_) => f.write_str("login failed"),
            Self::Wait { ms } => write!(f, "wait for {ms} ms"),
        }
    }
}

impl core::error::Error for LoginError {}

/// What a decision looks at beside the session and the part of the device's life.
#[derive(Debug)]
pub struct Situation {
    /// The proof that somebody is at the device, if there is one.
    pub presence: Option<Presence>,
    /// The session of a second person who approves.
    pub approver: Option<SessionId>,
    /// The time of this boot.
    pub now: Ticks,
}

/// Whether a person may log in, and from there.
pub(super) fn may_be(principal: &Principal, login: &Login<'_>) -> bool {
    let flags = principal.flags;
    let is_elsewhere = match login.place.interface() {
        Interface::Local => flags.contains(Flags::REMOTE_ONLY),
        Interface::Remote | Interface::Service | _ => flags.contains(Flags::LOCAL_ONLY),
    };
    let is_admitted = login.place.admits(principal.id, principal.role.number());
    !flags.contains(Flags::DISABLED) && !is_elsewhere && is_admitted
}
