//! Whose code an image is made of, by the compiler's line tables.
//!
//! Each instruction belongs to the package of the innermost inlined call that is not of the standard library: what a
//! package pulls from there is its own, wherever it was inlined into.

use std::collections::BTreeMap;
use std::path::Path;

use super::panics::in_package;
use crate::shell::Shell;

/// Package of what has no line table: the compiler's runtime.
const RUNTIME: &str = "compiler's runtime";

/// Bytes of code by package.
pub(crate) fn sizes(
    shell: &Shell,
    image: &Path,
    disassembly: &str,
) -> Result<BTreeMap<String, u64>, String> {
    let addresses = addresses(disassembly);
    let list: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
    let asked = image.with_extension("addresses");
    std::fs::write(&asked, list).map_err(|e| format!("{}: {e}", asked.display()))?;
    let object = format!("--obj={}", image.display());
    let at_file = format!("@{}", asked.display());
    let answers =
        shell.read(&["llvm-symbolizer", &object, "--functions=none", "--inlines", &at_file])?;
    let blocks: Vec<&str> = answers.trim_end().split("\n\n").collect();
    if blocks.len() != addresses.len() {
        return Err(format!("{} places for {} addresses", blocks.len(), addresses.len()));
    }
    let mut sizes = BTreeMap::new();
    for (index, block) in blocks.iter().enumerate() {
        let (Some(from), Some(to)) = (addresses.get(index), addresses.get(index + 1)) else {
            break;
        };
        // Between two sections there is nothing of anybody's.
        let bytes = Some(u64::from(to - from)).filter(|bytes| *bytes <= 4).unwrap_or(4);
        *sizes.entry(owner(block)).or_insert(0) += bytes;
    }
    Ok(sizes)
}

/// Addresses of instructions and of words between them.
fn addresses(disassembly: &str) -> Vec<u32> {
    let address = |line: &str| {
        let (address, _) = line.split_once(":")?;
        u32::from_str_radix(address.trim_start(), 16).ok().filter(|_| line.starts_with(' '))
    };
    disassembly.lines().filter_map(address).collect()
}

/// The package of the innermost place outside the standard library.
fn owner(block: &str) -> String {
    let ours = |place: &&str| !place.contains("/library/") && !place.starts_with("??");
    let Some(place) = block.lines().find(ours) else { return RUNTIME.to_owned() };
    let package = in_package(place).split('/').next().unwrap_or_default();
    // `aes-0.9.4` is `aes`; packages of this repository come without a version.
    let version = |at: usize| {
        package.get(at + 1..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let end = package.match_indices('-').map(|(at, _)| at).find(|at| version(*at));
    package.get(..end.unwrap_or(package.len())).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_belongs_to_the_innermost_package() {
        for (block, package) in [
            (
                "/rustc/1/library/core/src/slice.rs:1:2\n/w/medsec-audit/src/log.rs:3:4",
                "medsec-audit",
            ),
            (
                "/r/x25519-dalek-3.0.0/src/x25519.rs:1:2\n/w/medsec-core/src/hpke.rs:1:1",
                "x25519-dalek",
            ),
            ("/rustc/1/library/core/src/slice.rs:1:2", RUNTIME),
            ("??:0:0", RUNTIME),
        ] {
            assert_eq!(owner(block), package);
        }
    }

    #[test]
    fn addresses_are_those_of_instructions() {
        let text = "a.elf:\tfile format elf32\n\n00000100 <a>:\n     100:      \tbx\tlr\n     102:      \tnop\n";
        assert_eq!(addresses(text), [0x100, 0x102]);
    }
}
