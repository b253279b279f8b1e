//@ error: E0599
//! A handshake that asks nothing of the peer.
use medsec::transport::link::Method;

pub fn program() -> Method<'static> {
    Method::Anonymous
}
