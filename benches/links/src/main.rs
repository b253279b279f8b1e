//! Links of other makers beside medsec's, for `cargo xtask links`.
//!
//! `links wire` says what handshakes and frames take on the wire. `links seal` seals frames, for valgrind to count.
#![cfg_attr(
    not(feature = "wire"),
    expect(
        dead_code,
        reason = "a program that only seals takes one way to a link, and measures no message"
    )
)]

mod count;
mod noise;
mod seal;
mod sides;
#[cfg(feature = "wire")]
mod wire;

use std::process::ExitCode;

/// What a part of the program came to; an error says what did not work.
type Outcome<T> = Result<T, String>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        #[cfg(feature = "wire")]
        ["wire"] => wire::run(),
        ["seal"] => seal::run(),
        _ => Err("usage: links wire\n       links seal".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

/// A package with its version, as this workspace's lock file has it.
fn version(package: &str) -> String {
    let name = format!("name = \"{package}\"\nversion = \"");
    let rest = include_str!("../Cargo.lock").split_once(&name).map_or("", |(_, rest)| rest);
    format!("{package} {}", rest.split('"').next().unwrap_or("of unknown version"))
}
