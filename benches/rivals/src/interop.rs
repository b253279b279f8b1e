//! `rivals interop FOLDER`: the handshakes of `medsec-transport` beside those of `snow`.
//!
//! FOLDER is the source of the `snow` package, which brings the vectors of two other implementations with it.

mod peer;
mod vectors;

use std::path::Path;

use medsec_core::Secret;
use medsec_core::suite::{CipherState, Suite};
use medsec_transport::noise::handshake_state::{Finished, HandshakeState};
use medsec_transport::noise::pattern::{self, Pattern};

/// Compares; prints a line for each kind of comparison, and last the sum.
pub(crate) fn run(snow: &str) -> bool {
    match vectors::compare(Path::new(snow)).and_then(|vectors| Ok((vectors, peer::meet()?))) {
        Ok((vectors, handshakes)) => {
            println!(
                "interop: {}: {vectors} vectors, {handshakes} handshakes, 0 differences",
                crate::version("snow")
            );
            true
        }
        Err(why) => {
            println!("interop: {why}");
            false
        }
    }
}

/// Our pattern of the protocol with this name, if the suite is `S`.
fn pattern_of<S: Suite>(protocol: &str) -> Option<&'static Pattern> {
    let ours = |pattern: &&Pattern| protocol == format!("Noise_{}_{}", pattern.name, S::NOISE_NAME);
    pattern::ALL.into_iter().find(ours)
}

/// A message of a handshake with its payload.
fn write<S: Suite>(side: &mut HandshakeState<'_, S>, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut message = vec![0; side.overhead() + payload.len()];
    side.write_message(payload, &mut message).map_err(|error| error.to_string())?;
    Ok(message)
}

/// The payload of a message of a handshake.
fn read<S: Suite>(side: &mut HandshakeState<'_, S>, message: &[u8]) -> Result<Vec<u8>, String> {
    let mut message = message.to_vec();
    side.read_message(&mut message)
        .map(|payload| payload.to_vec())
        .map_err(|error| error.to_string())
}

/// A message under a key of a finished handshake, its tag behind it.
fn seal<S: Suite>(key: &mut CipherState<S>, payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut message = payload.to_vec();
    let tag = key.encrypt_with_ad(&[], &mut message).map_err(|error| error.to_string())?;
    message.extend(tag);
    Ok(message)
}

/// What was sealed.
fn open<S: Suite>(key: &mut CipherState<S>, message: &[u8]) -> Result<Vec<u8>, String> {
    let (body, tag) = message.split_last_chunk().ok_or("a message without a tag")?;
    let mut body = body.to_vec();
    key.decrypt_with_ad(&[], &mut body, tag).map_err(|error| error.to_string())?;
    Ok(body)
}

/// What is left of a handshake.
fn finish<S: Suite>(side: HandshakeState<'_, S>) -> Result<Finished<S>, String> {
    side.finish().ok_or_else(|| "the handshake is not finished".to_owned())
}

/// A secret of 32 bytes.
fn secret(bytes: &[u8]) -> Result<Secret<32>, String> {
    bytes.try_into().map(Secret::new).map_err(|_| format!("a key of {} bytes", bytes.len()))
}
