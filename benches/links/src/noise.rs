//! Links of `snow`: handshakes, and both ends of what they end in.

use snow::{Builder, TransportState};

use crate::Outcome;

/// Keys of the initiator and the responder, and the secret of both.
const KEYS: [[u8; 32]; 2] = [[0x11; 32], [0x22; 32]];
const PSK: [u8; 32] = [0x33; 32];
/// Bytes of the longest message of Noise.
const MESSAGE_BYTES_MAX: usize = 65_535;

/// Both ends of a link, the initiator's first, and what each message of its handshake took.
pub(crate) struct Established {
    pub(crate) ends: [TransportState; 2],
    pub(crate) messages: Vec<usize>,
}

/// A handshake by its full name, with these payloads, and none in the messages beyond them.
pub(crate) fn link(name: &str, payloads: &[&[u8]]) -> Outcome<Established> {
    let no = |error: snow::Error| format!("{name} of snow: {error}");
    let publics = KEYS.map(|key| {
        let secret = medsec_core::Secret::new(key);
        medsec_core::agreement::AgreementSecret::from_bytes(secret).public().to_bytes()
    });
    let builder = |own: usize| {
        let mut builder = Builder::new(name.parse()?).local_private_key(&KEYS[own])?;
        if name.contains("_KK_") {
            builder = builder.remote_public_key(&publics[1 - own])?;
        }
        if name.contains("psk3") {
            builder = builder.psk(3, &PSK)?;
        }
        Ok(builder)
    };
    let mut writer = builder(0).and_then(Builder::build_initiator).map_err(no)?;
    let mut reader = builder(1).and_then(Builder::build_responder).map_err(no)?;
    let (mut message, mut read) = (vec![0; MESSAGE_BYTES_MAX], vec![0; MESSAGE_BYTES_MAX]);
    let mut messages = Vec::new();
    let mut payloads = payloads.iter();
    while !writer.is_handshake_finished() {
        let payload = payloads.next().copied().unwrap_or_default();
        let length = writer.write_message(payload, &mut message).map_err(no)?;
        reader.read_message(&message[..length], &mut read).map_err(no)?;
        messages.push(length);
        core::mem::swap(&mut writer, &mut reader);
    }
    // After an odd number of messages it is the responder's turn to write.
    let [initiator, responder] =
        if messages.len() % 2 == 1 { [reader, writer] } else { [writer, reader] };
    let ends = [initiator.into_transport_mode(), responder.into_transport_mode()];
    let [initiator, responder] = ends.map(|end| end.map_err(no));
    Ok(Established { ends: [initiator?, responder?], messages })
}
