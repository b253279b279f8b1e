//@ error: E0599
//! Sealed bytes, changed on their way.
use medsec::transport::frame::Outgoing;

pub fn program<'m>(sealed: Outgoing<'m>, plain: &'m [u8]) -> Outgoing<'m> {
    let _ = plain;
    sealed.map(|_| plain)
}
