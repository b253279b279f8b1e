//! `medsec man`.

use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::cli::Cli;
use crate::error::Error;
use crate::files;
use crate::output::Outcome;
use crate::untrusted::Untrusted;

/// When the command line last changed.
const EDITION: &str = "2026-11-30";

/// Prints the page of the whole, or writes the pages of all verbs.
pub(crate) fn run(out: Option<&Path>) -> Result<Outcome, Error> {
    let mut command = Cli::command();
    command.build();
    let Some(dir) = out else {
        return Ok(Outcome::printed(page(&command)?));
    };
    std::fs::create_dir_all(dir).map_err(|error| Error::Write {
        path: Untrusted::from_path(dir),
        reason: Untrusted::new(error.to_string()),
    })?;
    let mut waiting = vec![("medsec".to_owned(), command)];
    while let Some((name, command)) = waiting.pop() {
        let text = page(&command)?;
        files::write(&dir.join(format!("{name}.1")), &[], |out| out.write_all(&text))?;
        let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
        waiting.extend(verbs.map(|verb| (format!("{name}-{}", verb.get_name()), verb.clone())));
    }
    let headline = format!("pages in {}", Untrusted::from_path(dir));
    Ok(Outcome { headline, ..Outcome::printed(Vec::new()) })
}

/// The page of one verb.
fn page(command: &Command) -> Result<Vec<u8>, Error> {
    let version = concat!("medsec ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).date(EDITION).source(version).manual("medsec");
    let mut text = Vec::new();
    man.render(&mut text).map_err(|_| Error::Bug { what: "the manual page has no text" })?;
    // A break beside a blank line says nothing, and formatters warn of it.
    let is_space = |line: Option<&&[u8]>| line.is_some_and(|line| line.trim_ascii().is_empty());
    let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let mut page = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|index| lines.get(index));
        if line.trim_ascii_end() != b".br" || !(is_space(before) || is_space(lines.get(index + 1)))
        {
            page.extend_from_slice(line);
        }
    }
    Ok(page)
}
