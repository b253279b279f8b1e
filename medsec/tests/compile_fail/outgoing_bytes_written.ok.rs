//@ compiles
//! Sealed bytes, written over through what shows them.
use medsec::transport::frame::Outgoing;

pub fn program(sealed: &mut Outgoing<'_>) -> u8 {
    let _ = sealed.bytes()[0];
    sealed.bytes()[0]
}
