//! Survivors that are right to survive, with the reason: `tests/mutants.toml`.

use serde::Deserialize;

use crate::shell::Shell;

const TABLE: &str = "tests/mutants.toml";

/// A mutant no test can tell from the original, or none has to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Accepted {
    file: String,
    function: String,
    change: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    accepted: Vec<Accepted>,
}

impl Accepted {
    /// The mutant's name.
    pub(super) fn key(&self) -> String {
        format!("{} | {} | {}", self.file, self.function, self.change)
    }
}

/// The table.
pub(super) fn read(shell: &Shell) -> Result<Vec<Accepted>, String> {
    let path = shell.root().join(TABLE);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{TABLE}: {e}"))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Accepted>, String> {
    let table: Table = toml::from_str(text).map_err(|e| format!("{TABLE}: {e}"))?;
    let mut keys: Vec<String> = table.accepted.iter().map(Accepted::key).collect();
    let bare = table.accepted.iter().find(|accepted| accepted.reason.trim().is_empty());
    if let Some(accepted) = bare {
        return Err(format!("no reason in {TABLE}: {}", accepted.key()));
    }
    keys.sort();
    match keys.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => Err(format!("twice in {TABLE}: {}", pair.concat())),
        None => Ok(table.accepted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_a_reason_and_stands_once() {
        let line = |reason| {
            format!("{{ file = \"a\", function = \"b\", change = \"c\", reason = \"{reason}\" }},")
        };
        let table = |lines: &str| parse(&format!("accepted = [{lines}]")).map(|all| all.len());
        assert_eq!(table(&line("no effect")), Ok(1));
        assert_eq!(table(&line(" ")).ok(), None);
        assert_eq!(table(&(line("no effect") + &line("the same"))).ok(), None);
    }
}
