//! Links of medsec.

use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_transport::frame::Channel;
use medsec_transport::link::Received;

use super::{BODY, Row};
use crate::Outcome;
use crate::sides::{Sides, Way};

/// Bytes of a certificate that a handshake carries.
pub(super) const CERTIFICATE_BYTES: usize = medsec_core::identity::certificate::WIRE_BYTES;

/// The bounds of the design.
const CERTIFIED: usize = 502;
const PINNED: usize = 102;
const STREAM: usize = 19;
const DATAGRAM: usize = 21;

/// The ways to know each other.
pub(super) fn handshakes() -> Outcome<Vec<Row>> {
    let certified = handshake("medsec, XX certified", "an issuer's key", Way::Certified)?;
    let labelled = handshake("medsec, XXpsk3 by label", "a secret", Way::Labelled)?;
    let pinned = handshake("medsec, KK pinned", "each other", Way::Pinned)?;
    Ok(vec![certified.bounded(CERTIFIED), labelled, pinned.bounded(PINNED)])
}

/// A handshake in both suites, which must not differ.
fn handshake(link: &'static str, known: &'static str, way: Way) -> Outcome<Row> {
    let messages = messages::<Aes256Gcm>(way)?;
    if messages != self::messages::<ChaCha20Poly1305>(way)? {
        return Err(format!("{link}: the suites differ on the wire"));
    }
    Ok(Row::handshake(link, known, &messages))
}

fn messages<S: Suite>(way: Way) -> Outcome<Vec<usize>> {
    Ok(Sides::new()?.link::<S, 0>(way)?.messages)
}

/// The frames, by their window.
pub(super) fn frames() -> Outcome<Vec<Row>> {
    let [ordered, late, later] = [frame::<0>()?, frame::<1>()?, frame::<4>()?];
    Ok(vec![
        Row::frame("medsec, W = 0", "a stream", ordered, "its length").bounded(STREAM),
        Row::frame("medsec, W = 64", "datagrams", late, "nothing").bounded(DATAGRAM),
        Row::frame("medsec, W = 256", "datagrams", later, "nothing").bounded(DATAGRAM),
    ])
}

/// Bytes of a frame that the other end opens.
fn frame<const WORDS: usize>() -> Outcome<usize> {
    let [mut tool, mut device] = Sides::new()?.link::<Aes256Gcm, WORDS>(Way::Certified)?.ends;
    let mut out = [0; BODY.len() + 64];
    let sealed = tool.seal(Channel::App, true, &BODY, &mut out);
    let length = sealed.map_err(|error| error.to_string())?.bytes().len();
    match device.open(&mut out[..length]) {
        Ok(Received::Message(opened)) if *opened.body == BODY => Ok(length),
        other => Err(format!("a frame was opened as {other:?}")),
    }
}
