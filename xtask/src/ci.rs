//! `cargo xtask ci`: every gate at the size of a change.

use std::time::Instant;

use crate::Outcome;
use crate::shell::Shell;
use crate::tidy::Tree;
use crate::trace::results;

/// The gates, cheapest first.
const STEPS: &[(&str, &[&str])] = &[
    ("check", &[]),
    ("msrv", &[]),
    ("deny", &[]),
    ("firmware", &[]),
    ("icount", &[]),
    ("exports", &[]),
    ("counterexamples", &[]),
    ("powercut", &[]),
    ("bench", &[]),
    ("interop", &[]),
    ("links", &[]),
    ("tamper", &[]),
    ("nonces", &[]),
    ("fuzz", &[]),
    ("consttime", &[]),
    ("attacks", &["--weakened"]),
    ("emulate", &["--kill", "100"]),
    // Last, since it reads what the others came to.
    ("trace", &[]),
];

/// What these steps are called: the gate and its arguments.
pub(crate) fn steps() -> impl Iterator<Item = String> {
    STEPS.iter().map(called)
}

/// The steps that are this gate.
pub(crate) fn steps_of(gate: &str) -> impl Iterator<Item = String> {
    STEPS.iter().filter(move |(name, _)| *name == gate).map(called)
}

fn called((name, arguments): &(&str, &[&str])) -> String {
    let words: Vec<&str> = core::iter::once(name).chain(*arguments).copied().collect();
    words.join(" ")
}

/// Runs one of them and keeps what it came to.
pub(crate) fn step(shell: &Shell, step: &str) -> Outcome {
    let mut words = step.split(' ');
    let name = words.next().unwrap_or_default();
    let Some(gate) = crate::GATES.iter().find(|gate| gate.name == name) else {
        return Err(format!("no gate {name}"));
    };
    let arguments: Vec<String> = words.map(str::to_owned).collect();
    let digest = results::digest(shell, &Tree::read(shell)?)?;
    let mut outcome = (gate.run)(shell, &arguments);
    if outcome.is_ok() && results::digest(shell, &Tree::read(shell)?)? != digest {
        outcome =
            Err("the sources changed while it ran, so nobody knows what it examined".to_owned());
    }
    results::keep(shell, step, &digest, &outcome);
    outcome
}

/// Runs all gates, also after one has failed, and then says which did.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for name in steps() {
        println!("== {name}");
        let begun = Instant::now();
        let outcome = step(shell, &name);
        let seconds = begun.elapsed().as_secs();
        let line = match outcome {
            Ok(figures) => format!("{name}: {} ({seconds} s)", figures.trim()),
            Err(why) => {
                let line = format!("{name}: FAILED: {why} ({seconds} s)");
                failed.push(name);
                line
            }
        };
        println!("{line}");
        lines.push(line);
    }
    println!("== all gates");
    for line in &lines {
        println!("{line}");
    }
    if failed.is_empty() {
        Ok(format!("{} gates passed", STEPS.len()))
    } else {
        Err(format!("{} of {} gates failed: {}", failed.len(), STEPS.len(), failed.join(", ")))
    }
}
