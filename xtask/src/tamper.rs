//! `cargo xtask tamper`: changes logs in every way an adversary can, and counts what the verifier does not see.

use std::time::Instant;

use medsec_sim::tamper::{self, Tally, histories as lived};

use crate::Outcome;
use crate::record::{Record, not_fewer, thousands};
use crate::shell::{Shell, in_threads};

/// Changes, and honest histories in which nothing bad may be found, at the size of a change and of a release.
const CHANGES: u64 = 4_000;
const CHANGES_FULL: u64 = 300_000;
const HISTORIES: u64 = 200;
const HISTORIES_FULL: u64 = 100_000;
/// Draws all of them, unless told otherwise.
const SEED: u64 = 1;

/// Runs the adversary of `medsec-sim`.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let (mut full, mut record, mut seed) = (false, false, SEED);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--full" => full = true,
            "--record" => record = true,
            "--seed" => {
                let number = words.next().and_then(|number| number.parse().ok());
                seed = number.ok_or("--seed takes a number")?;
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    let (changes, lives) = if full { (CHANGES_FULL, HISTORIES_FULL) } else { (CHANGES, HISTORIES) };
    let mut tally = Tally::default();
    let begun = Instant::now();
    let parts = in_threads(seed, |threads, seed| tamper::run(changes.div_ceil(threads), seed));
    parts.iter().for_each(|part| tally.merge(part));
    println!("changes, seed {seed}: {} s", begun.elapsed().as_secs());
    let begun = Instant::now();
    let parts = in_threads(seed, |threads, seed| lived::run(lives.div_ceil(threads), seed));
    parts.iter().for_each(|part| tally.histories.merge(part));
    println!("histories, seed {seed}: {} s\n{tally}", begun.elapsed().as_secs());
    let honest = &tally.histories;
    let counts = [
        ("changes".to_owned(), tally.changes()),
        ("histories".to_owned(), honest.histories),
        ("cuts".to_owned(), honest.cuts),
    ];
    let (name, flag) = if full { ("tamper-full", " --full") } else { ("tamper-change", "") };
    let figures = format!(
        "{} changes to {} logs, {} missed; {} histories with {} cuts, {} false alarms",
        thousands(tally.changes()),
        tally.logs,
        tally.unseen(),
        thousands(honest.histories),
        thousands(honest.cuts),
        honest.alarms
    );
    let complete = tally.changes() >= changes / 2 && honest.histories >= lives;
    if tally.unseen() != 0 || !tally.missed.is_empty() || honest.alarms != 0 || !complete {
        return Err(figures);
    }
    not_fewer(shell, name, &counts)?;
    if record {
        let command = format!("cargo xtask tamper{flag} --seed {seed}");
        Record { name, command: &command, seed, counts: &counts }.write(shell)?;
    }
    Ok(figures)
}
