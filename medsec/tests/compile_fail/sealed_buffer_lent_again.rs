//@ error: E0499
//! The buffer of a sealed frame, lent for another before it is sent.
use medsec::core::suite::Suite;
use medsec::transport::frame::Channel;
use medsec::transport::hal::ByteChannel;
use medsec::transport::link::Link;

pub fn program<S: Suite>(line: &mut impl ByteChannel, link: &mut Link<S, 0>, plain: &[u8; 32]) {
    let mut out = [0; 64];
    let Ok(sealed) = link.seal(Channel::App, true, plain, &mut out) else { return };
    out.fill(0);
    let _ = line.send(&sealed);
    out[..32].copy_from_slice(plain);
}
