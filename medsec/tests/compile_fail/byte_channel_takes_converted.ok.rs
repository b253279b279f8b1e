//@ compiles
//! Bytes that become sealed by conversion.
use medsec::transport::frame::Outgoing;
use medsec::transport::hal::ByteChannel;

pub fn program(line: &mut impl ByteChannel, sealed: &Outgoing<'_>, plain: &[u8]) -> bool {
    let _ = (sealed, plain);
    line.send(sealed).is_ok()
}
