//! The images of `examples/pump-firmware`, and how each is built.

use std::path::{Path, PathBuf};

use crate::check::EMBEDDED_TOOLCHAIN;
use crate::shell::Shell;

/// The firmware's folder.
pub(crate) const FOLDER: &str = "examples/pump-firmware";

/// A core that images are built for.
#[derive(PartialEq, Eq)]
pub(crate) struct Core {
    pub(crate) target: &'static str,
    /// What it pushes for an interrupt, with alignment (ARMv7-M B1.5.7 with the floating-point unit in use, ARMv6-M
    /// B1.5.6).
    pub(crate) exception_bytes: u32,
}

/// Cortex-M4F.
pub(crate) const M4F: Core = Core { target: "thumbv7em-none-eabihf", exception_bytes: 108 };
/// Cortex-M0 and M0+.
pub(crate) const M0: Core = Core { target: "thumbv6m-none-eabi", exception_bytes: 36 };

/// QEMU's name of the board with a Cortex-M4F, which executes ARMv6-M code as well.
pub(crate) const AN386: &str = "mps2-an386";
/// QEMU's name of the board with a Cortex-M0.
pub(crate) const MICROBIT: &str = "microbit";

/// An image that the gates run.
pub(crate) struct Product {
    pub(crate) image: &'static str,
    pub(crate) core: &'static Core,
    pub(crate) board: &'static str,
    /// As in the image's memory map.
    pub(crate) ram_bytes: u64,
    /// Levels of priority that its interrupts have.
    pub(crate) exception_levels: u32,
}

/// The pump on a Cortex-M4F.
pub(crate) const PUMP: Product =
    Product { image: "pump", core: &M4F, board: AN386, ram_bytes: 64 * 1024, exception_levels: 3 };
/// The same for a Cortex-M0.
pub(crate) const PUMP_M0: Product = Product { core: &M0, ..PUMP };
/// What fits a Cortex-M0 with 16 KiB of RAM.
pub(crate) const SMALL: Product = Product {
    image: "small",
    core: &M0,
    board: MICROBIT,
    ram_bytes: 16 * 1024,
    exception_levels: 1,
};

/// How a build differs from the product's.
#[derive(Clone, Copy, Default)]
pub(crate) struct Variant<'a> {
    /// Cargo features, with commas.
    pub(crate) features: &'a str,
    /// Its own target folder, so that nothing is built twice.
    pub(crate) name: &'a str,
    /// The compiler's, beside those of `config.toml`.
    pub(crate) flags: &'a str,
    pub(crate) env: &'a [(&'a str, &'a str)],
}

/// Builds an image with `features`; returns its path.
pub(crate) fn build(
    shell: &Shell,
    core: &Core,
    image: &str,
    features: &str,
) -> Result<PathBuf, String> {
    build_variant(shell, core, image, Variant { features, name: features, ..Variant::default() })
}

/// Builds an image in a variant.
pub(crate) fn build_variant(
    shell: &Shell,
    core: &Core,
    image: &str,
    variant: Variant<'_>,
) -> Result<PathBuf, String> {
    let name = if variant.name.is_empty() { "product" } else { variant.name };
    let target = shell.target().join("firmware").join(name);
    build_at(shell, shell.root(), &target, core, image, variant)
}

/// Builds an image for the pump's core from a copy of the sources.
pub(crate) fn build_from(
    shell: &Shell,
    tree: &Path,
    target: &Path,
    image: &str,
) -> Result<PathBuf, String> {
    build_at(shell, tree, target, PUMP.core, image, Variant::default())
}

fn build_at(
    shell: &Shell,
    tree: &Path,
    target: &Path,
    core: &Core,
    image: &str,
    variant: Variant<'_>,
) -> Result<PathBuf, String> {
    let target_text = target.display().to_string();
    let mut words = cargo(shell);
    words.extend(["build", "--quiet", "--release", "--target", core.target, "--bin", image]);
    if !variant.features.is_empty() {
        words.extend(["--features", variant.features]);
    }
    let flags_name =
        format!("CARGO_TARGET_{}_RUSTFLAGS", core.target.to_uppercase().replace('-', "_"));
    let flags = [places_renamed()?, variant.flags.to_owned()].join(" ");
    let mut env = variant.env.to_vec();
    env.extend([("CARGO_TARGET_DIR", target_text.as_str()), (&flags_name, flags.trim())]);
    Shell::at(tree.join(FOLDER)).run_with(&words, &env)?;
    Ok(target.join(core.target).join("release").join(image))
}

/// Flags by which an image says nothing of where its dependencies lay, so that it is the same for every builder.
fn places_renamed() -> Result<String, String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.ok_or("no folder of cargo")?.join("registry").join("src");
    let Ok(folders) = sources.read_dir() else { return Ok(String::new()) };
    let flags: Result<Vec<String>, std::io::Error> = folders
        .map(|folder| Ok(format!("--remap-path-prefix={}=registry", folder?.path().display())))
        .collect();
    Ok(flags.map_err(|e| format!("{}: {e}", sources.display()))?.join(" "))
}

/// Cargo of a toolchain that has the targets.
pub(crate) fn cargo(shell: &Shell) -> Vec<&'static str> {
    let installed = shell.read(&["rustup", "target", "list", "--installed"]).unwrap_or_default();
    if [M4F, M0].iter().all(|core| installed.lines().any(|line| line == core.target)) {
        vec!["cargo"]
    } else {
        vec!["rustup", "run", EMBEDDED_TOOLCHAIN, "cargo"]
    }
}

/// The compiler of that toolchain.
pub(crate) fn compiler(shell: &Shell) -> Result<String, String> {
    let cargo = cargo(shell);
    let [before @ .., _] = cargo.as_slice() else { return Err("no cargo".to_owned()) };
    shell.read(&[before, &["rustc", "--version"]].concat())
}

/// What `llvm-objdump` makes of an image.
pub(crate) fn disassembly(shell: &Shell, image: &Path) -> Result<String, String> {
    let path = image.display().to_string();
    shell.read(&["llvm-objdump", "-d", "--demangle", "--no-show-raw-insn", &path])
}
