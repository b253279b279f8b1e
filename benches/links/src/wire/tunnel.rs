//! `boringtun`: WireGuard, whose sides know each other's keys before.

use boringtun::noise::{Tunn, TunnResult};
use boringtun::x25519::{PublicKey, StaticSecret};

use super::{BODY, Row};
use crate::Outcome;

const ROOM: usize = 512;

/// Both ends, and what the messages took that made them.
fn link() -> Outcome<([Tunn; 2], Vec<usize>)> {
    let secrets = [[0x11; 32], [0x22; 32]].map(StaticSecret::from);
    let publics = [0, 1].map(|side: usize| PublicKey::from(&secrets[side]));
    let end =
        |side: usize| Tunn::new(secrets[side].clone(), publics[1 - side], None, None, 1, None);
    let [mut initiator, mut responder] = [end(0), end(1)];
    let (mut here, mut there) = ([0; ROOM], [0; ROOM]);
    let first = sent(initiator.format_handshake_initiation(&mut here, false))?;
    let second = sent(responder.decapsulate(None, &here[..first], &mut there))?;
    // The initiator answers with an empty packet, by which the responder knows that it was no recording.
    let empty = sent(initiator.decapsulate(None, &there[..second], &mut here))?;
    match responder.decapsulate(None, &here[..empty], &mut there) {
        TunnResult::Done => Ok(([initiator, responder], vec![first, second])),
        other => Err(format!("a tunnel is not established: {other:?}")),
    }
}

pub(super) fn handshake() -> Outcome<Row> {
    let (_, messages) = link()?;
    Ok(Row::handshake("boringtun, WireGuard", "each other", &messages))
}

pub(super) fn frame() -> Outcome<Row> {
    let ([mut initiator, mut responder], _) = link()?;
    // It carries packets of IP only, so the body is one: version 4, a header of 20 bytes, its length at 2.
    let mut packet = BODY;
    packet[0] = 0x45;
    packet[2] = 0;
    packet[3] = u8::try_from(BODY.len()).map_err(|e| e.to_string())?;
    let (mut here, mut there) = ([0; ROOM], [0; ROOM]);
    let length = sent(initiator.encapsulate(&packet, &mut here))?;
    match responder.decapsulate(None, &here[..length], &mut there) {
        TunnResult::WriteToTunnelV4(opened, _) if *opened == packet => {
            Ok(Row::frame("boringtun, WireGuard", "datagrams", length, "what it is about"))
        }
        other => Err(format!("a packet was opened as {other:?}")),
    }
}

/// Bytes of what goes to the other end.
fn sent(result: TunnResult<'_>) -> Outcome<usize> {
    match result {
        TunnResult::WriteToNetwork(bytes) => Ok(bytes.len()),
        other => Err(format!("a tunnel sends nothing: {other:?}")),
    }
}
