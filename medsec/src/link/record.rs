//! What the log hears of links.

use medsec_audit::hal::Watcher;
use medsec_core::event::{Count, PrincipalId};
use medsec_core::identity::certificate::{Claims, Kind};
use medsec_core::identity::peer::ProvenPeer;
use medsec_core::rng::RandomError;
use medsec_core::time::Ticks;
use medsec_transport::event::{Dropped, LinkEvent, PeerKind};
use medsec_transport::frame::ReceiveError;
use medsec_transport::link::{Link, LinkError};

use super::EndpointError;
use super::budget::Due;
use crate::{Device, Port};

/// Records who is at the other end of a link now, unless that is known. Nothing was done for him yet; what is not recorded shows in the
/// device's health.
pub(super) fn opened<P: Port, W: Watcher, const WORDS: usize>(
    device: &mut Device<P, W>,
    link: &Link<P::Suite, WORDS>,
    now: Ticks,
) {
    if let Some(claims) = link.peer().map(ProvenPeer::claims)
        && let Some(kind) = peer_kind(claims.kind)
    {
        let by = principal(claims);
        if device.budgets().opening(by, now) == Due::Now
            && device.log(&LinkEvent::LinkOpened { by, kind }).is_ok()
        {
            device.budgets().opening_recorded(by, now);
        }
    }
}

/// Records that a link has ended on which others have tried something, and how much.
pub(super) fn ended<P: Port, W: Watcher, const WORDS: usize>(
    device: &mut Device<P, W>,
    link: &Link<P::Suite, WORDS>,
    now: Ticks,
) {
    let counts = link.counts();
    let dropped = counts.forged.saturating_add(counts.replayed);
    if let Some(peer) = link.peer()
        && dropped > 0
    {
        let dropped = Count::new(dropped);
        let event = LinkEvent::LinkEnded { by: principal(peer.claims()), dropped };
        limited(device, &event, now);
    }
}

/// Records that a message was dropped, if there were few. Nothing depends on it.
pub(super) fn note<P: Port, W: Watcher>(device: &mut Device<P, W>, why: Dropped, now: Ticks) {
    limited(device, &LinkEvent::MessageDropped { why }, now);
}

/// Records what strangers cause. What anybody causes at the device itself has a limit of its own, so that they do not hide it.
fn limited<P: Port, W: Watcher>(device: &mut Device<P, W>, event: &LinkEvent, now: Ticks) {
    if !device.budgets().drops.admits(now) {
        device.observe(event, now);
    } else if device.log(event).is_ok() {
        device.budgets().drops.recorded();
    }
}

/// What the log is told of an error; what is this side's own is nothing for it.
pub(super) const fn dropped(error: &EndpointError) -> Option<Dropped> {
    Some(match error {
        EndpointError::Layout
        | EndpointError::Frame(ReceiveError::Layout | ReceiveError::Unknown) => Dropped::Layout,
        EndpointError::Admission(_) | EndpointError::Busy => Dropped::Admission,
        EndpointError::Handshake(error) => match error {
            LinkError::Layout => Dropped::Layout,
            LinkError::NotAuthentic | LinkError::WeakKey => Dropped::Forged,
            LinkError::Certificate(_) | LinkError::Refused(_) => Dropped::Certificate,
            LinkError::Random(RandomError::NotStarted) | LinkError::Write => return None,
            LinkError::Random(_) => Dropped::Random,
            LinkError::Method | LinkError::Suite | LinkError::Kind | LinkError::Subject | _ => {
                Dropped::Handshake
            }
        },
        EndpointError::Frame(ReceiveError::Replayed) => Dropped::Replayed,
        EndpointError::Frame(_) => Dropped::Forged,
        EndpointError::Send(_) => return None,
    })
}

/// The front of a subject, which is random, or of a device id.
pub(super) fn principal(claims: &Claims) -> PrincipalId {
    let (front, _) = claims.subject.split_first_chunk().unwrap_or((&[0; 8], &[]));
    PrincipalId::new(*front)
}

/// The code of a kind that can be at the other end of a link.
const fn peer_kind(kind: Kind) -> Option<PeerKind> {
    Some(match kind {
        Kind::Device => PeerKind::Device,
        Kind::Person => PeerKind::Person,
        Kind::Service => PeerKind::Service,
        Kind::Station => PeerKind::Station,
        Kind::Recipient | Kind::Issuer | _ => return None,
    })
}
