//! Every gate of the repository, as a command: `cargo xtask <gate>`.
//!
//! Each prints what it does and ends in one line `NAME: figures`. `docs/testing.md` says what question each answers.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool for developers"
)]

mod attacks;
mod bench;
mod check;
mod ci;
mod consttime;
mod counterexamples;
mod deny;
mod emulate;
mod exports;
mod firmware;
mod fuzz;
mod icount;
mod interop;
mod links;
mod mutants;
mod nonces;
mod powercut;
mod record;
mod rivals;
mod shell;
mod tamper;
mod tidy;
mod trace;

use std::process::ExitCode;

/// What a gate printed last, or why it failed.
type Outcome = Result<String, String>;

/// A gate by its name.
struct Gate {
    name: &'static str,
    usage: &'static str,
    run: fn(&shell::Shell, &[String]) -> Outcome,
}

/// All of them, in the order of `docs/testing.md`.
const GATES: &[Gate] = &[
    Gate { name: "check", usage: "", run: check::run },
    Gate { name: "msrv", usage: "", run: check::msrv },
    Gate { name: "tidy", usage: "", run: tidy::run },
    Gate {
        name: "powercut",
        usage: "[--full] [core|audit] [--seed N] [--record]",
        run: powercut::run,
    },
    Gate { name: "bench", usage: "[--record]", run: bench::run },
    Gate { name: "counterexamples", usage: "[RULE]", run: counterexamples::run },
    Gate { name: "replay", usage: "FILE...", run: counterexamples::replay },
    Gate { name: "tamper", usage: "[--full] [--seed N] [--record]", run: tamper::run },
    Gate { name: "attacks", usage: "[--weakened] [--seed N] [--only ID]", run: attacks::run },
    Gate { name: "nonces", usage: "[--full] [--seed N] [--write]", run: nonces::run },
    Gate { name: "consttime", usage: "", run: consttime::run },
    Gate {
        name: "fuzz",
        usage: "[--seconds N] [--seed N] [--record] [--merge] [TARGET...]",
        run: fuzz::run,
    },
    Gate { name: "deny", usage: "[--db FILE.tar.xz]", run: deny::run },
    Gate { name: "firmware", usage: "[--record]", run: firmware::run },
    Gate { name: "icount", usage: "[--record]", run: icount::run },
    Gate { name: "emulate", usage: "[--kill N] [--seed S] [--record]", run: emulate::run },
    Gate {
        name: "trace",
        usage: "[--no-run | --selftest | --write | --for PATH | --sources]",
        run: trace::run,
    },
    Gate { name: "exports", usage: "[--record]", run: exports::run },
    Gate { name: "interop", usage: "[--seed N]", run: interop::run },
    Gate { name: "links", usage: "[--record]", run: links::run },
    Gate { name: "mutants", usage: "[--list] [--only TEXT] [--record]", run: mutants::run },
    Gate { name: "ci", usage: "", run: ci::run },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let Some(gate) = GATES.iter().find(|gate| gate.name == name) else {
        eprintln!("usage: cargo xtask <gate>, where <gate> is one of");
        for gate in GATES {
            eprintln!("  {} {}", gate.name, gate.usage);
        }
        return ExitCode::from(2);
    };
    match shell::Shell::at_root().and_then(|shell| (gate.run)(&shell, &rest)) {
        Ok(figures) => {
            // A gate that names a part of itself says so first.
            let colon = if figures.starts_with(' ') { "" } else { ": " };
            println!("{name}{colon}{figures}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{name}: FAILED: {why}");
            ExitCode::FAILURE
        }
    }
}
