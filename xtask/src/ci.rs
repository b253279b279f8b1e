//! `cargo xtask ci`: every gate at the size of a change.

use std::time::Instant;

use crate::Outcome;
use crate::shell::Shell;
use crate::tidy::Tree;
use crate::trace::results;

/// The gates, cheapest first.
const STEPS: [(&str, &[&str]); 11] = [
    ("check", &[]),
    ("msrv", &[]),
    ("deny", &[]),
    ("firmware", &[]),
    ("counterexamples", &[]),
    ("powercut", &[]),
    ("tamper", &[]),
    ("nonces", &[]),
    ("consttime", &[]),
    ("emulate", &["--kill", "100"]),
    // Last, since it reads what the others came to.
    ("trace", &[]),
];

/// The names of these gates.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|(name, _)| *name)
}

/// Runs one of them and keeps what it came to.
pub(crate) fn step(shell: &Shell, name: &str) -> Outcome {
    let step = STEPS.iter().find(|(step, _)| *step == name);
    let gate = crate::GATES.iter().find(|gate| gate.name == name);
    let (Some((_, arguments)), Some(gate)) = (step, gate) else {
        return Err(format!("no gate {name}"));
    };
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    let digest = results::digest(shell, &Tree::read(shell)?)?;
    let outcome = (gate.run)(shell, &arguments);
    results::keep(shell, name, &digest, &outcome);
    outcome
}

/// Runs all gates, also after one has failed, and then says which did.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for name in names() {
        println!("== {name}");
        let begun = Instant::now();
        let outcome = step(shell, name);
        let seconds = begun.elapsed().as_secs();
        let line = match outcome {
            Ok(figures) => format!("{name}: {} ({seconds} s)", figures.trim()),
            Err(why) => {
                failed.push(name);
                format!("{name}: FAILED: {why} ({seconds} s)")
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
