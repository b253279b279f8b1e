//! Programs that must not compile: each misuse beside a twin that does.
//!
//! Each program names the error it must give in its first line: codes, or a part of the message in quotes, or both
//! (`E0277 "part"`), with commas between several. It gives each of them and no other error. Its twin `*.ok.rs` differs from it
//! in at most two lines and compiles, so that no program fails for another reason than it says. The compiler is called
//! directly, against the libraries that the test was built with, so nothing is downloaded or rebuilt.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it does not expect")]

use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs, thread};

/// Lines by which a program may differ from its twin, the first line apart.
const TWIN_LINES_MAX: usize = 2;

/// One error the program must give.
struct Expected {
    code: Option<String>,
    part: Option<String>,
}

impl Expected {
    fn matches(&self, error: &str) -> bool {
        self.code.as_ref().is_none_or(|code| error.contains(&format!(": error[{code}]: ")))
            && self.part.as_ref().is_none_or(|part| error.contains(part.as_str()))
            && (self.code.is_some() || error.contains(": error: "))
    }
}

fn expected(source: &str) -> Vec<Expected> {
    let line = source.lines().next().unwrap();
    let list = line.strip_prefix("//@ error: ").unwrap();
    list.split(", ")
        .map(|item| {
            let part = item.split('"').nth(1).map(str::to_owned);
            let code = item.starts_with('E').then(|| item.split(' ').next().unwrap().to_owned());
            assert!(code.is_some() || part.is_some(), "{line}");
            Expected { code, part }
        })
        .collect()
}

/// The library `name` as this test was linked to it: cargo has just built it, so it is the newest.
fn library(deps: &Path, name: &str) -> PathBuf {
    let prefix = format!("lib{name}-");
    fs::read_dir(deps)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rlib"))
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix))
        .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("{prefix}*.rlib is not in {}", deps.display()))
}

/// The compiler beside the cargo that runs this test.
fn rustc() -> PathBuf {
    env::var_os("CARGO")
        .map(|cargo| Path::new(&cargo).with_file_name("rustc"))
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("rustc"))
}

struct Compiler {
    rustc: PathBuf,
    deps: PathBuf,
    externs: Vec<String>,
    scratch: PathBuf,
}

impl Compiler {
    fn new(libraries: &[&str], scratch: &Path) -> Self {
        let deps = env::current_exe().unwrap().parent().unwrap().to_owned();
        let externs = libraries
            .iter()
            .map(|name| format!("{name}={}", library(&deps, name).display()))
            .collect();
        Self { rustc: rustc(), deps, externs, scratch: scratch.to_owned() }
    }

    /// The errors of the program, one line each; none if it compiles.
    fn errors(&self, program: &Path) -> Vec<String> {
        let mut command = Command::new(&self.rustc);
        command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata"]);
        command.args(["-Awarnings", "--error-format=short", "--color=never"]);
        command.arg("--crate-name=program");
        command.arg("-L").arg(format!("dependency={}", self.deps.display()));
        for library in &self.externs {
            command.args(["--extern", library]);
        }
        let out = format!("{}.rmeta", program.file_name().unwrap().to_str().unwrap());
        command.arg("-o").arg(self.scratch.join(out));
        let output = command.arg(program).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<_> = text
            .lines()
            .filter(|line| line.contains(": error[") || line.contains(": error: "))
            .map(str::to_owned)
            .collect();
        assert_eq!(output.status.success(), errors.is_empty(), "{}\n{text}", program.display());
        errors
    }
}

/// What is wrong with one program and its twin.
fn faults(compiler: &Compiler, program: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    let twin = program.with_extension("ok.rs");
    let source = fs::read_to_string(program).unwrap();
    let Ok(twin_source) = fs::read_to_string(&twin) else {
        return vec!["has no twin".to_owned()];
    };
    let differing =
        source.lines().zip(twin_source.lines()).skip(1).filter(|(bad, good)| bad != good).count();
    if source.lines().count() != twin_source.lines().count() {
        faults.push("is longer or shorter than its twin".to_owned());
    }
    if differing == 0 || differing > TWIN_LINES_MAX {
        faults.push(format!("differs from its twin in {differing} lines"));
    }
    let errors = compiler.errors(program);
    let expected = expected(&source);
    for wanted in &expected {
        if !errors.iter().any(|error| wanted.matches(error)) {
            faults.push(format!("does not give {:?} {:?}", wanted.code, wanted.part));
        }
    }
    for error in &errors {
        // A part of the message need only stand in one of the errors with that code.
        let known = expected.iter().any(|wanted| {
            wanted.matches(error)
                || Expected { code: wanted.code.clone(), part: None }.matches(error)
        });
        if !known {
            faults.push(format!("gives another error: {error}"));
        }
    }
    faults.extend(compiler.errors(&twin).iter().map(|error| format!("twin: {error}")));
    faults
}

/// Compiles all programs of `folder` and their twins against `libraries`, with `scratch` for what the compiler writes; says how many programs there
/// are, and what is wrong with them.
///
/// # Panics
/// The folder cannot be read, or a program lacks its first line or its twin.
#[must_use]
pub fn faults_in(folder: &Path, libraries: &[&str], scratch: &Path) -> (usize, Vec<String>) {
    let files: BTreeSet<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let (twins, programs): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|path| path.to_str().unwrap().ends_with(".ok.rs"));
    assert_eq!(twins.len(), programs.len(), "a twin without a program, or the other way round");
    let compiler = Compiler::new(libraries, scratch);
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let faults = thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let mut found = Vec::new();
                    while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let name = program.file_stem().unwrap().to_str().unwrap();
                        let faults = faults(&compiler, program);
                        found.extend(faults.into_iter().map(|fault| format!("{name} {fault}")));
                    }
                    found
                })
            })
            .collect();
        running.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    (programs.len(), faults)
}
