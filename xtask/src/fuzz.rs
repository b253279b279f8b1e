//! `cargo xtask fuzz`: every parser has a target, no target crashes, and each finds the bug that was seeded for it.
//!
//! The targets are `fuzz/`, a workspace of its own, run by libFuzzer. The counters it needs come from a pass that every
//! released compiler has, so nothing here asks for a nightly one.

mod parsers;
mod program;
mod seeded;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::path::Path;

use self::program::{Effort, Program, Ran};
use crate::Outcome;
use crate::record::{Record, read_record, thousands};
use crate::shell::{Shell, in_threads};

/// Seconds for each target at the size of a change.
const SECONDS: u64 = 3;
/// Most bytes of all corpora together.
const CORPORA_BYTES_MAX: u64 = 1 << 20;
/// Draws all choices, unless told otherwise.
const SEED: u64 = 1;

/// What was asked for.
struct Asked {
    effort: Effort,
    seed: u64,
    merge: bool,
    only: Vec<String>,
}

impl Asked {
    fn of(arguments: &[String]) -> Result<Self, String> {
        let effort = Effort { seconds: SECONDS, is_recorded: false };
        let mut asked = Self { effort, seed: SEED, merge: false, only: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || {
                let number = words.next().and_then(|number| number.parse::<u64>().ok());
                number.ok_or_else(|| format!("{word} takes a number"))
            };
            match word.as_str() {
                "--seconds" => asked.effort.seconds = number()?,
                "--seed" => asked.seed = number()?,
                "--record" => asked.effort.is_recorded = true,
                "--merge" => asked.merge = true,
                flag if flag.starts_with("--") => return Err(format!("unknown argument {flag}")),
                target => asked.only.push(target.to_owned()),
            }
        }
        Ok(asked)
    }
}

/// Compares the parsers with the table, replays, goes on, and seeks the seeded bugs.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let asked = Asked::of(arguments)?;
    let folder = shell.root().join("fuzz").join("corpus");
    let all = targets(&folder)?;
    let listed = parsers::compare(shell.root(), &all)?;
    println!("{listed}");
    let chosen = |name: &&String| asked.only.is_empty() || asked.only.contains(name);
    let names: Vec<&String> = all.iter().filter(chosen).collect();
    if names.is_empty() {
        return Err(format!("no such target; there are {}", all.join(" ")));
    }
    let bytes = corpora_bytes(&folder, &all)?;
    if bytes > CORPORA_BYTES_MAX {
        return Err(format!("the corpora hold {bytes} bytes; {CORPORA_BYTES_MAX} are enough"));
    }
    let program = Program::build(shell, shell, "product")?;
    let (ran, failed) = fuzz(&program, &names, &asked, &folder);
    let executions: u64 = ran.iter().map(|ran| ran.executions).sum();
    if asked.effort.is_recorded {
        // What one target lacks takes hours off no other.
        record(shell, &asked, &ran)?;
    } else {
        ran.iter().for_each(|one| println!("{one}"));
    }
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    let found = seeded::find(shell, &program, &names, &folder)?;
    Ok(format!(
        "{listed}; {} targets, {} inputs replayed, {} executions, 0 crashes; {found} of {} seeded bugs found",
        names.len(),
        thousands(ran.iter().map(|ran| ran.replayed).sum()),
        thousands(executions),
        names.len(),
    ))
}

/// The targets: each has a corpus.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    Ok(names)
}

fn corpora_bytes(folder: &Path, targets: &[String]) -> Result<u64, String> {
    let mut bytes = 0;
    for target in targets {
        let corpus = folder.join(target);
        let entries =
            std::fs::read_dir(&corpus).map_err(|e| format!("{}: {e}", corpus.display()))?;
        let sizes = entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len()));
        bytes += sizes.sum::<u64>();
    }
    Ok(bytes)
}

/// Runs the targets, as many at once as there are processors; what they did, and why others failed.
fn fuzz(
    program: &Program,
    names: &[&String],
    asked: &Asked,
    folder: &Path,
) -> (Vec<Ran>, Vec<String>) {
    let next = AtomicUsize::new(0);
    let parts = in_threads(0, |_, _| {
        let mine = core::iter::from_fn(|| names.get(next.fetch_add(1, Ordering::Relaxed)));
        mine.map(|name| {
            let corpus = folder.join(name.as_str());
            let ran = program.fuzz(name, &corpus, asked.effort, asked.seed)?;
            if asked.merge {
                program.merge(name, &corpus)?;
            }
            Ok(ran)
        })
        .collect::<Vec<Result<Ran, String>>>()
    });
    let (mut ran, mut failed) = (Vec::new(), Vec::new());
    for outcome in parts.into_iter().flatten() {
        match outcome {
            Ok(one) => ran.push(one),
            Err(why) => failed.push(why),
        }
    }
    ran.sort_by(|one, other| one.name.cmp(&other.name));
    (ran, failed)
}

/// Writes the record.
fn record(shell: &Shell, asked: &Asked, ran: &[Ran]) -> Result<(), String> {
    // Of targets that were not asked for, what is on record stays.
    let is_kept = |(what, _): &(String, u64)| {
        let is_count = [" executions", " edges", " edge at"].iter().any(|end| what.ends_with(end));
        is_count && ran.iter().all(|one| !what.starts_with(&format!("{} ", one.name)))
    };
    let mut counts = read_record(shell, "fuzz");
    counts.retain(is_kept);
    for one in ran {
        counts.push((format!("{} executions", one.name), one.executions));
        counts.push((format!("{} edges", one.name), one.edges));
        counts.push((format!("{} last new edge at", one.name), one.newest_edge));
    }
    let (seconds, seed) = (asked.effort.seconds, asked.seed);
    let command = format!("cargo xtask fuzz --record --seconds {seconds} --seed {seed}");
    Record { name: "fuzz", command: &command, seed, counts: &counts }.write(shell).map(|_| ())
}
