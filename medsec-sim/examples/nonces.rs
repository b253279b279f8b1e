//! Counts (key, nonce) pairs that meet two plaintexts, under faults alone and in pairs.
//!
//! `cargo run --release -p medsec-sim --example nonces -- [--boots N] [--seed N] [--write]`; `--write` puts the table
//! into `docs/nonces.md`. Exits other than 0 if one fault alone makes a pair repeat, or a control does not.
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

use std::process::ExitCode;

use medsec_sim::nonces::{Fault, Kind, Matrix, Rule, control, measure};

const BOOTS: u64 = 2_000_000;
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/nonces.md");
const BEGIN: &str = "<!-- nonces: begin -->\n";
const END: &str = "<!-- nonces: end -->";

fn main() -> ExitCode {
    let (mut boots, mut seed, mut write) = (BOOTS, 1, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse().ok());
        match argument.as_str() {
            "--boots" => boots = number().unwrap_or(BOOTS),
            "--seed" => seed = number().unwrap_or(1),
            "--write" => write = true,
            _ => {
                println!("unknown argument {argument}");
                return ExitCode::from(2);
            }
        }
    }
    let matrix = measure(boots, seed);
    let is_sound = report(&matrix);
    let fails = |rule, fault| control(rule, fault, 4_000, seed).repeats();
    let controls =
        [fails(Rule::ConstantSalt, Fault::Rollback), fails(Rule::IndexFromRing, Fault::Cut)];
    let kept = [
        fails(Rule::Product, Fault::Rollback),
        fails(Rule::Product, Fault::Cut),
        fails(Rule::ConstantSalt, Fault::Cut),
    ];
    let written = if write { replace_table(&matrix) } else { Ok(()) };
    if let Err(error) = &written {
        println!("{DOCUMENT}: {error}");
    }
    let total = matrix.total();
    let alone = matrix.cells().filter(|(first, second, _)| first == second);
    let alone: u64 = alone.map(|(.., outcome)| outcome.repeats()).sum();
    println!(
        "nonces: {} boots, {} pairs, {alone} repeated under one fault; failing sets of two: {}; control {} and {} repeated",
        total.boots,
        total.seen(),
        matrix.failing().len(),
        controls[0],
        controls[1],
    );
    let controlled = controls.iter().all(|count| *count > 0) && kept == [0; 3];
    if is_sound && alone == 0 && controlled && written.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Prints every cell. Whether the watch had no hole and every boot a log.
fn report(matrix: &Matrix) -> bool {
    println!("{}", matrix.table());
    for (first, second, outcome) in matrix.cells() {
        let kinds: Vec<String> = Kind::ALL
            .into_iter()
            .zip(outcome.repeated)
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{} {count}", kind.name()))
            .collect();
        println!(
            "{first:8} {second:8} {:7} boots {:7} faulty {:8} pairs {:5} repeated  {}",
            outcome.boots,
            outcome.faults,
            outcome.seen(),
            outcome.repeats(),
            kinds.join(", "),
        );
    }
    let total = matrix.total();
    for (kind, pairs) in Kind::ALL.into_iter().zip(total.pairs) {
        println!("{pairs} {}", kind.name());
    }
    if (total.unexplained, total.failed) != (0, 0) {
        println!("{} programs unexplained, {} boots failed", total.unexplained, total.failed);
    }
    (total.unexplained, total.failed) == (0, 0)
}

/// Puts the table between the markers of the document.
fn replace_table(matrix: &Matrix) -> Result<(), String> {
    let text = std::fs::read_to_string(DOCUMENT).map_err(|error| error.to_string())?;
    let (head, rest) = text.split_once(BEGIN).ok_or("no begin marker")?;
    let (_, tail) = rest.split_once(END).ok_or("no end marker")?;
    let text = format!("{head}{BEGIN}{}{END}{tail}", matrix.table());
    std::fs::write(DOCUMENT, text).map_err(|error| error.to_string())
}
