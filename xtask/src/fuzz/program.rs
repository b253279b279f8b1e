//! The program of all targets: building it with counters, and running one target.

use core::fmt;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::record::thousands;
use crate::shell::Shell;

/// Executions of each target that are on record, unless it stopped finding anything long before.
const RUNS_RECORDED: u64 = 10_000_000;

/// What libFuzzer asks of the compiler.
const COUNTERS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The exit code of libFuzzer behind a crash.
const CRASHED: i32 = 77;

/// Seconds that one input may take.
const INPUT_SECONDS_MAX: &str = "-timeout=20";

/// Rounds in which a target may reach what has to be on record.
const ROUNDS_MAX: u64 = 12;

/// How long to go on from the corpus.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Seconds of one round at most.
    pub(super) seconds: u64,
    /// Goes on, round after round, until what was done is worth a record.
    pub(super) is_recorded: bool,
}

/// What a target did.
#[derive(Default)]
pub(super) struct Ran {
    pub(super) name: String,
    /// Inputs of the corpus.
    pub(super) replayed: u64,
    pub(super) executions: u64,
    /// Edges of the program's flow that were reached.
    pub(super) edges: u64,
    /// The execution that reached the last new edge.
    pub(super) newest_edge: u64,
}

impl Ran {
    /// Whether there were executions enough, or none of the second half reached anything new.
    fn is_enough(&self) -> bool {
        self.executions >= RUNS_RECORDED || self.newest_edge.saturating_mul(2) <= self.executions
    }

    /// Adds a round whose program printed `told`.
    fn add(&mut self, told: &str) -> Option<()> {
        let stat =
            told.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
        let executions: u64 = stat.trim().parse().ok()?;
        if let Some((edges, at)) = newest_edge(told, self.edges) {
            self.edges = edges;
            self.newest_edge = self.executions.saturating_add(at);
        }
        self.executions = self.executions.saturating_add(executions);
        Some(())
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} inputs replayed, {} executions, {} edges, the last new one at {}",
            self.name,
            thousands(self.replayed),
            thousands(self.executions),
            thousands(self.edges),
            thousands(self.newest_edge)
        )
    }
}

/// The built program.
pub(super) struct Program {
    binary: PathBuf,
    /// Where it may write.
    place: PathBuf,
}

impl Program {
    /// Builds the targets over the sources in `from`, and keeps the program as `name`.
    pub(super) fn build(product: &Shell, from: &Shell, name: &str) -> Result<Self, String> {
        let place = product.target().join("fuzz");
        let build = place.join("build");
        let versions = product.read(&["rustc", "--version", "--verbose"])?;
        let host = versions.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or("rustc does not say what it runs on")?;
        // With a target named, the counters go into the program alone and not into what builds it.
        let words = ["cargo", "build", "--quiet", "--release", "--locked", "--target", host];
        let manifest = ["--manifest-path", "fuzz/Cargo.toml"];
        from.run_with(
            &[&words[..], &manifest].concat(),
            &[("RUSTFLAGS", COUNTERS), ("CARGO_TARGET_DIR", &build.to_string_lossy())],
        )?;
        let binary = place.join(name);
        let built = build.join(host).join("release").join("fuzz");
        // Both sources build to the same path, so each program is put aside.
        std::fs::copy(&built, &binary).map_err(|e| format!("{}: {e}", built.display()))?;
        Ok(Self { binary, place })
    }

    /// Replays the corpus and goes on from it. Fails on a crash, with the input that leads to it.
    pub(super) fn fuzz(
        &self,
        name: &str,
        corpus: &Path,
        effort: Effort,
        seed: u64,
    ) -> Result<Ran, String> {
        let replayed = files_in(corpus)?;
        if replayed == 0 {
            return Err(format!("{name} has an empty corpus"));
        }
        let found = self.emptied(name, "found")?;
        let mut ran = Ran { name: name.to_owned(), replayed, ..Ran::default() };
        let rounds = if effort.is_recorded { ROUNDS_MAX } else { 1 };
        for round in 0..rounds {
            let mut flags = vec![
                format!("-max_total_time={}", effort.seconds.max(1)),
                format!("-seed={}", seed.saturating_add(round)),
                "-print_final_stats=1".to_owned(),
            ];
            if effort.is_recorded {
                let left = RUNS_RECORDED.saturating_sub(ran.executions);
                flags.push(format!("-runs={left}"));
            }
            let output = self.run(name, "", &flags, &[&found, corpus])?;
            let told = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() {
                return Err(crash(name, &told));
            }
            ran.add(&told).ok_or_else(|| format!("{name} printed no figures"))?;
            if ran.is_enough() {
                break;
            }
        }
        if effort.is_recorded {
            // Hours may pass between the first target and the last.
            println!("{ran}");
            if !ran.is_enough() {
                return Err(format!("{ran}: neither {RUNS_RECORDED} executions nor a plateau"));
            }
        }
        Ok(ran)
    }

    /// Adds to the corpus what was found and reaches something new, and drops what no longer does.
    pub(super) fn merge(&self, name: &str, corpus: &Path) -> Result<(), String> {
        let found = self.place.join("found").join(name);
        let merged = self.emptied(name, "merged")?;
        let flags = ["-set_cover_merge=1".to_owned()];
        let output = self.run(name, "", &flags, &[&merged, corpus, &found])?;
        if !output.status.success() {
            return Err(crash(name, &String::from_utf8_lossy(&output.stderr)));
        }
        let failed = |e: std::io::Error| format!("{}: {e}", corpus.display());
        std::fs::remove_dir_all(corpus).map_err(failed)?;
        std::fs::create_dir_all(corpus).map_err(failed)?;
        for entry in std::fs::read_dir(&merged).map_err(failed)?.flatten() {
            std::fs::copy(entry.path(), corpus.join(entry.file_name())).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether a crash is found within `runs` executions, with the seeded bug `bug` on.
    pub(super) fn crashes(
        &self,
        name: &str,
        bug: &str,
        runs: u64,
        corpus: &Path,
    ) -> Result<bool, String> {
        let found = self.emptied(name, "sought")?;
        let flags =
            [format!("-runs={runs}"), "-seed=1".to_owned(), "-max_total_time=120".to_owned()];
        let output = self.run(name, bug, &flags, &[&found, corpus])?;
        let told = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => Ok(false),
            Some(CRASHED) if told.contains("panicked at") => Ok(true),
            _ => Err(crash(name, &told)),
        }
    }

    fn run(
        &self,
        name: &str,
        bug: &str,
        flags: &[String],
        corpora: &[&Path],
    ) -> Result<Output, String> {
        let crashes = self.place.join("crashes");
        std::fs::create_dir_all(&crashes).map_err(|e| format!("{}: {e}", crashes.display()))?;
        let shell = Shell::at(self.place.clone());
        let mut command = shell.command(&[&self.binary.to_string_lossy()]);
        let prefix =
            crashes.join(format!("{name}{}-", if bug.is_empty() { "" } else { "-seeded" }));
        command.args(flags).args([INPUT_SECONDS_MAX, "-len_control=0", "-max_len=8400"]);
        command.arg(format!("-artifact_prefix={}", prefix.display())).args(corpora);
        command.env("FUZZ_TARGET", name).env("FUZZ_SEEDED", bug).env("RUST_BACKTRACE", "0");
        command.output().map_err(|e| format!("{}: {e}", self.binary.display()))
    }

    /// An empty folder for what a target finds.
    fn emptied(&self, name: &str, what: &str) -> Result<PathBuf, String> {
        let folder = self.place.join(what).join(name);
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(failed)?;
        }
        std::fs::create_dir_all(&folder).map_err(failed)?;
        Ok(folder)
    }
}

fn files_in(folder: &Path) -> Result<u64, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    u64::try_from(entries.count()).map_err(|e| e.to_string())
}

/// What libFuzzer says of a crash: the panic, and the file to repeat it with.
fn crash(name: &str, told: &str) -> String {
    let mut lines = told.lines().skip_while(|line| !line.contains("panicked at"));
    let panic: Vec<&str> = lines.by_ref().take(2).collect();
    let file = told.lines().find(|line| line.contains("Test unit written to"));
    let last = told.lines().last().unwrap_or_default();
    format!("{name} crashed: {} {} {last}", panic.join(" "), file.unwrap_or_default())
}

/// Edges reached if they are more than those `known`, and the execution that reached the last new one: lines like
/// `#12 NEW cov: 34 ft: 56 …`.
fn newest_edge(told: &str, known: u64) -> Option<(u64, u64)> {
    let (mut edges, mut newest) = (known, None);
    for line in told.lines() {
        let Some((number, rest)) = line.strip_prefix('#').and_then(|line| line.split_once('\t'))
        else {
            continue;
        };
        let words: Vec<&str> = rest.split_whitespace().collect();
        let covered = words.windows(2).find(|pair| pair.first() == Some(&"cov:"));
        let covered = covered.and_then(|pair| pair.last()?.parse::<u64>().ok());
        if let (Some(covered), Ok(number)) = (covered, number.parse())
            && covered > edges
        {
            edges = covered;
            newest = Some((covered, number));
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "INFO: x\n#3\tINITED cov: 10 ft: 10\n#70\tNEW    cov: 12 ft: 13\n\
        #90\tREDUCE cov: 12 ft: 13\nstat::number_of_executed_units: 100\n";

    #[test]
    fn the_last_new_edge_is_read() {
        assert_eq!(newest_edge(TOLD, 0), Some((12, 70)));
        assert_eq!(newest_edge(TOLD, 12), None);
        assert_eq!(newest_edge("nothing", 0), None);
    }

    #[test]
    fn a_plateau_is_half_of_all_rounds() {
        let mut ran = Ran::default();
        assert_eq!(ran.add(TOLD), Some(()));
        assert!(!ran.is_enough(), "the last new edge came at 70 of 100");
        assert_eq!(ran.add(TOLD), Some(()));
        assert_eq!((ran.executions, ran.edges, ran.newest_edge), (200, 12, 70));
        assert!(ran.is_enough(), "nothing is new from 70 to 200");
        assert_eq!(ran.add(&TOLD.replace("cov: 12", "cov: 13")), Some(()));
        assert_eq!((ran.executions, ran.newest_edge), (300, 270));
        assert!(!ran.is_enough());
        ran.executions = RUNS_RECORDED;
        assert!(ran.is_enough());
        assert_eq!(ran.add("nothing"), None);
    }
}
