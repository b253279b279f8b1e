//! `cargo xtask firmware`: the images, their size, their stack, their panics and their multiplication.

mod budget;
mod crates;
mod elf;
mod image;
mod multiply;
mod panics;
mod proof;
mod stack;

use std::collections::BTreeSet;
use std::path::Path;

use crate::Outcome;
use crate::record::{Record, thousands};
use crate::shell::Shell;
use elf::Elf;
use stack::{Bound, Graph};

pub(crate) use budget::{Budgets, Figure};
pub(crate) use image::{
    AN386, Core, FOLDER, M0, M4F, PUMP, PUMP_M0, Product, SMALL, build, build_from, compiler,
};
use image::{Variant, build_variant, disassembly};

/// Packages in which the ciphers, curves and hashes are; ours are counted without them.
const OURS: [&str; 3] = ["medsec", "medsec-audit", "medsec-core"];

/// Sizes of an image, in bytes.
struct Sizes {
    text: u64,
    statics: u64,
}

impl Sizes {
    fn of(elf: &Elf) -> Self {
        let ram = |address: u32| address >= 0x2000_0000;
        Self {
            text: elf.bytes_of(|section| !ram(section.address)),
            statics: elf.bytes_of(|section| ram(section.address)),
        }
    }
}

fn read(image: &Path) -> Result<Elf, String> {
    Elf::parse(&std::fs::read(image).map_err(|e| format!("{}: {e}", image.display()))?)
}

/// The bound of the stack of an image, from a build that keeps the compiler's frame sizes.
fn bound(shell: &Shell, product: &Product) -> Result<Bound, String> {
    let env = [("RUSTC_BOOTSTRAP", "1")];
    let variant =
        Variant { features: "", name: "stack-sizes", flags: "-Z emit-stack-sizes", env: &env };
    let image = build_variant(shell, product.core, product.image, variant)?;
    let elf = read(&image)?;
    Graph::read(&elf, &disassembly(shell, &image)?)?.bound(&elf, product)
}

/// What was found of an image.
struct Finding {
    sites: BTreeSet<String>,
    figures: Vec<Figure>,
    line: String,
}

/// Measures an image.
fn measure(shell: &Shell, product: &Product) -> Result<Finding, String> {
    let target = product.core.target;
    let path = build(shell, product.core, product.image, "")?;
    let elf = read(&path)?;
    let sites = panics::sites(&elf);
    for site in &sites {
        println!("panic site {site}");
    }
    if *product.core == M0 {
        let instructions = multiply::check(shell, &path)?;
        println!("64-bit multiplication: {instructions} instructions, none of them branches");
    }
    let sizes = Sizes::of(&elf);
    let bound = bound(shell, product)?;
    for call in &bound.chain {
        println!("stack {call}");
    }
    let peak = crate::emulate::stack_peak(shell, product)?;
    let line = format!(
        "{} on {target}: {} panic sites in dependencies, .text {} B, statics {} B, stack at most {} B ({} of them \
         interrupts, {} functions), {} B measured, of {} B of RAM",
        product.image,
        sites.len(),
        thousands(sizes.text),
        thousands(sizes.statics),
        thousands(bound.bytes.into()),
        thousands(bound.interrupts.into()),
        bound.functions,
        thousands(peak),
        thousands(product.ram_bytes),
    );
    println!("{line}");
    if peak > u64::from(bound.bytes) {
        return Err(format!("the stack got deeper than its bound: {line}"));
    }
    if sizes.statics + u64::from(bound.bytes) > product.ram_bytes {
        return Err(format!("the stack can grow into the statics: {line}"));
    }
    let site_count = u64::try_from(sites.len()).map_err(|e| e.to_string())?;
    let mut figures: Vec<Figure> = [
        ("panic sites in dependencies", site_count),
        ("bytes of .text", sizes.text),
        ("bytes of statics", sizes.statics),
        ("bytes of stack at most", bound.bytes.into()),
        ("bytes of stack measured", peak),
    ]
    .map(|(what, value)| Figure { target, what: format!("{}: {what}", product.image), value })
    .into();
    figures.extend(by_package(shell, product, &path)?);
    Ok(Finding { sites, figures, line })
}

/// Bytes of code of each of our packages in an image; those of the others are printed.
fn by_package(shell: &Shell, product: &Product, image: &Path) -> Result<Vec<Figure>, String> {
    let sizes = crates::sizes(shell, image, &disassembly(shell, image)?)?;
    for (package, bytes) in &sizes {
        println!("code of {package}: {} B", thousands(*bytes));
    }
    let figure = |package: &&str| Figure {
        target: product.core.target,
        what: format!("{}: bytes of code of {package}", product.image),
        value: sizes.get(*package).copied().unwrap_or(0),
    };
    Ok(OURS.iter().map(figure).collect())
}

/// The pump, built by someone who lost the profile's `--cfg` flags, must be over its budget.
fn lost_flags(shell: &Shell, budgets: &Budgets) -> Result<u64, String> {
    let config = shell.root().join(FOLDER).join(".cargo").join("config.toml");
    let config = std::fs::read_to_string(&config).map_err(|e| format!("config.toml: {e}"))?;
    let flags = without_cfg(&config).ok_or("config.toml sets no --cfg flag to lose")?;
    // This variable replaces what the file says.
    let env = [("RUSTFLAGS", flags.as_str())];
    let variant = Variant { name: "lost-flags", env: &env, ..Variant::default() };
    let image = build_variant(shell, PUMP.core, PUMP.image, variant)?;
    let value = Sizes::of(&read(&image)?).text;
    let figure =
        Figure { target: PUMP.core.target, what: format!("{}: bytes of .text", PUMP.image), value };
    if budgets.refuses(&figure) {
        Ok(value)
    } else {
        Err(format!("control: without its --cfg flags the pump has {value} B and is in budget"))
    }
}

/// The compiler's flags of a `config.toml` without the `--cfg` ones, each of which has a line of its own.
fn without_cfg(config: &str) -> Option<String> {
    let (_, list) = config.split_once("rustflags = [")?;
    let (list, _) = list.split_once("\n]")?;
    let (lost, kept): (Vec<&str>, Vec<&str>) =
        list.lines().map(str::trim).partition(|line| line.starts_with("\"--cfg\""));
    let words = kept.iter().filter(|line| line.starts_with('"'));
    let words: Vec<&str> = words.flat_map(|line| line.split('"').skip(1).step_by(2)).collect();
    (!lost.is_empty()).then(|| words.join(" "))
}

/// Measures the images, and proves the entries of the libraries free of panics.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let record = match arguments {
        [] => false,
        [word] if word == "--record" => true,
        [..] => return Err(format!("unknown arguments {arguments:?}")),
    };
    let budgets = Budgets::read(shell)?;
    let refused = multiply::controls(shell)?;
    let mut proven = 0;
    for core in [&M4F, &M0] {
        proven = proof::run(shell, core)?;
        println!("{proven} entries proven free of panics on {}", core.target);
    }
    let (mut sites, mut figures, mut lines) = (BTreeSet::new(), Vec::new(), Vec::new());
    for product in [&PUMP, &PUMP_M0, &SMALL] {
        let finding = measure(shell, product)?;
        sites.extend(finding.sites);
        figures.extend(finding.figures);
        lines.push(finding.line);
    }
    let frozen = shell.root().join(FOLDER).join("panic-sites.txt");
    let frozen = std::fs::read_to_string(&frozen).map_err(|e| format!("panic-sites.txt: {e}"))?;
    panics::compare(&sites, &frozen)?;
    let lost = lost_flags(shell, &budgets)?;
    let (met, goals) = budgets.goals(&figures);
    if record {
        let counts = figures
            .iter()
            .map(|figure| (format!("{} {}", figure.target, figure.what), figure.value));
        let proven = ("entries proven free of panics".to_owned(), proven);
        let counts: Vec<(String, u64)> = core::iter::once(proven).chain(counts).collect();
        let command = "cargo xtask firmware --record";
        Record { name: "firmware", command, seed: 0, counts: &counts }
            .write_of(shell, &compiler(shell)?)?;
    }
    budgets.judge(&figures)?;
    Ok(format!(
        "{proven} entries proven free of panics on 2 cores; {}; {met} of {goals} goals met; controls: {} B without --cfg \
         flags, {refused} branching multiplications refused",
        lines.join("; "),
        thousands(lost),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cfg_flags_are_lost_and_the_others_kept() {
        let config = "[target.x]\nrustflags = [\n    \"-C\", \"linker=l\",\n    # why\n    \"--cfg\", \"a=\\\"b\\\"\",\n]\n";
        assert_eq!(without_cfg(config).as_deref(), Some("-C linker=l"));
        assert_eq!(without_cfg(&config.replace("--cfg", "-C")), None);
    }
}
