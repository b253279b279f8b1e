//@ error: E0308
//! A personal value on a serial line.
use medsec::Sensitive;
use medsec::core::Purpose;
use medsec::transport::frame::Outgoing;
use medsec::transport::hal::ByteChannel;

pub fn program(line: &mut impl ByteChannel, sealed: &Outgoing<'_>, patient: &Sensitive<[u8; 16]>) -> bool {
    let _ = (sealed, patient, &Purpose::TREATMENT);
    line.send(patient.expose(&Purpose::TREATMENT)).is_ok()
}
