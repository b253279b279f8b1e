//! Live links with `snow` at the other end.

use medsec_core::agreement::AgreementSecret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_transport::noise::handshake_state::{HandshakeState, Role};
use medsec_transport::noise::pattern::{self, Pattern};
use snow::{Builder, TransportState};

use super::{finish, open, read, seal, secret, write};

const PROLOGUE: &[u8] = b"a link with another implementation";
const KEYS: [[u8; 32]; 2] = [[0x11; 32], [0x22; 32]];
const PSK: [u8; 32] = [0x33; 32];
/// Lengths of what is said each way, before and after both sides have taken new keys.
const LENGTHS: [usize; 6] = [0, 1, 16, 64, 1_024, 16_384];

/// Each pattern, suite and role; says how many handshakes there were.
pub(crate) fn meet() -> Result<usize, String> {
    let mut handshakes = 0;
    for pattern in pattern::ALL {
        for role in [Role::Initiator, Role::Responder] {
            with::<Aes256Gcm>(pattern, role)?;
            with::<ChaCha20Poly1305>(pattern, role)?;
            handshakes += 2;
        }
    }
    Ok(handshakes)
}

fn with<S: Suite>(pattern: &'static Pattern, role: Role) -> Result<(), String> {
    let name = format!("Noise_{}_{}", pattern.name, S::NOISE_NAME);
    link::<S>(pattern, role, &name).map_err(|why| format!("{name} as {role:?}: {why}"))
}

fn link<S: Suite>(pattern: &'static Pattern, role: Role, name: &str) -> Result<(), String> {
    let other = |error: snow::Error| error.to_string();
    let own = AgreementSecret::from_bytes(secret(&KEYS[0])?);
    let public = own.public().to_bytes();
    let remote = AgreementSecret::from_bytes(secret(&KEYS[1])?).public().to_bytes();

    let mut builder = Builder::new(name.parse().map_err(other)?)
        .prologue(PROLOGUE)
        .and_then(|builder| builder.local_private_key(&KEYS[1]))
        .map_err(other)?;
    if pattern.knows_statics {
        builder = builder.remote_public_key(&public).map_err(other)?;
    }
    if pattern.has_psk {
        builder = builder.psk(3, &PSK).map_err(other)?;
    }
    let mut theirs = match role {
        Role::Initiator => builder.build_responder().map_err(other)?,
        _ => builder.build_initiator().map_err(other)?,
    };
    let psk = if pattern.has_psk { Some(secret(&PSK)?) } else { None };
    let remote_key = pattern.knows_statics.then_some(&remote);
    let mut ours = HandshakeState::<S>::new(pattern, role, &[PROLOGUE, &[]], &own, remote_key, psk)
        .map_err(|error| error.to_string())?;
    ours.set_ephemeral(secret(&[0x44; 32])?);

    let mut buffer = vec![0; 65_535];
    let mut payloads = (0_u8..).map(|turn| vec![turn; usize::from(turn) * 76]);
    while !ours.is_finished() {
        let payload = payloads.next().unwrap_or_default();
        let arrived = if ours.is_to_write() {
            let message = write(&mut ours, &payload)?;
            let length = theirs.read_message(&message, &mut buffer).map_err(other)?;
            buffer[..length].to_vec()
        } else {
            let length = theirs.write_message(&payload, &mut buffer).map_err(other)?;
            read(&mut ours, &buffer[..length])?
        };
        if arrived != payload {
            return Err("a payload differs".to_owned());
        }
    }
    if theirs.get_handshake_hash() != ours.handshake_hash() {
        return Err("the handshake hash differs".to_owned());
    }
    if theirs.get_remote_static() != Some(&public[..]) || ours.remote_static() != Some(remote) {
        return Err("a static key differs".to_owned());
    }
    let mut ours = finish(ours)?;
    let mut theirs = theirs.into_transport_mode().map_err(other)?;
    talk(&mut ours, &mut theirs)?;
    ours.send.rekey().and_then(|()| ours.receive.rekey()).map_err(|error| error.to_string())?;
    theirs.rekey_incoming();
    theirs.rekey_outgoing();
    talk(&mut ours, &mut theirs)
}

/// Messages both ways.
fn talk<S: Suite>(
    ours: &mut medsec_transport::noise::handshake_state::Finished<S>,
    theirs: &mut TransportState,
) -> Result<(), String> {
    let other = |error: snow::Error| error.to_string();
    let mut buffer = vec![0; 65_535];
    for length in LENGTHS {
        let said = vec![0x5a; length];
        let message = seal(&mut ours.send, &said)?;
        let length = theirs.read_message(&message, &mut buffer).map_err(other)?;
        if buffer[..length] != said {
            return Err("what we said differs".to_owned());
        }
        let length = theirs.write_message(&said, &mut buffer).map_err(other)?;
        if open(&mut ours.receive, &buffer[..length])? != said {
            return Err("what they said differs".to_owned());
        }
    }
    Ok(())
}
