//@ error: E0451
//! A proven peer who has proved nothing.
use medsec::core::identity::peer::ProvenPeer;

pub fn program(peer: ProvenPeer) -> ProvenPeer {
    ProvenPeer { claims: *peer.claims(), ..peer }
}
