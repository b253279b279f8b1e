//! What ran, on which sources, and what came of it. Nothing here is ever typed by hand.
//!
//! `<target>/trace/tests.txt` is what `cargo test --workspace` printed, below a line with the digest of the sources;
//! `<target>/gates/<gate>.txt`, named by gate and arguments, holds the digest, `passed` or `failed`, and the gate's last line. What was written for other
//! sources did not happen.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::Outcome;
use crate::shell::Shell;
use crate::tidy::Tree;

/// Neither a test nor another gate reads these, so that they may change between a run and its evaluation.
const UNREAD: [&str; 3] = ["trace/", "docs/traceability.md", "docs/threat-model.md"];

/// The gate that plays the attacks of the catalogue.
pub(crate) const ATTACKS: &str = "attacks";

/// Before the digest, in a file of results.
const SOURCES: &str = "sources ";

/// What came of a test or a gate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Status {
    Pass,
    NotRun,
    Fail,
}

impl Status {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::NotRun => "not-run",
            Self::Fail => "fail",
        }
    }
}

/// What came of every test and gate that ran on these sources.
#[derive(Clone, Default)]
pub(crate) struct Results {
    /// The digest of these sources.
    pub(crate) sources: String,
    pub(crate) tests: BTreeMap<String, Status>,
    pub(crate) gates: BTreeMap<String, (Status, String)>,
}

impl Results {
    /// Of a test, `path::name`, of a gate in all its steps, `gate:name`, or of an attack, `attack:id`, which its gate plays.
    pub(crate) fn of(&self, reference: &str) -> Status {
        let gate = match reference.split_once(':') {
            Some(("gate", gate)) => gate,
            Some(("attack", _)) => ATTACKS,
            _ => return self.tests.get(reference).copied().unwrap_or(Status::NotRun),
        };
        let of_step = |step| self.gates.get(&step).map_or(Status::NotRun, |(status, _)| *status);
        crate::ci::steps_of(gate).map(of_step).max().unwrap_or(Status::NotRun)
    }

    /// Reads what there is for the present sources.
    pub(crate) fn read(shell: &Shell, tree: &Tree) -> Result<Self, String> {
        let digest = digest(shell, tree)?;
        let mut results = Self { sources: digest.clone(), ..Self::default() };
        let fresh = std::fs::read_to_string(tests_file(shell)).ok();
        if let Some(printed) = fresh.filter(|text| is_of(text, &digest)) {
            results.tests = parse(&printed, &executables(shell)?, tree);
        }
        let Ok(entries) = std::fs::read_dir(gates_folder(shell)) else { return Ok(results) };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let gate = path.file_stem().map(|stem| stem.to_string_lossy().replace('_', " "));
            if let (true, Some(gate)) = (is_of(&text, &digest), gate) {
                let passed = text.lines().nth(1) == Some("passed");
                let status = if passed { Status::Pass } else { Status::Fail };
                let line = text.lines().nth(2).unwrap_or_default().to_owned();
                results.gates.insert(gate, (status, line));
            }
        }
        Ok(results)
    }
}

/// Keeps what a gate came to; the gate's name is followed by its arguments.
pub(crate) fn keep(shell: &Shell, gate: &str, digest: &str, outcome: &Outcome) {
    let (word, line) = match outcome {
        Ok(figures) => ("passed", figures.trim()),
        Err(why) => ("failed", why.lines().next().unwrap_or_default()),
    };
    let text = format!("{SOURCES}{digest}\n{word}\n{gate}: {line}\n");
    let folder = gates_folder(shell);
    let written = std::fs::create_dir_all(&folder).and_then(|()| {
        std::fs::write(folder.join(format!("{}.txt", gate.replace(' ', "_"))), text)
    });
    if let Err(why) = written {
        println!("{gate}: its result is not kept: {why}");
    }
}

/// Runs all tests, as README command 2 does, and keeps what they print.
pub(crate) fn run_tests(shell: &Shell, tree: &Tree) -> Result<(), String> {
    let path = tests_file(shell);
    let failed = |e: std::io::Error| format!("{}: {e}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, format!("{SOURCES}{}\n", digest(shell, tree)?)).map_err(failed)?;
    let out = File::options().append(true).open(&path).map_err(failed)?;
    let err = out.try_clone().map_err(failed)?;
    let words = ["cargo", "test", "--workspace", "--no-fail-fast"];
    println!("$ {} >{}", words.join(" "), path.display());
    let mut command = shell.command(&words);
    command.stdout(Stdio::from(out)).stderr(Stdio::from(err)).env("CARGO_TERM_COLOR", "never");
    // Whether a test failed is read from what was printed.
    command.status().map_err(failed).map(|_| ())
}

/// The digest of all sources that a test or another gate may read.
pub(crate) fn digest(shell: &Shell, tree: &Tree) -> Result<String, String> {
    let mut all = Vec::new();
    for file in &tree.files {
        if UNREAD.iter().any(|unread| file.path.starts_with(unread)) {
            continue;
        }
        let bytes = std::fs::read(shell.root().join(&file.path))
            .map_err(|e| format!("{}: {e}", file.path))?;
        all.extend(medsec_core::key::sha256(&[file.path.as_bytes()]));
        all.extend(medsec_core::key::sha256(&[&bytes]));
    }
    let digest = medsec_core::key::sha256(&[&all]);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn tests_file(shell: &Shell) -> PathBuf {
    shell.target().join("trace").join("tests.txt")
}

fn gates_folder(shell: &Shell) -> PathBuf {
    shell.target().join("gates")
}

/// Whether the first line names these sources; a gate's name may stand before them.
fn is_of(text: &str, digest: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(SOURCES).is_some_and(|(_, named)| named == digest)
}

/// A line of cargo's JSON, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    executable: Option<String>,
    target: Option<Target>,
    profile: Option<Profile>,
}

#[derive(Deserialize)]
struct Target {
    src_path: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// The root source of each test executable, by the executable's file name.
fn executables(shell: &Shell) -> Result<BTreeMap<String, String>, String> {
    let words = ["cargo", "test", "--quiet", "--workspace", "--no-run", "--message-format", "json"];
    let printed = shell.read(&words)?;
    let messages = printed.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let tests = messages.filter(|message| message.profile.as_ref().is_some_and(|it| it.test));
    let roots = tests.filter_map(|message| {
        let executable = Path::new(message.executable.as_ref()?).file_name()?;
        let source = PathBuf::from(message.target?.src_path);
        let source = source.strip_prefix(shell.root()).ok()?;
        Some((executable.to_string_lossy().into_owned(), source.to_string_lossy().into_owned()))
    });
    Ok(roots.collect())
}

/// Reads what `cargo test` prints.
fn parse(printed: &str, roots: &BTreeMap<String, String>, tree: &Tree) -> BTreeMap<String, Status> {
    let mut tests = BTreeMap::new();
    let mut root: Option<&str> = None;
    for line in printed.lines() {
        let words = line.trim_start();
        if words.starts_with("Running ") {
            let executable = words.rsplit_once('(').map_or("", |(_, rest)| rest);
            let name = executable.trim_end_matches(')').rsplit('/').next().unwrap_or_default();
            root = roots.get(name).map(String::as_str);
        } else if words.starts_with("Doc-tests ") {
            root = None;
        } else if let (Some(root), Some(rest)) = (root, line.strip_prefix("test ")) {
            let Some((path, came)) = rest.rsplit_once(" ... ") else { continue };
            let status = match came {
                "ok" => Status::Pass,
                came if came.starts_with("ignored") => Status::NotRun,
                _ => Status::Fail,
            };
            tests.insert(reference(root, path, tree), status);
        }
    }
    tests
}

/// `path::name` for a test of an executable: the file its module lies in.
fn reference(root: &str, path: &str, tree: &Tree) -> String {
    let (folder, _) = root.rsplit_once('/').unwrap_or_default();
    let (modules, name) = path.rsplit_once("::").unwrap_or(("", path));
    let mut modules: Vec<&str> = modules.split("::").collect();
    while !modules.is_empty() {
        let file = format!("{folder}/{}.rs", modules.join("/"));
        if tree.has(&file) {
            return format!("{file}::{name}");
        }
        modules.pop();
    }
    format!("{root}::{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
     Running unittests src/lib.rs (target/debug/deps/core-01)
test suite::tests::holds ... ok
test suite::tests::breaks ... FAILED
test here ... ignored, too long
     Running tests/ring.rs (/else/where/deps/ring-02)
test no_cut ... ok
   Doc-tests core
test core/src/lib.rs - (line 3) ... ok
     Running tests/x.rs (deps/unknown-03)
test lost ... ok
";

    #[test]
    fn what_cargo_prints_is_read_by_file_and_name() {
        let files = ["core/src/lib.rs", "core/src/suite.rs", "core/tests/ring.rs"];
        let files = files.map(|path| crate::tidy::File { path: path.into(), text: String::new() });
        let tree = Tree { files: files.into() };
        let roots = [("core-01", "core/src/lib.rs"), ("ring-02", "core/tests/ring.rs")];
        let roots = roots.map(|(name, root)| (name.to_owned(), root.to_owned())).into();
        let tests = parse(PRINTED, &roots, &tree);
        let expected = [
            ("core/src/lib.rs::here", Status::NotRun),
            ("core/src/suite.rs::breaks", Status::Fail),
            ("core/src/suite.rs::holds", Status::Pass),
            ("core/tests/ring.rs::no_cut", Status::Pass),
        ];
        assert!(tests.iter().map(|(id, status)| (id.as_str(), *status)).eq(expected));
    }

    #[test]
    fn results_of_other_sources_count_for_nothing() {
        assert!(is_of("trace: sources ab12\n", "ab12") && is_of("sources ab12\npassed\n", "ab12"));
        assert!(
            !is_of("sources ab12\n", "ab13") && !is_of("", "") && !is_of("sources ab123\n", "ab12")
        );
    }
}
