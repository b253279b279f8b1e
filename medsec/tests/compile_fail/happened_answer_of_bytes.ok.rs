//@ compiles
//! An answer of the device, made by hand.
use medsec::link::Happened;
use medsec::transport::frame::Outgoing;

pub fn program<'m>(sealed: Outgoing<'m>, plain: &'m [u8]) -> Happened<'m> {
    let _ = plain;
    Happened::Answer(sealed)
}
