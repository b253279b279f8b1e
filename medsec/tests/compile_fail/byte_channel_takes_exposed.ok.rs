//@ compiles
//! A personal value on a serial line.
use medsec::Sensitive;
use medsec::core::Purpose;
use medsec::transport::frame::Outgoing;
use medsec::transport::hal::ByteChannel;

pub fn program(line: &mut impl ByteChannel, sealed: &Outgoing<'_>, patient: &Sensitive<[u8; 16]>) -> bool {
    let _ = (sealed, patient, &Purpose::TREATMENT);
    line.send(sealed).is_ok()
}
