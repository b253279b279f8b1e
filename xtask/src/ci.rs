//! `cargo xtask ci`: every gate at the size of a change.

use std::time::Instant;

use crate::Outcome;
use crate::shell::Shell;

/// The gates, cheapest first.
const STEPS: [(&str, &[&str]); 10] = [
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
];

/// Runs all gates, also after one has failed, and then says which did.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    for (name, arguments) in STEPS {
        let Some(gate) = crate::GATES.iter().find(|gate| gate.name == name) else {
            return Err(format!("no gate {name}"));
        };
        println!("== {name}");
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let begun = Instant::now();
        let outcome = (gate.run)(shell, &arguments);
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
