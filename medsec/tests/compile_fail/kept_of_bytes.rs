//@ error: E0308
//! Bytes kept as if they had been a message.
use medsec::transport::frame::Outgoing;
use medsec::transport::link::Kept;

pub fn program(sealed: &Outgoing<'_>, plain: &[u8]) -> bool {
    let _ = (sealed, plain);
    Kept::of(plain).is_ok()
}
