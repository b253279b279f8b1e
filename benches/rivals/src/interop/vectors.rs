//! The vectors that `snow` carries: its own, and those of `cacophony`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use medsec_core::agreement::AgreementSecret;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_transport::noise::handshake_state::{HandshakeState, Role};
use medsec_transport::noise::pattern::Pattern;
use serde::Deserialize;

use super::{finish, open, pattern_of, read, seal, secret, write};

const FILES: [&str; 3] = ["cacophony.txt", "snow.txt", "snow-extended.txt"];

#[derive(Deserialize)]
struct Set {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    protocol_name: String,
    #[serde(default)]
    init_prologue: String,
    #[serde(default)]
    resp_prologue: String,
    init_static: Option<String>,
    resp_static: Option<String>,
    init_ephemeral: Option<String>,
    resp_ephemeral: Option<String>,
    init_remote_static: Option<String>,
    resp_remote_static: Option<String>,
    #[serde(default)]
    init_psks: Vec<String>,
    #[serde(default)]
    resp_psks: Vec<String>,
    handshake_hash: Option<String>,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    payload: String,
    ciphertext: String,
}

/// Reproduces every vector of our patterns and suites, from both sides; says how many there are.
pub(crate) fn compare(snow: &Path) -> Result<usize, String> {
    let mut found = BTreeMap::<String, usize>::new();
    for file in FILES {
        let path = snow.join("tests").join("vectors").join(file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        let set: Set = serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
        for vector in &set.vectors {
            let is_ours =
                reproduce::<Aes256Gcm>(vector).or_else(|| reproduce::<ChaCha20Poly1305>(vector));
            let Some(reproduced) = is_ours else { continue };
            reproduced.map_err(|why| format!("{file}: {}: {why}", vector.protocol_name))?;
            *found.entry(vector.protocol_name.clone()).or_default() += 1;
        }
    }
    found.iter().for_each(|(name, count)| println!("vectors {name} {count}"));
    Ok(found.values().sum())
}

fn reproduce<S: Suite>(vector: &Vector) -> Option<Result<(), String>> {
    pattern_of::<S>(&vector.protocol_name).map(|pattern| replay::<S>(vector, pattern))
}

fn replay<S: Suite>(vector: &Vector, pattern: &'static Pattern) -> Result<(), String> {
    let keys = [&vector.init_static, &vector.resp_static];
    let keys = keys.map(|key| hex(key.as_deref().unwrap_or_default()));
    let [first, second] = keys;
    let keys = [
        AgreementSecret::from_bytes(secret(&first?)?),
        AgreementSecret::from_bytes(secret(&second?)?),
    ];
    let mut sides = [
        side::<S>(
            pattern,
            Role::Initiator,
            &keys[0],
            [
                &vector.init_prologue,
                vector.init_ephemeral.as_deref().unwrap_or_default(),
                vector.init_remote_static.as_deref().unwrap_or_default(),
                vector.init_psks.first().map_or("", |psk| psk),
            ],
        )?,
        side::<S>(
            pattern,
            Role::Responder,
            &keys[1],
            [
                &vector.resp_prologue,
                vector.resp_ephemeral.as_deref().unwrap_or_default(),
                vector.resp_remote_static.as_deref().unwrap_or_default(),
                vector.resp_psks.first().map_or("", |psk| psk),
            ],
        )?,
    ];
    let (handshake, transport) = vector
        .messages
        .split_at_checked(pattern.messages.len())
        .ok_or("fewer messages than the pattern has")?;
    for (index, message) in handshake.iter().enumerate() {
        let (payload, expected) = (hex(&message.payload)?, hex(&message.ciphertext)?);
        let written = write(&mut sides[index % 2], &payload)?;
        same("message", index, &written, &expected)?;
        same("payload", index, &read(&mut sides[1 - index % 2], &written)?, &payload)?;
    }
    let [initiator, responder] = sides;
    let mut ends = [finish(initiator)?, finish(responder)?];
    if let Some(hash) = &vector.handshake_hash {
        for end in &ends {
            same("handshake hash", 0, &end.handshake_hash, &hex(hash)?)?;
        }
    }
    for (index, message) in transport.iter().enumerate() {
        let (payload, expected) = (hex(&message.payload)?, hex(&message.ciphertext)?);
        // The turn goes on from the handshake.
        let turn = (index + pattern.messages.len()) % 2;
        let written = seal(&mut ends[turn].send, &payload)?;
        same("transport message", index, &written, &expected)?;
        same("payload", index, &open(&mut ends[1 - turn].receive, &written)?, &payload)?;
    }
    if transport.is_empty() { Err("no transport message".to_owned()) } else { Ok(()) }
}

/// One side, of prologue, ephemeral key, static key of the other side, and common secret.
fn side<'s, S: Suite>(
    pattern: &'static Pattern,
    role: Role,
    own: &'s AgreementSecret,
    [prologue, ephemeral, remote, psk]: [&str; 4],
) -> Result<HandshakeState<'s, S>, String> {
    let remote = hex(remote)?.try_into().ok().filter(|_| pattern.knows_statics);
    let psk = if psk.is_empty() { None } else { Some(secret(&hex(psk)?)?) };
    let prologue = hex(prologue)?;
    let mut side = HandshakeState::new(pattern, role, &[&prologue, &[]], own, remote.as_ref(), psk)
        .map_err(|error| error.to_string())?;
    side.set_ephemeral(secret(&hex(ephemeral)?)?);
    Ok(side)
}

fn same(what: &str, index: usize, ours: &[u8], theirs: &[u8]) -> Result<(), String> {
    if ours == theirs { Ok(()) } else { Err(format!("{what} {index} differs")) }
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = core::str::from_utf8(pair).map_err(|error| error.to_string())?;
        u8::from_str_radix(pair, 16).map_err(|error| error.to_string())
    });
    digits.collect()
}
