//! `cargo xtask interop`: links beside another implementation of Noise, by its vectors and with it at the other end; codes and answers of people
//! beside `oathtool` and OpenSSL.

mod people;

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::shell::Shell;
use crate::{Outcome, rivals};

/// Vectors of our patterns and suites that the other implementation brings, and live handshakes with it.
const VECTORS: u64 = 10;
const HANDSHAKES: u64 = 12;

/// Compares; fails on a difference, and when there was less to compare than there was.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let seed = match arguments {
        [] => drawn(),
        [word, seed] if word == "--seed" => seed.parse().map_err(|_| "--seed takes a number")?,
        [unknown, ..] => return Err(format!("unknown argument {unknown}")),
    };
    println!("seed {seed}");
    let people = people::compare(shell, seed)?;
    println!("{people}");
    let folder = source(shell, "snow")?.to_string_lossy().into_owned();
    let printed = rivals::run(shell, &["interop", &folder])?;
    let line = printed.lines().rev().find_map(|line| line.strip_prefix("interop: "));
    let line = line.ok_or("the comparison printed no figures")?;
    let (vectors, handshakes) = figures(line).ok_or_else(|| format!("no figures: {line}"))?;
    if vectors < VECTORS || handshakes < HANDSHAKES {
        return Err(format!("{line}; there were {VECTORS} vectors and {HANDSHAKES} handshakes"));
    }
    Ok(format!("{line}; {people}"))
}

/// A seed that nobody chose.
fn drawn() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs() ^ u64::from(since.subsec_nanos()).rotate_left(32)
}

/// Where the source of a package lies that the rivals depend on.
fn source(shell: &Shell, package: &str) -> Result<PathBuf, String> {
    // The first command that needs the packages, on a new machine.
    shell.read(&["cargo", "fetch", "--quiet", "--locked", "--manifest-path", rivals::MANIFEST])?;
    let words = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path"];
    let metadata = shell.read(&[&words[..], &[rivals::MANIFEST]].concat())?;
    let manifest = format!("/{package}-");
    let paths = metadata.split("\"manifest_path\":\"").skip(1);
    let mut paths = paths.filter_map(|rest| rest.split('"').next());
    let is_it = |path: &&str| {
        let version = path.rsplit_once(&manifest).map_or("", |(_, version)| version);
        version.starts_with(|first: char| first.is_ascii_digit())
            && version.ends_with("/Cargo.toml")
            && version.matches('/').count() == 1
    };
    let path = paths.find(is_it).ok_or_else(|| format!("{package} is not among the rivals"))?;
    Ok(PathBuf::from(path.trim_end_matches("/Cargo.toml")))
}

/// Reads `NAME VERSION: N vectors, M handshakes, 0 differences`.
fn figures(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.split_once(": ")?;
    let (vectors, rest) = counts.split_once(" vectors, ")?;
    let handshakes = rest.strip_suffix(" handshakes, 0 differences")?;
    Some((vectors.parse().ok()?, handshakes.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_and_differences_are_not() {
        assert_eq!(figures("snow 1: 10 vectors, 12 handshakes, 0 differences"), Some((10, 12)));
        assert_eq!(figures("snow 1: 10 vectors, 12 handshakes, 1 differences"), None);
        assert_eq!(figures("Noise_XX: the handshake hash differs"), None);
    }
}
