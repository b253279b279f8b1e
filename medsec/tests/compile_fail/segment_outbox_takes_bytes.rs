//@ error: E0308
//! Bytes of the application in the queue of a radio.
use medsec::transport::frame::Outgoing;
use medsec::transport::segment::Outbox;

pub fn program(queue: &mut Outbox<512>, sealed: &Outgoing<'_>, plain: &[u8]) -> bool {
    let _ = (sealed, plain);
    queue.put(plain).is_ok()
}
