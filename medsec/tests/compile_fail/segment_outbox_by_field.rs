//@ error: E0451
//! A queue of packets filled by hand.
use medsec::transport::segment::Outbox;

pub fn program(plain: [u8; 512]) -> Outbox<512> {
    let _ = plain;
    Outbox { buffer: plain, ..Outbox::new() }
}
