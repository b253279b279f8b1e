//! The panic proof: each entry of `examples/pump-firmware/proof` is linked alone.

use std::path::Path;

use super::image::{Core, cargo};
use crate::shell::Shell;

/// Where the entries are written.
const SOURCES: &str = "examples/pump-firmware/proof/src/";

/// Links every entry for a core; returns how many are proven.
pub(crate) fn run(shell: &Shell, core: &Core) -> Result<u64, String> {
    let folder = shell.root().join("examples/pump-firmware/proof");
    let target = shell.target().join("firmware").join("proof");
    let mut words = cargo(shell);
    words.extend(["build", "--quiet", "--release", "--target", core.target]);
    let env = [("CARGO_TARGET_DIR", target.display().to_string())];
    Shell::at(folder)
        .run_with(&words, &env.each_ref().map(|(key, value)| (*key, value.as_str())))?;
    let library = target.join(core.target).join("release").join("libpanic_proof.a");
    let sources = shell.sources()?;
    let mut entries = Vec::new();
    for source in sources.iter().filter(|path| path.starts_with(SOURCES)) {
        let text = std::fs::read_to_string(shell.root().join(source));
        entries.extend(entries_in(&text.map_err(|e| format!("{source}: {e}"))?));
    }
    if entries.is_empty() {
        return Err("panic proof: no entries".to_owned());
    }
    let links = |entry: &str| links(shell, &library, &target, entry);
    if !links("control_links")? {
        return Err("panic proof: the control that cannot panic does not link".to_owned());
    }
    if links("control_panics")? {
        return Err("panic proof: the control that can panic links".to_owned());
    }
    let mut failed = Vec::new();
    for entry in &entries {
        if !links(entry)? {
            failed.push(entry.as_str());
        }
    }
    if failed.is_empty() {
        u64::try_from(entries.len()).map_err(|e| e.to_string())
    } else {
        Err(format!("panic can be reached from {}", failed.join(", ")))
    }
}

/// The entries that a source defines.
fn entries_in(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("fn entry_"))
        .filter_map(|rest| rest.split(['<', '(']).next())
        .map(|name| format!("entry_{name}"))
        .collect()
}

/// Whether `entry` links alone. Only the panic handler's symbol may be missing; anything else is an error.
fn links(shell: &Shell, library: &Path, target: &Path, entry: &str) -> Result<bool, String> {
    let output = target.join("entry.elf").display().to_string();
    let library = library.display().to_string();
    let words = ["ld.lld", "-m", "armelf", "-e", entry, "--gc-sections", "-o", &output, &library];
    let linked = shell.command(&words).output().map_err(|e| format!("ld.lld: {e}"))?;
    let errors = String::from_utf8_lossy(&linked.stderr).into_owned();
    // An entry that is not there links too: nothing is kept, and nothing of it can panic.
    if errors.contains("cannot find entry symbol") {
        return Err(format!("panic proof: there is no {entry}"));
    }
    if linked.status.success() {
        return Ok(true);
    }
    let reasons = errors.lines().filter(|line| line.contains("error:"));
    let expected = "undefined symbol: medsec_panic_can_be_reached";
    if reasons.clone().count() == 1 && reasons.clone().all(|line| line.contains(expected)) {
        Ok(false)
    } else {
        Err(format!("{entry}: {errors}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_without_its_lifetimes() {
        let text = "fn entry_plain(\nfn entry_lent<'m>(\nfn control_panics(\n    fn entry_inner(";
        assert_eq!(entries_in(text), ["entry_plain", "entry_lent"]);
    }
}
