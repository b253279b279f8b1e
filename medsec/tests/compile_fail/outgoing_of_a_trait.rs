//@ error: E0616
//! Bytes called sealed by a trait of the application's own.
use medsec::transport::frame::Outgoing;

pub trait Own {
    fn sent(&self) -> usize;
}

impl Own for Outgoing<'_> {
    fn sent(&self) -> usize {
        self.0.len()
    }
}
