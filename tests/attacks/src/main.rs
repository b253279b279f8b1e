//! Plays the catalogue of attacks on the simulated pump: `cargo xtask attacks`.
//!
//! `attacks [--weakened] [--seed N] [--only ID] [--json FILE]`. With `--weakened`, which only a copy of the sources with every
//! patch of `weakened/` can do, each attack is also played under each weakness. The last line is what the gate prints.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test bench on a host: an overflow or a wrong index is a bug of the bench and must stop it"
)]

mod catalogue;
mod host;
mod staff;
mod ward;
mod weakness;

use std::process::ExitCode;

use medsec_sim::adversary::{Attack, Matrix, Outcome, play_all};
use serde_json::{Value, json};

use crate::catalogue::ATTACKS;

/// Draws all chances, unless told otherwise.
const SEED: u64 = 1;

struct Options {
    weakened: bool,
    seed: u64,
    only: Option<String>,
    json: Option<String>,
}

fn options() -> Option<Options> {
    let mut options = Options { weakened: false, seed: SEED, only: None, json: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--weakened" => options.weakened = true,
            "--seed" => options.seed = words.next()?.parse().ok()?,
            "--only" => options.only = Some(words.next()?),
            "--json" => options.json = Some(words.next()?),
            _ => return None,
        }
    }
    Some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        println!("usage: attacks [--weakened] [--seed N] [--only ID] [--json FILE]");
        return ExitCode::from(2);
    };
    let attacks: Vec<Attack> = ATTACKS
        .iter()
        .flat_map(|part| part.iter().copied())
        .filter(|attack| options.only.as_ref().is_none_or(|id| id == attack.id))
        .collect();
    // A panic is reported as the outcome of its attack.
    std::panic::set_hook(Box::new(|info| println!("{info}")));
    let played =
        if options.weakened { weakened(&attacks, &options) } else { strong(&attacks, &options) };
    match played {
        Ok(figures) => {
            println!("attacks: {figures}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("attacks failed: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Plays the catalogue on this build.
fn strong(attacks: &[Attack], options: &Options) -> Result<String, String> {
    let outcomes = play_all(attacks, options.seed);
    let mut rows = Vec::new();
    let mut failed = 0_usize;
    for (attack, outcome) in attacks.iter().zip(&outcomes) {
        println!("{:<26} {outcome}", attack.id);
        if !matches!(outcome, Outcome::Blocked { .. }) {
            failed += 1;
            println!("  again: attacks --only {} --seed {}", attack.id, options.seed);
        }
        rows.push(row(attack, outcome));
    }
    write(options, &json!({ "seed": options.seed, "attacks": rows }))?;
    if failed != 0 {
        return Err(format!("{failed} of {} attacks not blocked", attacks.len()));
    }
    Ok(format!("{} attacks, all blocked", attacks.len()))
}

/// Plays the matrix, in the copy that has the weaknesses.
fn weakened(attacks: &[Attack], options: &Options) -> Result<String, String> {
    let weaknesses = weakness::NAMES;
    weakness::is_here()?;
    let matrix = Matrix::play(attacks, &weaknesses, options.seed, weakness::set);
    println!("{matrix}");
    let mut rows = Vec::new();
    for (at, attack) in attacks.iter().enumerate() {
        let mut row = row(attack, &matrix.strong()[at]);
        let own = weaknesses.iter().position(|name| *name == attack.weakness);
        let own = own.and_then(|own| matrix.weak(at, own));
        row["without"] = own.map_or(Value::Null, |outcome| json!(outcome.to_string()));
        for also in row["also_broken_by"].as_array_mut().into_iter().flatten() {
            let weakness = weaknesses.iter().position(|name| also["weakness"] == *name);
            let outcome = weakness.and_then(|weakness| matrix.weak(at, weakness));
            also["without"] = outcome.map_or(Value::Null, |outcome| json!(outcome.to_string()));
        }
        rows.push(row);
    }
    write(options, &json!({ "seed": options.seed, "attacks": rows }))?;
    let mut unexplained = matrix.unexplained();
    if options.only.is_some() {
        unexplained.retain(|line| !line.ends_with("no attack has it as its own"));
    }
    for line in &unexplained {
        println!("unexplained: {line}");
    }
    let figures = format!(
        "{} attacks, {} weaknesses, all blocked; matrix {} plays, {} unexplained",
        attacks.len(),
        weaknesses.len(),
        attacks.len() * (weaknesses.len() + 1),
        unexplained.len()
    );
    if unexplained.is_empty() { Ok(figures) } else { Err(figures) }
}

/// What an evaluator wants to know of one attack.
fn row(attack: &Attack, outcome: &Outcome) -> Value {
    let (result, control, events) = match outcome {
        Outcome::Blocked { control, events } => ("blocked", *control, events.clone()),
        Outcome::Succeeded { goal, .. } => ("succeeded", goal.name(), Vec::new()),
        Outcome::Inconclusive(_) | _ => ("inconclusive", "", Vec::new()),
    };
    let also = |(weakness, reason)| json!({ "weakness": weakness, "reason": reason });
    json!({
        "id": attack.id,
        "title": attack.title,
        "requirements": attack.requirements,
        "sources": attack.sources,
        "weakness": attack.weakness,
        "also_broken_by": attack.also_broken_by.iter().copied().map(also).collect::<Vec<_>>(),
        "outcome": result,
        "control": control,
        "events": events,
    })
}

fn write(options: &Options, value: &Value) -> Result<(), String> {
    let Some(path) = &options.json else { return Ok(()) };
    std::fs::write(path, format!("{value:#}\n")).map_err(|e| format!("{path}: {e}"))
}
