//@ error: E0594
//! Sealed bytes, written over through what shows them.
use medsec::transport::frame::Outgoing;

pub fn program(sealed: &mut Outgoing<'_>) -> u8 {
    sealed.bytes()[0] = 0;
    sealed.bytes()[0]
}
