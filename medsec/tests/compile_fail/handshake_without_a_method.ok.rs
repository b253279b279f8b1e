//@ compiles
//! A handshake that asks nothing of the peer.
use medsec::transport::link::Method;

pub fn program() -> Method<'static> {
    Method::Certified
}
