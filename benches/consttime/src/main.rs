//! Runs each operation of medsec's cryptography on secrets that valgrind watches, and prints what it reported.
//!
//! One line each: `operation NAME REPORTS REACHED` and `control NAME REPORTS REACHED`, where `REACHED` counts the bytes of
//! output that depend on a secret. An operation must have no report, and its secrets must have reached its output: or
//! else nothing was watched. A control is wrong on purpose, and must have a report.
//!
//! `cargo xtask consttime` builds this for each set of back ends, runs it and judges. Verdicts inside a library, such as
//! that of a tag check, become branches there; `verdicts.supp` names them, with why they are public.

#[cfg(not(all(any(target_arch = "x86", target_arch = "x86_64"), target_os = "linux")))]
compile_error!("the client requests of valgrind are written for Linux on x86, of 32 and 64 bits");

mod controls;
mod operations;
mod valgrind;

use std::process::ExitCode;

/// What runs on secrets; returns how many bytes of its output depend on them.
pub(crate) type Act = fn() -> usize;

fn main() -> ExitCode {
    if !valgrind::is_watching() {
        eprintln!("run this under valgrind: cargo xtask consttime");
        return ExitCode::from(2);
    }
    for (kind, acts) in [("operation", operations::ALL), ("control", controls::ALL)] {
        for (name, act) in acts {
            eprintln!("== {kind} {name}");
            let before = valgrind::reports();
            let reached = act();
            println!("{kind} {name} {} {reached}", valgrind::reports() - before);
        }
    }
    ExitCode::SUCCESS
}
