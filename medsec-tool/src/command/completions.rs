//! `medsec completions SHELL`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;
use crate::error::Error;
use crate::output::Outcome;

/// Hands back a shell's completion script. It is printed as it stands, with and without `--json`.
pub(crate) fn run(shell: Shell) -> Result<Outcome, Error> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "medsec", &mut script);
    Ok(Outcome::printed(script))
}
