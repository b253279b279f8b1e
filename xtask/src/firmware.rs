//! `cargo xtask firmware`: the images, their size, their stack and their panics.

use std::path::PathBuf;

use crate::Outcome;
use crate::check::EMBEDDED_TOOLCHAIN;
use crate::shell::Shell;

/// The target of the images.
pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";

/// Builds one image of `examples/pump-firmware`; returns its path.
pub(crate) fn build(shell: &Shell, image: &str, features: &[&str]) -> Result<PathBuf, String> {
    let name = if features.is_empty() { "product".to_owned() } else { features.join("-") };
    let target = shell.target().join("firmware").join(name);
    let features = features.join(",");
    let mut words = cargo(shell);
    words.extend(["build", "--quiet", "--release", "--bin", image, "--features", &features]);
    run_in(shell, &words, &target)?;
    Ok(target.join(TARGET).join("release").join(image))
}

/// Cargo of a toolchain that has the target.
fn cargo(shell: &Shell) -> Vec<&'static str> {
    let installed = shell.read(&["rustup", "target", "list", "--installed"]).unwrap_or_default();
    if installed.lines().any(|line| line == TARGET) {
        vec!["cargo"]
    } else {
        vec!["rustup", "run", EMBEDDED_TOOLCHAIN, "cargo"]
    }
}

fn run_in(shell: &Shell, words: &[&str], target: &std::path::Path) -> Result<(), String> {
    let folder = Shell::at(shell.root().join("examples/pump-firmware"));
    let target = target.display().to_string();
    folder.run_with(words, &[("CARGO_TARGET_DIR", &target)])
}

/// Builds and measures.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    let image = build(shell, "exercise", &[])?;
    Ok(image.display().to_string())
}
