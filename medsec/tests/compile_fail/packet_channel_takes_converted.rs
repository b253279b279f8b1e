//@ error: E0277
//! Bytes that become sealed by conversion.
use medsec::transport::frame::Outgoing;
use medsec::transport::hal::PacketChannel;

pub fn program(radio: &mut impl PacketChannel, sealed: &Outgoing<'_>, plain: &[u8]) -> bool {
    let _ = (sealed, plain);
    radio.send(&plain.into()).is_ok()
}
