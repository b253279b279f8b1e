//@ error: E0308
//! The hash of nothing: eight chosen bytes as a digest.
use medsec_core::event::Digest8;

pub fn program() -> Digest8 {
    Digest8::of(b"00471193")
}
