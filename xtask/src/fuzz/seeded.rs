//! Seeded bugs: the control of the targets. `fuzz/seeded/<target>.patch` puts one into the product.
//!
//! All patches are applied together to a copy of the sources, each bug behind a switch that exists only there
//! (`switch.patch`), so that one build holds all of them. No bug is ever in the tree.

use std::path::Path;

use super::program::Program;
use crate::counterexamples::Copy;
use crate::shell::{Shell, in_threads};

/// Executions within which a target finds its bug from its corpus.
const RUNS_MAX: u64 = 400_000;

const FOLDER: &str = "fuzz/seeded/";
const SWITCH: &str = "fuzz/seeded/switch.patch";

/// How many of the targets find their bug. Fails if one does not, or crashes without it.
pub(super) fn find(
    shell: &Shell,
    product: &Program,
    names: &[&String],
    corpora: &Path,
) -> Result<usize, String> {
    let sources = shell.sources()?;
    let patches = sources.iter().filter(|path| path.starts_with(FOLDER));
    let patches: Vec<&str> = patches.map(String::as_str).collect();
    for name in names {
        if !patches.contains(&format!("{FOLDER}{name}.patch").as_str()) {
            return Err(format!("{name} has no seeded bug"));
        }
    }
    for patch in patches.iter().filter(|patch| **patch != SWITCH) {
        let name = patch.trim_start_matches(FOLDER).trim_end_matches(".patch");
        if !corpora.join(name).is_dir() {
            return Err(format!("{patch} is for no target"));
        }
    }
    let copy = Copy::at(shell, &shell.target().join("fuzz").join("seeded-sources"))?;
    let seeded = copy.patched_with(&patches, |copied| Program::build(shell, copied, "seeded"))?;
    let parts = in_threads(0, |threads, part| {
        let threads = usize::try_from(threads).unwrap_or(1);
        let mine = names.iter().skip(usize::try_from(part).unwrap_or(0)).step_by(threads);
        mine.map(|name| one(product, &seeded, name, corpora)).collect::<Vec<_>>()
    });
    let failed: Vec<String> = parts.into_iter().flatten().filter_map(Result::err).collect();
    if failed.is_empty() { Ok(names.len()) } else { Err(failed.join("\n")) }
}

/// The product passes where the seeded bug does not.
fn one(product: &Program, seeded: &Program, name: &str, corpora: &Path) -> Result<(), String> {
    let corpus = corpora.join(name);
    if product.crashes(name, "", 0, &corpus)? {
        return Err(format!("{name} crashes without a seeded bug"));
    }
    if seeded.crashes(name, name, RUNS_MAX, &corpus)? {
        Ok(())
    } else {
        Err(format!("{name} does not find its seeded bug in {RUNS_MAX} executions"))
    }
}
