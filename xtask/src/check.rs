//! `cargo xtask check`: what has to hold before a commit.

use crate::shell::Shell;
use crate::{Outcome, firmware, links, rivals, tidy};

/// The crates that firmware links.
pub(crate) const LIBRARIES: [&str; 5] =
    ["medsec-core", "medsec-audit", "medsec-auth", "medsec-transport", "medsec"];

/// What they are built for.
pub(crate) const TARGETS: [&str; 2] = ["thumbv7em-none-eabihf", "thumbv6m-none-eabi"];

/// The toolchain that is made from a distribution's packages where rustup cannot download a target.
pub(crate) const EMBEDDED_TOOLCHAIN: &str = "medsec-embedded";

/// Workspaces of their own, with lints of their own.
const APART: [&str; 4] =
    [rivals::MANIFEST, links::MANIFEST, "benches/consttime/Cargo.toml", "fuzz/Cargo.toml"];

/// Formatting, lints on host and targets, house rules.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    shell.run(&["cargo", "fmt", "--all", "--check"])?;
    let firmware = format!("{}/Cargo.toml", firmware::FOLDER);
    for manifest in APART.into_iter().chain([firmware.as_str()]) {
        shell.run(&["cargo", "fmt", "--manifest-path", manifest, "--check"])?;
    }
    shell.run(&[
        "cargo",
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ])?;
    let apart = shell.target().join("lints").display().to_string();
    for manifest in APART {
        let words = ["cargo", "clippy", "--quiet", "--locked", "--all-targets"];
        let rest = ["--manifest-path", manifest, "--", "--deny", "warnings"];
        shell.run_with(&[&words[..], &rest].concat(), &[("CARGO_TARGET_DIR", &apart)])?;
    }
    shell.run_with(
        &["cargo", "doc", "--quiet", "--workspace", "--no-deps"],
        &[("RUSTDOCFLAGS", "--deny warnings")],
    )?;
    let built = targets(shell)?;
    let tidied = tidy::run(shell, &[])?;
    Ok(format!(
        "formatted, lints clean on host and {built} targets and in {} workspaces apart, links whole; {tidied}",
        APART.len()
    ))
}

/// Lints the libraries and the firmware for each target, or checks them where there is no clippy; returns how many targets.
fn targets(shell: &Shell) -> Result<usize, String> {
    let installed = shell.read(&["rustup", "target", "list", "--installed"]).unwrap_or_default();
    let with_rustup = TARGETS.iter().all(|target| installed.lines().any(|line| line == *target));
    let toolchain = format!("+{EMBEDDED_TOOLCHAIN}");
    let prefix: Vec<&str> = if with_rustup {
        vec!["cargo", "clippy"]
    } else if shell.succeeds(&["cargo", &toolchain, "clippy", "--version"]) {
        vec!["cargo", &toolchain, "clippy"]
    } else if shell.succeeds(&["cargo", &toolchain, "--version"]) {
        println!("no clippy for the targets here: checking that they build");
        vec!["cargo", &toolchain, "check"]
    } else {
        return Err(format!(
            "the targets are missing: rustup target add {}; or run .ci/run once",
            TARGETS.join(" ")
        ));
    };
    let apart = shell.target().join("lints").display().to_string();
    for target in TARGETS {
        let mut words = prefix.clone();
        words.extend(["--quiet", "--target", target]);
        words.extend(LIBRARIES.iter().flat_map(|library| ["--package", library]));
        shell.run(&words)?;
        let mut words = prefix.clone();
        words.extend(["--quiet", "--release", "--target", target, "--bins"]);
        let firmware = Shell::at(shell.root().join(firmware::FOLDER));
        firmware.run_with(&words, &[("CARGO_TARGET_DIR", &apart)])?;
    }
    Ok(TARGETS.len())
}

/// `cargo xtask msrv`: the libraries build with the oldest compiler that their manifest promises.
pub(crate) fn msrv(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    let manifest = shell.root().join("Cargo.toml");
    let manifest = std::fs::read_to_string(&manifest).map_err(|e| format!("Cargo.toml: {e}"))?;
    let version = manifest.lines().find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.ok_or("Cargo.toml promises no version")?.trim_matches('"');
    let toolchain = format!("+{version}");
    let install = ["rustup", "toolchain", "install", version, "--profile", "minimal"];
    if !shell.succeeds(&["cargo", &toolchain, "--version"]) && !shell.succeeds(&install) {
        return Ok(format!("NOT checked (no Rust {version} here, and none could be installed)"));
    }
    let mut words = vec!["cargo", &toolchain, "check", "--quiet"];
    words.extend(LIBRARIES.iter().flat_map(|library| ["--package", library]));
    shell.run(&words)?;
    Ok(format!("Rust {version}: {} library crates build", LIBRARIES.len()))
}
