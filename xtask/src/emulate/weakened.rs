//! Controls: firmware from a copy of the sources that lacks something.

use std::path::{Path, PathBuf};

use super::campaign::Campaign;
use super::machine::Machine;
use crate::firmware;
use crate::shell::Shell;

/// What is taken out for the campaign: one rule of the mount.
const PATCH: &str = "examples/pump-firmware/weakened/mount-rule.patch";

/// What the firmware is built from.
const PARTS: [&str; 3] = ["Cargo.", "medsec", "examples/"];

/// Cuts the power of the weakened pump as the product's was; says after how many cuts something was wrong.
pub(crate) fn first_finding(shell: &Shell, kills: u64, seed: u64) -> Result<String, String> {
    let image = build(shell, PATCH, firmware::PUMP.image)?;
    let place = shell.target().join("emulate-weakened");
    let machine = Machine::new(firmware::PUMP.board, &image, &place)?;
    let mut campaign = Campaign::new(&machine, None, seed)?;
    let found = campaign.cut_until_wrong(kills)?.finding();
    found
        .map(|what| format!("without a mount rule {what}"))
        .map_err(|why| format!("without a mount rule {why}"))
}

/// Builds an image from the sources with `patch` applied.
pub(super) fn build(shell: &Shell, patch: &str, image: &str) -> Result<PathBuf, String> {
    let place = shell.target().join("emulate-weakened");
    let tree = place.join("tree");
    copy(shell, &tree)?;
    // Below a repository, git would look for the patch's paths from that repository's root.
    Shell::at(tree.clone())
        .run_with(&["git", "apply", patch], &[("GIT_CEILING_DIRECTORIES", &text(&place))])?;
    firmware::build_from(shell, &tree, &place.join("build"), image)
}

/// Makes `tree` equal to the product. Files that already are stay untouched, so that little is built again.
fn copy(shell: &Shell, tree: &Path) -> Result<(), String> {
    let sources = shell.sources()?;
    for path in sources.iter().filter(|path| PARTS.iter().any(|part| path.starts_with(part))) {
        let (from, to) = (shell.root().join(path), tree.join(path));
        let failed = |e: std::io::Error| format!("{path}: {e}");
        let bytes = std::fs::read(&from).map_err(failed)?;
        if std::fs::read(&to).is_ok_and(|present| present == bytes) {
            continue;
        }
        std::fs::create_dir_all(to.parent().unwrap_or(tree)).map_err(failed)?;
        std::fs::write(&to, bytes).map_err(failed)?;
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
