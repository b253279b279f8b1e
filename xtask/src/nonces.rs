//! `cargo xtask nonces`: whether any key meets a nonce twice, under each fault and each pair of faults, in the log and over links.

use crate::Outcome;
use crate::shell::Shell;

/// Boots at the size of a change and of a release.
const BOOTS: &str = "100000";
const BOOTS_FULL: &str = "2000000";
/// Boots of a device that is spoken to, under each of the eight sets of faults.
const LINK_BOOTS: u64 = 2_000;
const LINK_BOOTS_FULL: u64 = 334_000;

/// Runs the measurement of `medsec-sim`, whose last line is what the gate prints, and that of links.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let (mut boots, mut link_boots, mut rest) = (BOOTS, LINK_BOOTS, Vec::new());
    for argument in arguments {
        match argument.as_str() {
            "--full" => (boots, link_boots) = (BOOTS_FULL, LINK_BOOTS_FULL),
            other => rest.push(other),
        }
    }
    let mut words = vec!["cargo", "run", "--quiet", "--release", "--package", "medsec-sim"];
    words.extend(["--example", "nonces", "--", "--boots", boots]);
    words.extend(rest);
    let log = line(shell, &words, &[], "nonces: ")?;
    let words = ["cargo", "test", "--release", "--package", "medsec-transport", "--test", "link"];
    let words = [&words[..], &["reboots", "--", "--nocapture"]].concat();
    let links = line(shell, &words, &[("MEDSEC_REBOOTS", &link_boots.to_string())], "links: ")?;
    Ok(format!("{log}; links: {links}"))
}

/// The last line with this beginning that a command prints.
fn line(
    shell: &Shell,
    words: &[&str],
    env: &[(&str, &str)],
    beginning: &str,
) -> Result<String, String> {
    println!("$ {}", words.join(" "));
    let output = shell.command(words).envs(env.iter().copied()).output();
    let output = output.map_err(|e| format!("nonces: {e}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}");
    let figures = printed.lines().rev().find_map(|line| line.strip_prefix(beginning));
    match figures {
        Some(figures) if output.status.success() => Ok(figures.to_owned()),
        _ => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}
