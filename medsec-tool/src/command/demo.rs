//! `medsec demo`: a simulated pump is made, used, cut off from power, read out and tampered with; every step is checked.
//!
//! The pump is the real application over the real crates; only the board is simulated. What checks it are this tool's own
//! verbs, called with the arguments that a person would type.

mod bench;
mod checks;
mod life;
mod link;
mod people;

use std::path::Path;

use serde_json::json;

use crate::error::Error;
use crate::exit::Exit;
use crate::output::Outcome;
use crate::text::counted;
use crate::untrusted::Untrusted;
use bench::Bench;

/// What the demo does not show, since it is not built yet.
const NOT_YET: &str =
    "  not in it yet: provisioning by a station, the signed update, decommissioning";

/// A step did not end as it must.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The step's claim is wrong.
    Failed(String),
    /// A file could not be written.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

/// The steps done so far.
#[derive(Default)]
pub(crate) struct Script {
    steps: Vec<String>,
}

impl Script {
    /// A step was done and its claim holds.
    fn step(&mut self, words: impl Into<String>) {
        self.steps.push(words.into());
    }
}

pub(crate) fn run(out: Option<&Path>) -> Result<Outcome, Error> {
    let bench = Bench::new(out)?;
    let mut script = Script::default();
    let played = play(&bench, &mut script);
    let steps = u64::try_from(script.steps.len()).unwrap_or(u64::MAX);
    let path = Untrusted::from_path(bench.dir());
    let mut text = vec![NOT_YET.to_owned()];
    text.extend(script.steps.iter().map(|step| format!("  \u{2714} {step}")));
    let (exit, verdict, headline, records) = match played {
        Ok(records) => {
            let words = "DEMO: the life of a simulated infusion pump, every step checked";
            (Exit::Ok, "verified", words.to_owned(), records)
        }
        Err(Stop::Failed(what)) => {
            (Exit::Negative, "failed", format!("DEMO FAILED at step {}: {what}", steps + 1), 0)
        }
        Err(Stop::Error(error)) => return Err(error),
    };
    text.push(format!("  files in {path}; demo.txt there lists commands to try"));
    let (steps_words, records_words) = (counted(steps, "step"), counted(records, "record"));
    let result = if exit == Exit::Ok { "all checked" } else { "then one that failed" };
    text.push(format!("demo: {steps_words}, {records_words}, {result}"));
    let data = json!({ "steps": script.steps, "records": records, "output": path });
    Ok(Outcome { exit, verdict, headline, text, payload: None, findings: Vec::new(), data })
}

/// Plays the steps in order; gives the number of records that the whole log holds.
fn play(bench: &Bench, script: &mut Script) -> Result<u64, Stop> {
    let life = life::play(bench, script)?;
    let records = checks::play(bench, &life, script)?;
    link::play(bench, script)?;
    people::play(script)?;
    Ok(records)
}

/// `Ok` if `holds`, otherwise that `claim` is wrong.
fn claim(holds: bool, claim: impl Into<String>) -> Result<(), Stop> {
    if holds { Ok(()) } else { Err(Stop::Failed(claim.into())) }
}
