//@ error: E0451
//! Bytes put in place of sealed ones by an update.
use medsec::transport::frame::Outgoing;

pub fn program<'m>(sealed: Outgoing<'m>, plain: &'m [u8]) -> Outgoing<'m> {
    let _ = plain;
    Outgoing { 0: plain, ..sealed }
}
