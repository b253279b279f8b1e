//@ compiles
//! Sealed bytes, written over where they lie.
use medsec::transport::frame::Outgoing;

pub fn program(sealed: &mut Outgoing<'_>, plain: &[u8]) -> usize {
    let bytes = sealed.bytes();
    bytes.len() + plain.len()
}
