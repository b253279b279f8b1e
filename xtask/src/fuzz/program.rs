//! The program of all targets: building it with counters, and running one target.

use core::fmt;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::record::thousands;
use crate::shell::Shell;

/// Executions of each target that are on record, unless it stopped finding anything long before.
pub(super) const RUNS_RECORDED: u64 = 10_000_000;

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

/// How long to go on from the corpus.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    /// Seconds at most.
    pub(super) seconds: u64,
    /// Executions at most.
    pub(super) runs: Option<u64>,
}

/// What a target did.
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
        let mut flags = vec![
            format!("-max_total_time={}", effort.seconds.max(1)),
            format!("-seed={seed}"),
            "-print_final_stats=1".to_owned(),
        ];
        flags.extend(effort.runs.map(|runs| format!("-runs={runs}")));
        let output = self.run(name, "", &flags, &[&found, corpus])?;
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(crash(name, &told));
        }
        let stat =
            told.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let executions = stat.and_then(|count| count.trim().parse().ok());
        let executions = executions.ok_or_else(|| format!("{name} printed no figures"))?;
        let (edges, newest_edge) = newest_edge(&told);
        Ok(Ran { name: name.to_owned(), replayed, executions, edges, newest_edge })
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

/// Edges reached, and the execution that reached the last new one: lines like `#12 NEW cov: 34 ft: 56 …`.
fn newest_edge(told: &str) -> (u64, u64) {
    let (mut edges, mut newest) = (0, 0);
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
            (edges, newest) = (covered, number);
        }
    }
    (edges, newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_new_edge_is_read() {
        let told = "INFO: x\n#3\tINITED cov: 10 ft: 10\n#70\tNEW    cov: 12 ft: 13\n#90\tREDUCE cov: 12 ft: 13\n";
        assert_eq!(newest_edge(told), (12, 70));
        assert_eq!(newest_edge("nothing"), (0, 0));
    }
}
