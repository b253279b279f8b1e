//! `cargo xtask firmware`: the images, their size, their stack and their panics.

mod elf;
mod panics;
mod proof;
mod stack;

use std::path::{Path, PathBuf};

use crate::Outcome;
use crate::check::EMBEDDED_TOOLCHAIN;
use crate::record::{Record, thousands};
use crate::shell::Shell;
use elf::Elf;
use stack::{Bound, Graph};

/// The target of the images.
pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";

/// The firmware's folder.
const FOLDER: &str = "examples/pump-firmware";

/// RAM of the part, as in its `memory.x`.
const RAM_BYTES: u64 = 64 * 1024;

/// Image that the gate measures.
pub(crate) const PRODUCT: &str = "pump";

/// Builds one image of `examples/pump-firmware`; returns its path.
pub(crate) fn build(shell: &Shell, image: &str, features: &[&str]) -> Result<PathBuf, String> {
    let name = if features.is_empty() { "product".to_owned() } else { features.join("-") };
    build_into(shell, image, &features.join(","), &name, &[])
}

/// Builds the product from a copy of the sources.
pub(crate) fn build_from(shell: &Shell, tree: &Path, target: &Path) -> Result<PathBuf, String> {
    build_at(shell, tree, target, PRODUCT, &[], &[])
}

fn build_into(
    shell: &Shell,
    image: &str,
    features: &str,
    name: &str,
    env: &[(&str, &str)],
) -> Result<PathBuf, String> {
    let target = shell.target().join("firmware").join(name);
    let features: &[&str] = if features.is_empty() { &[] } else { &["--features", features] };
    build_at(shell, shell.root(), &target, image, features, env)
}

fn build_at(
    shell: &Shell,
    tree: &Path,
    target: &Path,
    image: &str,
    features: &[&str],
    env: &[(&str, &str)],
) -> Result<PathBuf, String> {
    let target_text = target.display().to_string();
    let mut words = cargo(shell);
    words.extend(["build", "--quiet", "--release", "--bin", image]);
    words.extend(features);
    let mut env = env.to_vec();
    env.push(("CARGO_TARGET_DIR", &target_text));
    run_in(&tree.join(FOLDER), &words, &env)?;
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

fn run_in(folder: &Path, words: &[&str], env: &[(&str, &str)]) -> Result<(), String> {
    Shell::at(folder.to_path_buf()).run_with(words, env)
}

/// Sizes of an image, in bytes.
struct Sizes {
    text: u64,
    data: u64,
    bss: u64,
}

impl Sizes {
    fn of(elf: &Elf) -> Self {
        let ram = |address: u32| address >= 0x2000_0000;
        Self {
            text: elf.bytes_of(|section| !ram(section.address)),
            data: elf.bytes_of(|section| ram(section.address) && !section.bytes.is_empty()),
            bss: elf.bytes_of(|section| ram(section.address) && section.bytes.is_empty()),
        }
    }
}

/// The bound of the stack of an image, from a build that keeps the compiler's frame sizes.
fn bound(shell: &Shell) -> Result<Bound, String> {
    let env = [
        ("RUSTC_BOOTSTRAP", "1"),
        ("CARGO_TARGET_THUMBV7EM_NONE_EABIHF_RUSTFLAGS", "-Z emit-stack-sizes"),
    ];
    let image = build_into(shell, PRODUCT, "", "stack-sizes", &env)?;
    let elf = Elf::parse(&std::fs::read(&image).map_err(|e| e.to_string())?)?;
    let path = image.display().to_string();
    let disassembly =
        shell.read(&["llvm-objdump", "-d", "--demangle", "--no-show-raw-insn", &path])?;
    Graph::read(&elf, &disassembly)?.bound(&elf)
}

/// Measures the product, and proves the entries of the libraries free of panics.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let record = match arguments {
        [] => false,
        [word] if word == "--record" => true,
        [..] => return Err(format!("unknown arguments {arguments:?}")),
    };
    let proven = proof::run(shell)?;
    let image = build(shell, PRODUCT, &[])?;
    let elf = Elf::parse(&std::fs::read(&image).map_err(|e| e.to_string())?)?;
    let sites = panics::sites(&elf);
    for site in &sites {
        println!("panic site {site}");
    }
    let frozen = shell.root().join(FOLDER).join("panic-sites.txt");
    let frozen = std::fs::read_to_string(&frozen).map_err(|e| format!("panic-sites.txt: {e}"))?;
    panics::compare(&sites, &frozen)?;
    let sizes = Sizes::of(&elf);
    let bound = bound(shell)?;
    for call in &bound.chain {
        println!("stack {call}");
    }
    let peak = crate::emulate::stack_peak(shell)?;
    let line = format!(
        "{proven} entries proven free of panics, {} panic sites in dependencies; .text {} B, .data {} B, .bss {} B; stack \
         at most {} B ({} of them interrupts, {} functions), {} B measured",
        sites.len(),
        thousands(sizes.text),
        thousands(sizes.data),
        thousands(sizes.bss),
        thousands(bound.bytes.into()),
        thousands(bound.interrupts.into()),
        bound.functions,
        thousands(peak),
    );
    if peak > u64::from(bound.bytes) {
        return Err(format!("the stack got deeper than its bound: {line}"));
    }
    if sizes.data + sizes.bss + u64::from(bound.bytes) > RAM_BYTES {
        return Err(format!("the stack can grow into the statics: {line}"));
    }
    if record {
        let sites = u64::try_from(sites.len()).map_err(|e| e.to_string())?;
        let counts = [
            ("entries proven free of panics", proven),
            ("panic sites in dependencies", sites),
            ("bytes of .text", sizes.text),
            ("bytes of .data", sizes.data),
            ("bytes of .bss", sizes.bss),
            ("bytes of stack at most", bound.bytes.into()),
            ("bytes of stack measured", peak),
        ]
        .map(|(what, count)| (what.to_owned(), count));
        let command = "cargo xtask firmware --record";
        Record { name: "firmware", command, seed: 0, counts: &counts }.write(shell)?;
    }
    Ok(line)
}
