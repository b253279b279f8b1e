//@ error: E0308
//! An array on a serial line.
use medsec::transport::frame::Outgoing;
use medsec::transport::hal::ByteChannel;

pub fn program(line: &mut impl ByteChannel, sealed: &Outgoing<'_>, plain: &[u8]) -> bool {
    let _ = (sealed, plain);
    line.send(b"PATIENT-00471193").is_ok()
}
