//@ error: E0616
//! Bytes put in place of sealed ones.
use medsec::transport::frame::Outgoing;

pub fn program<'m>(sealed: Outgoing<'m>, plain: &'m [u8]) -> Outgoing<'m> {
    let _ = plain;
    let mut sealed = sealed; sealed.0 = plain; sealed
}
