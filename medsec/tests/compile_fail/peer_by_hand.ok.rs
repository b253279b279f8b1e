//@ compiles
//! A proven peer who has proved nothing.
use medsec::core::identity::peer::ProvenPeer;

pub fn program(peer: ProvenPeer) -> ProvenPeer {
    peer
}
