//! Links of `snow`: the same patterns as ours, bare, and with what ours carry.

use super::own::CERTIFICATE_BYTES;
use super::{BODY, Row};
use crate::{Outcome, noise};

/// Stands in for one of medsec's certificates.
const CERTIFICATE: &[u8] = &[0xC5; CERTIFICATE_BYTES];

pub(super) fn handshakes() -> Outcome<Vec<Row>> {
    let ways: [(_, _, _, &[&[u8]]); 5] = [
        (
            "snow, XX, our certificates in it",
            "an issuer's key",
            "XX",
            &[&[], CERTIFICATE, CERTIFICATE],
        ),
        ("snow, XX, empty", "nothing", "XX", &[]),
        ("snow, XXpsk3, our certificate in it", "a secret", "XXpsk3", &[&[], CERTIFICATE]),
        ("snow, XXpsk3, empty", "a secret", "XXpsk3", &[]),
        ("snow, KK, empty", "each other", "KK", &[]),
    ];
    let rows = ways.into_iter().map(|(link, known, pattern, payloads)| {
        let name = format!("Noise_{pattern}_25519_AESGCM_SHA256");
        Ok(Row::handshake(link, known, &noise::link(&name, payloads)?.messages))
    });
    rows.collect()
}

pub(super) fn frame() -> Outcome<Row> {
    let [mut writer, mut reader] = noise::link("Noise_XX_25519_AESGCM_SHA256", &[])?.ends;
    let (mut message, mut read) = ([0; BODY.len() + 64], [0; BODY.len() + 64]);
    let no = |error: snow::Error| error.to_string();
    let length = writer.write_message(&BODY, &mut message).map_err(no)?;
    let opened = reader.read_message(&message[..length], &mut read).map_err(no)?;
    if read[..opened] != BODY {
        return Err("a message of snow was opened as another".to_owned());
    }
    Ok(Row::frame("snow, transport message", "a stream", length, "its length, what it is about"))
}
