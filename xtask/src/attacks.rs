//! `cargo xtask attacks [--weakened]`: the adversary's catalogue on the simulated pump, and which control stops what.
//!
//! With `--weakened`, it is played on the product first. Then all patches of `tests/attacks/weakened/` are applied to one
//! copy of the sources. Each takes one control out behind a bit that is set at run time and exists in that copy only
//! (`0000-bits.patch`), so that the whole matrix runs in one process.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::counterexamples::Copy;
use crate::shell::Shell;

/// Where the patches lie.
const WEAKENED: &str = "tests/attacks/weakened/";
/// What the last line of the runner begins with.
const FIGURES: &str = "attacks: ";

/// Plays the catalogue on the product, then the matrix on a copy if that is asked for.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let weakened = arguments.iter().any(|word| word == "--weakened");
    let rest: Vec<&str> =
        arguments.iter().map(String::as_str).filter(|word| *word != "--weakened").collect();
    let target = shell.target();
    let product = play(&mut run_of(shell, &target), &target.join("attacks.json"), &rest)?;
    if !weakened {
        return Ok(product);
    }
    let sources = shell.sources()?;
    let patches: Vec<&str> = sources
        .iter()
        .filter(|path| path.starts_with(WEAKENED) && path.ends_with(".patch"))
        .map(String::as_str)
        .collect();
    let copy = Copy::of(shell)?;
    let mut words = vec!["--weakened"];
    words.extend(rest);
    let json = target.join("attacks-weakened.json");
    copy.patched_with(&patches, |copied| {
        let mut command = run_of(copied, copy.build());
        // As the other gate that builds in this folder does, so that they share what both depend on.
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        play(&mut command, &json, &words)
    })
}

/// Builds and runs the attacks of a tree. The profile that builds fast is fast enough.
fn run_of(shell: &Shell, build: &Path) -> Command {
    let mut command = shell.command(&["cargo", "run", "--quiet", "--package", "attacks", "--"]);
    command.env("CARGO_TARGET_DIR", build);
    command
}

/// The figures that it prints last.
fn play(command: &mut Command, json: &Path, words: &[&str]) -> Outcome {
    command.args(words).arg("--json").arg(json);
    let output = command.output().map_err(|e| format!("attacks: {e}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    print!("{printed}");
    let figures = printed.lines().rev().find_map(|line| line.strip_prefix(FIGURES));
    match figures {
        Some(figures) if output.status.success() => Ok(figures.to_owned()),
        _ => {
            let last = printed.lines().last().unwrap_or_default();
            Err(format!("{last} {}", String::from_utf8_lossy(&output.stderr).trim()))
        }
    }
}
