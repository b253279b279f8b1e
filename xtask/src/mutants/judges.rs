//! The tests that judge mutants: built once with all mutants in them, and run one by one.

use core::time::Duration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Instant;

use serde::Deserialize;

use crate::shell::{Shell, in_threads};

/// Crates whose unit and integration tests judge.
const PACKAGES: [&str; 4] = ["medsec-core", "medsec-audit", "medsec-sim", "medsec-transport"];

/// Test files that judge something else: each case of `compile_fail` is a run of the compiler.
const LEFT_OUT: [&str; 1] = ["compile_fail"];

/// A test that takes longer without a mutant judges none.
const SECONDS_MAX: u64 = 20;

/// Environment variable with the number of the mutant that is on.
pub(super) const ACTIVE: &str = "MEDSEC_MUTANT";

/// Environment variable with the file to which numbers go that were asked for.
pub(super) const REACHED: &str = "MEDSEC_MUTANTS_REACHED";

/// One test.
pub(super) struct Judge {
    binary: PathBuf,
    folder: PathBuf,
    pub(super) name: String,
    /// How long it takes without a mutant.
    pub(super) takes: Duration,
    /// The mutants it comes by.
    pub(super) reached: BTreeSet<u32>,
}

/// What a test said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Passed,
    Failed,
    /// It did not end.
    Hung,
}

impl Judge {
    /// Runs the test with a mutant on.
    pub(super) fn judge(&self, number: u32) -> Result<Verdict, String> {
        let limit = Duration::from_secs(10) + self.takes * 10;
        self.run(&[(ACTIVE, &number.to_string())], limit)
    }

    /// Runs the test without a mutant, for how long it takes and what it reaches.
    fn explore(&mut self, reached: &Path) -> Result<Verdict, String> {
        std::fs::write(reached, "").map_err(|e| e.to_string())?;
        let start = Instant::now();
        let limit = Duration::from_secs(SECONDS_MAX);
        let verdict = self.run(&[(REACHED, &reached.to_string_lossy())], limit)?;
        self.takes = start.elapsed();
        let text = std::fs::read_to_string(reached).map_err(|e| e.to_string())?;
        self.reached = text.lines().filter_map(|line| line.parse().ok()).collect();
        Ok(verdict)
    }

    fn run(&self, env: &[(&str, &str)], limit: Duration) -> Result<Verdict, String> {
        // A mutant may ask for memory without end.
        let limited = "ulimit -v 4000000; exec nice \"$0\" \"$@\"";
        let binary = self.binary.to_string_lossy();
        let mut command = Shell::at(self.folder.clone()).command(&[
            "sh",
            "-c",
            limited,
            &binary,
            "--exact",
            &self.name,
            "--test-threads",
            "1",
            "--quiet",
        ]);
        command.envs(env.iter().copied()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", self.name))?;
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
                return Ok(if status.success() { Verdict::Passed } else { Verdict::Failed });
            }
            if start.elapsed() > limit {
                child.kill().and_then(|()| child.wait()).map_err(|e| e.to_string())?;
                return Ok(Verdict::Hung);
            }
            std::thread::sleep((start.elapsed() / 8).min(Duration::from_millis(50)));
        }
    }
}

/// Where the compiler saw an error.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) file: String,
    /// Bytes of the file.
    pub(super) at: Vec<(usize, usize)>,
    pub(super) text: String,
    /// A constant function calls one that is not.
    pub(super) is_constant: bool,
}

#[derive(Deserialize)]
struct Line {
    reason: String,
    message: Option<Message>,
    executable: Option<PathBuf>,
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Message {
    level: String,
    message: String,
    spans: Vec<Span>,
    rendered: Option<String>,
    code: Option<Code>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    byte_start: usize,
    byte_end: usize,
    is_primary: bool,
}

/// What cargo printed about the copy, line by line.
fn cargo(copy: &Shell, build: &Path, words: &[&str]) -> Result<Vec<Line>, String> {
    let mut all = vec!["cargo"];
    all.extend(words);
    all.extend(["--quiet", "--message-format", "json"]);
    all.extend(PACKAGES.iter().flat_map(|package| ["--package", *package]));
    let mut command = copy.command(&all);
    command.env("CARGO_TARGET_DIR", build).env("CARGO_PROFILE_DEV_DEBUG", "0");
    let output = command.stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).map_err(|e| format!("{e}: {line}"))).collect()
}

/// The errors in the copy.
pub(super) fn faults(copy: &Shell, build: &Path) -> Result<Vec<Fault>, String> {
    let lines = cargo(copy, build, &["check", "--lib"])?;
    let errors = lines.into_iter().filter_map(|line| line.message);
    let faults = errors.filter(|message| message.level == "error").map(|message| {
        let primary: Vec<&Span> = message.spans.iter().filter(|span| span.is_primary).collect();
        Fault {
            file: primary.first().map(|span| span.file_name.clone()).unwrap_or_default(),
            at: message.spans.iter().map(|span| (span.byte_start, span.byte_end)).collect(),
            is_constant: message.code.is_some_and(|code| code.code == "E0015"),
            text: message.rendered.unwrap_or(message.message),
        }
    });
    // The last ones only count those before.
    Ok(faults.filter(|fault| !fault.at.is_empty()).collect())
}

/// Builds the tests, and runs each once for what it reaches; also what is to be said of those that fail already.
pub(super) fn judges(copy: &Shell, build: &Path) -> Result<(Vec<Judge>, Vec<String>), String> {
    let lines = cargo(copy, build, &["test", "--no-run", "--lib", "--tests"])?;
    let mut waiting = Vec::new();
    for line in &lines {
        if let Some(message) = line.message.as_ref().filter(|message| message.level == "error") {
            return Err(message.rendered.clone().unwrap_or_else(|| message.message.clone()));
        }
        let (Some(binary), Some(manifest), "compiler-artifact") =
            (&line.executable, &line.manifest_path, line.reason.as_str())
        else {
            continue;
        };
        let target = line.target.as_ref().map(|target| target.name.as_str()).unwrap_or_default();
        if LEFT_OUT.contains(&target) {
            continue;
        }
        let folder = manifest.parent().map(Path::to_path_buf).unwrap_or_default();
        let listed = copy.read(&[&binary.to_string_lossy(), "--list", "--format", "terse"])?;
        for name in listed.lines().filter_map(|line| line.strip_suffix(": test")) {
            waiting.push(Judge {
                binary: binary.clone(),
                folder: folder.clone(),
                name: name.to_owned(),
                takes: Duration::ZERO,
                reached: BTreeSet::new(),
            });
        }
    }
    let waiting = Mutex::new(waiting);
    let parts = in_threads(0, |_, part| -> Result<(Vec<Judge>, Vec<String>), String> {
        let reached = build.join(format!("reached-{part}.txt"));
        let (mut judges, mut failing) = (Vec::new(), Vec::new());
        loop {
            let next = waiting.lock().map_err(|e| e.to_string())?.pop();
            let Some(mut judge) = next else { return Ok((judges, failing)) };
            match judge.explore(&reached)? {
                Verdict::Passed => judges.push(judge),
                Verdict::Failed => failing.push(format!("fails without a mutant: {}", judge.name)),
                Verdict::Hung => println!("over {SECONDS_MAX} s, judges nothing: {}", judge.name),
            }
        }
    });
    let (mut judges, mut failing) = (Vec::new(), Vec::new());
    for part in parts {
        let (more, worse) = part?;
        judges.extend(more);
        failing.extend(worse);
    }
    Ok((judges, failing))
}
