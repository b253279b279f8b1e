//@ compiles
//! Bytes of the application on a radio.
use medsec::transport::frame::Outgoing;
use medsec::transport::hal::PacketChannel;

pub fn program(radio: &mut impl PacketChannel, sealed: &Outgoing<'_>, plain: &[u8]) -> bool {
    let _ = (sealed, plain);
    radio.send(sealed).is_ok()
}
