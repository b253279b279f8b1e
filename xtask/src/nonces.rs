//! `cargo xtask nonces`: whether any key meets a nonce twice, under each fault and each pair of faults.

use crate::Outcome;
use crate::shell::Shell;

/// Boots at the size of a change and of a release.
const BOOTS: &str = "100000";
const BOOTS_FULL: &str = "2000000";

/// Runs the measurement of `medsec-sim`; its last line is what the gate prints.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let (mut boots, mut rest) = (BOOTS, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--full" => boots = BOOTS_FULL,
            other => rest.push(other),
        }
    }
    let mut words = vec!["cargo", "run", "--quiet", "--release", "--package", "medsec-sim"];
    words.extend(["--example", "nonces", "--", "--boots", boots]);
    words.extend(rest);
    println!("$ {}", words.join(" "));
    let output = shell.command(&words).output().map_err(|e| format!("nonces: {e}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}");
    let figures = printed.lines().rev().find_map(|line| line.strip_prefix("nonces: "));
    match figures {
        Some(figures) if output.status.success() => Ok(figures.to_owned()),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
