//! `cargo xtask deny`: licences, sources, duplicate versions and known vulnerabilities of all dependencies.

use std::path::{Path, PathBuf};

use crate::shell::Shell;
use crate::{Outcome, tidy};

/// Where cargo-deny looks below its `db-path` for the database it would otherwise download.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// A copy with fewer advisories than this is not the whole database.
const ADVISORIES_MIN: usize = 1_000;

/// Checks every workspace's graph.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let packed = match arguments {
        [] => newest_copy(&shell.root().join("..").join("shared").join("data")),
        [flag, file] if flag == "--db" => Some(PathBuf::from(file)),
        _ => return Err("usage: deny [--db FILE.tar.xz]".to_owned()),
    };
    if !shell.succeeds(&["cargo", "deny", "--version"]) {
        return Err("cargo-deny is missing: cargo install cargo-deny --locked".to_owned());
    }
    let advisories = database(shell, packed.as_deref())?;
    let mut manifests = vec!["Cargo.toml", "benches/consttime/Cargo.toml"];
    for other in ["examples/pump-firmware/Cargo.toml", "fuzz/Cargo.toml"] {
        if shell.root().join(other).is_file() {
            manifests.push(other);
        }
    }
    for manifest in &manifests {
        // Packages of other platforms are looked at too, and a build does not download those.
        shell.run(&["cargo", "fetch", "--quiet", "--locked", "--manifest-path", manifest])?;
        let mut words = vec!["cargo", "deny", "--offline", "--manifest-path", manifest];
        words.extend(["--config", "deny.toml", "check", "--hide-inclusion-graph"]);
        // One file holds the exceptions of all workspaces, so that not each meets each.
        words.extend(["--allow", "unmatched-skip-root", "--allow", "advisory-not-detected"]);
        if advisories.is_some() {
            words.push("advisories");
        }
        words.extend(["bans", "sources", "licenses"]);
        shell.run(&words)?;
    }
    let packages = tidy::locked_packages(shell)?.len();
    let looked_up = advisories.unwrap_or_else(|| {
        "advisories NOT checked (no copy of the database here and none could be fetched)".to_owned()
    });
    Ok(format!("{packages} packages, 0 findings; {looked_up}"))
}

/// Puts a database where cargo-deny finds it without a network; says which, or nothing if there is none.
fn database(shell: &Shell, packed: Option<&Path>) -> Result<Option<String>, String> {
    let place = shell.root().join("target").join("advisory-db").join(DATABASE);
    let Some(packed) = packed else {
        println!("no dated copy of the advisory database; asking its maintainers'");
        let fetched = shell.succeeds(&["cargo", "deny", "fetch", "db"]);
        return Ok(fetched.then(|| "advisories of today".to_owned()));
    };
    let dated = packed.file_name().map(|name| name.to_string_lossy().into_owned());
    let dated = dated.unwrap_or_default();
    let date = dated.trim_start_matches("rustsec-advisory-db-").trim_end_matches(".tar.xz");
    let mark = place.join(".git").join("medsec-copy");
    if std::fs::read_to_string(&mark).is_ok_and(|present| present == date) {
        return count(&place, date).map(Some);
    }
    if place.exists() {
        std::fs::remove_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
    }
    std::fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
    let at = place.to_string_lossy();
    shell.run(&["tar", "--extract", "--file", &packed.to_string_lossy(), "--directory", &at])?;
    // cargo-deny takes a database from a git repository only, and reads its date from the last commit.
    let commit = ["-c", "user.name=gate", "-c", "user.email=gate@localhost", "commit", "--quiet"];
    let in_place = ["git", "-C", &*at];
    shell.run(&[&in_place[..], &["init", "--quiet"]].concat())?;
    shell.run(&[&in_place[..], &["add", "."]].concat())?;
    shell.run(&[&in_place[..], &commit, &["--message", date]].concat())?;
    std::fs::write(&mark, date).map_err(|e| format!("{}: {e}", mark.display()))?;
    count(&place, date).map(Some)
}

/// Counts the advisories, so that an empty database cannot pass.
fn count(place: &Path, date: &str) -> Outcome {
    let crates = std::fs::read_dir(place.join("crates")).map_err(|e| format!("database: {e}"))?;
    let advisories = crates
        .filter_map(Result::ok)
        .filter_map(|folder| std::fs::read_dir(folder.path()).ok())
        .flatten()
        .count();
    if advisories < ADVISORIES_MIN {
        return Err(format!("the database holds {advisories} advisories only"));
    }
    Ok(format!("{advisories} advisories of {date}"))
}

/// The newest dated copy in a folder.
fn newest_copy(folder: &Path) -> Option<PathBuf> {
    let mut copies: Vec<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().is_some_and(|name| {
                let name = name.to_string_lossy();
                name.starts_with("rustsec-advisory-db-") && name.ends_with(".tar.xz")
            })
        })
        .collect();
    copies.sort();
    copies.pop()
}
