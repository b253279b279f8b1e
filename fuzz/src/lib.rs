//! Fuzz targets: each parser of medsec, each flash structure an attacker can write to, and what each must never do.
//!
//! A target is a plain function over bytes. One program runs them under libFuzzer (`src/bin/fuzz.rs`): `cargo xtask fuzz`
//! replays the corpus, goes on from it, and does the same on sources with seeded bugs. See `docs/testing.md`.

mod attempts;
mod bytes;
mod credential;
mod crypto;
mod endpoint;
mod erase;
mod file;
mod flash;
mod forged;
mod host;
mod identity;
mod input;
mod keyfile;
mod link;
mod log;
mod people;
mod permit;
mod provision;
pub mod seeds;
mod tool;

/// One target.
pub struct Target {
    /// Its name, which is also that of its corpus.
    pub name: &'static str,
    /// What it does with an input; it panics if a promise does not hold.
    pub run: fn(&[u8]),
    /// Longest input that is of use, in bytes.
    pub bytes_max: usize,
}

const fn target(name: &'static str, run: fn(&[u8]), bytes_max: usize) -> Target {
    Target { name, run, bytes_max }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("codec", bytes::codec, 512),
    target("fields", bytes::fields, 256),
    target("headers", bytes::headers, 128),
    target("record", bytes::record, 256),
    target("geometry", bytes::geometry, 128),
    target("keys", crypto::keys, 512),
    target("sealed", crypto::sealed, 512),
    target("hpke", crypto::hpke, 256),
    target("certificate", identity::certificate, 512),
    target("permit", permit::permit, 512),
    target("erase", erase::erase, 1024),
    target("credential", credential::credential, 512),
    target("people", people::people, 512),
    target("provision", provision::provision, 512),
    target("handshake", link::handshake, 512),
    target("frame", link::frame, 512),
    target("link", link::link, 512),
    target("wifi", link::wifi, 512),
    target("endpoint", endpoint::endpoint, 512),
    target("file", file::file, 1024),
    target("noise", crypto::noise, 4096),
    target("cell", flash::cell, 512),
    target("state", flash::state, 512),
    target("ring", flash::ring, 512),
    target("log", log::log, 512),
    target("device", log::device, 512),
    target("export", host::export, 8400),
    target("tamper", host::tamper, 512),
    target("forged", forged::forged, 1024),
    target("evidence", host::evidence, 1024),
    target("keyfile", keyfile::keyfile, 1024),
    target("layout", tool::layout, 512),
    target("catalogue", tool::catalogue, 2048),
    target("untrusted", tool::untrusted, 8192),
    target("report", tool::report, 1024),
    target("cli", tool::cli, 512),
];
