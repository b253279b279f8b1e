//! The host tool of medsec as a library, so that its tests can drive it.
//!
//! [`run`] is the whole tool: arguments in, text out, exit code back. What verifies logs is handed in as a
//! [`model::Verify`]; in the program it is the one verifier of `medsec-audit`, by way of [`verifier::Verifier`].
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a host program: sums here are bounded by sizes of memory, and a panic ends in exit code 70, not in harm"
)]

pub mod catalogue;
pub mod claim;
pub mod code;
pub mod erase;
pub mod error;
pub mod exit;
pub mod holder;
pub mod keyfile;
pub mod label;
pub mod layout;
pub mod model;
pub mod permit;
pub mod registry;
pub mod trust;
pub mod untrusted;
pub mod verifier;

mod ca;
mod cli;
mod command;
mod deidentify;
mod export;
mod files;
mod judgement;
mod link;
mod output;
mod passphrase;
mod report;
mod rows;
mod text;
mod timeline;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, ColorChoice, Global, LogVerb, SimVerb, Verb};
use crate::command::{
    ca as ca_verbs, completions, demo, device, erase as erase_verbs, explain, export_open,
    log_checkpoint, log_export, log_fetch, log_pseudonym, log_report, log_verify, man,
    permit as permit_verbs, registry as registry_verbs, schema, sim_export, sim_line, sim_run,
};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::Verify;
use crate::output::{Console, Outcome};
use crate::untrusted::Untrusted;
use crate::verifier::Verifier;

/// What the surroundings say about colours.
#[derive(Clone, Copy, Default, Debug)]
pub struct Surroundings {
    /// Standard output is a terminal.
    pub terminal: bool,
    /// `NO_COLOR` is set.
    pub no_color: bool,
    /// `CLICOLOR_FORCE` is set.
    pub force_color: bool,
}

/// Runs the tool on the process's own arguments and streams.
#[must_use]
pub fn main() -> ExitCode {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let surroundings = Surroundings {
        terminal: io::stdout().is_terminal(),
        no_color: is_set("NO_COLOR"),
        force_color: is_set("CLICOLOR_FORCE"),
    };
    // A panic says where it happened, not what the values were.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        drop(writeln!(io::stderr(), "\u{2718} BUG at {place}; see medsec explain E0900"));
    }));
    let result = std::panic::catch_unwind(|| {
        let (mut out, mut err) = (io::stdout().lock(), io::stderr());
        run(std::env::args_os(), &Verifier, surroundings, &mut out, &mut err)
    });
    result.unwrap_or(Exit::Bug).into()
}

/// Runs the tool: `args` begin with the program's name.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    verifier: &dyn Verify,
    surroundings: Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let args: Vec<_> = args.into_iter().collect();
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, &args, out, err),
    };
    let colored = match cli.global.color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            !surroundings.no_color && (surroundings.force_color || surroundings.terminal)
        }
    };
    let mut console = Console { out, err, global: cli.global, colored };
    let schema = cli.verb.schema();
    let is_verdict = matches!(cli.verb, Verb::Log(LogVerb::Verify(_)));
    match dispatch(&cli.verb, cli.global, verifier, console.err) {
        Ok(outcome) => settle(console.show(schema, &outcome), outcome.exit, console.err),
        Err(error) => {
            let shown = console.show_error(schema, &error, is_verdict);
            settle(shown, error.exit(), console.err)
        }
    }
}

fn dispatch(
    verb: &Verb,
    global: Global,
    verifier: &dyn Verify,
    err: &mut dyn Write,
) -> Result<Outcome, Error> {
    match verb {
        Verb::Demo { out } => demo::run(out.as_deref()),
        Verb::Ca(verb) => ca_verbs::run(verb),
        Verb::Permit(verb) => permit_verbs::run(verb),
        Verb::Erase(verb) => erase_verbs::run(verb),
        Verb::Registry(verb) => registry_verbs::run(verb),
        Verb::Device(verb) => device::run(verb),
        Verb::Sim(SimVerb::Run(args)) => sim_run::run(args, err),
        Verb::Sim(SimVerb::Line(args)) => sim_line::run(args, err),
        Verb::Sim(SimVerb::Export { dir, to, output }) => sim_export::run(dir, to, output),
        Verb::Export(verb) => export_open::run(verb),
        Verb::Log(LogVerb::Fetch { peer, output }) => log_fetch::run(peer, output),
        Verb::Explain { code } => explain::run(code),
        Verb::Schema { name } => schema::run(name),
        Verb::Log(LogVerb::Verify(subject)) => log_verify::run(subject, verifier),
        Verb::Log(LogVerb::Report { subject, output }) => {
            log_report::run(subject, output, verifier)
        }
        Verb::Log(LogVerb::Export(args)) => log_export::run(args, global.json, verifier),
        Verb::Log(LogVerb::Pseudonym { pseudonym_key, ids }) => {
            log_pseudonym::run(pseudonym_key, ids)
        }
        Verb::Completions { shell } => completions::run(*shell),
        Verb::Man { out } => man::run(out.as_deref()),
        Verb::Log(LogVerb::Checkpoint { subject, output }) => {
            log_checkpoint::run(subject, output.as_deref(), global.json, verifier)
        }
    }
}

/// The exit code, unless the output could not be written. A reader that closed the pipe has seen enough.
fn settle(shown: io::Result<()>, exit: Exit, err: &mut dyn Write) -> Exit {
    match shown {
        Ok(()) => exit,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit,
        Err(error) => {
            let (path, reason) = ("standard output".into(), Untrusted::new(error.to_string()));
            drop(writeln!(err, "\u{2718} ERROR: {}", Error::Write { path, reason }));
            Exit::Device
        }
    }
}

/// Answers a command line that asks for help, or that makes no sense.
fn refuse(
    error: &clap::Error,
    args: &[OsString],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Exit {
    let text = error.render().to_string();
    if !error.use_stderr() {
        return settle(out.write_all(text.as_bytes()), Exit::Ok, err);
    }
    let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let error = Error::Usage { reason: Untrusted::from(reason) };
    if args.iter().any(|arg| arg == "--json") {
        let global = Global { json: true, quiet: false, color: ColorChoice::Never };
        let mut console = Console { out, err, global, colored: false };
        let shown = console.show_error("medsec.error/1", &error, false);
        return settle(shown, Exit::Usage, console.err);
    }
    let shown = text.lines().try_for_each(|line| writeln!(err, "{}", Untrusted::from(line)));
    settle(shown, Exit::Usage, err)
}
