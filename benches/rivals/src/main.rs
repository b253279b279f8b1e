//! Other stores and links beside medsec's: on the same simulated part, under the same fault models and naive oracle.
//!
//! `rivals powercut --runs N --seed S` cuts the power in the life of a queue of `sequential-storage`. The last line is
//! what `cargo xtask powercut core` reads.
//! `rivals interop FOLDER` holds the handshakes of links against another implementation, for `cargo xtask interop`.
//! `rivals bench` counts what records cost in medsec's log and in two other stores, for `cargo xtask bench`.

mod bench;
mod interop;
mod oracle;
mod part;
mod queue;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["powercut", "--runs", runs, "--seed", seed] => match (runs.parse(), seed.parse()) {
            (Ok(runs), Ok(seed)) => queue::cut(runs, seed),
            _ => false,
        },
        ["bench"] => bench::run(),
        ["interop", snow] => interop::run(snow),
        ["replay", ..] => queue::replay(&words[1..].join(" ")),
        _ => false,
    };
    if done {
        return ExitCode::SUCCESS;
    }
    eprintln!(
        "usage: rivals powercut --runs N --seed S\n       rivals replay CASE\n       rivals bench\n       rivals interop FOLDER"
    );
    ExitCode::from(2)
}

/// A package with its version, as this workspace's lock file has it.
fn version(package: &str) -> String {
    let name = format!("name = \"{package}\"\nversion = \"");
    let rest = include_str!("../Cargo.lock").split_once(&name).map_or("", |(_, rest)| rest);
    format!("{package} {}", rest.split('"').next().unwrap_or("of unknown version"))
}
