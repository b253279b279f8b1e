//! `cargo xtask bench`: what a record costs in our log and in two other stores, counted in one run.

use crate::record::{Record, not_fewer};
use crate::shell::Shell;
use crate::{Outcome, rivals};

/// The record, which README's table is held to.
const RECORD: &str = "bench";

/// Counts; fails when a target is missed that was met when the record was made.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let record = match arguments {
        [] => false,
        [flag] if flag == "--record" => true,
        _ => return Err("usage: bench [--record]".to_owned()),
    };
    let printed = rivals::run(shell, &["bench"])?;
    let targets = figures(&printed, "target ")?;
    let mut counts = figures(&printed, "count ")?;
    if targets.is_empty() || counts.is_empty() {
        return Err("nothing was counted".to_owned());
    }
    let met = targets.iter().filter(|(_, met)| *met != 0).count();
    let line = format!("{met} of {} targets met, {} figures", targets.len(), counts.len());
    if !record {
        not_fewer(shell, RECORD, &targets)?;
    }
    counts.extend(targets);
    let file = Record { name: RECORD, command: "cargo xtask bench", seed: 1, counts: &counts };
    if record {
        file.write(shell)?;
    }
    Ok(line)
}

/// The figures of the lines that begin with `kind`.
pub(crate) fn figures(printed: &str, kind: &str) -> Result<Vec<(String, u64)>, String> {
    let lines = printed.lines().filter(|line| line.starts_with(kind));
    let figure = |line: &str| {
        let (what, count) = line.rsplit_once(' ')?;
        // A count says what it is; a target says that it is one.
        let what = what.strip_prefix("count ").unwrap_or(what);
        Some((what.to_owned(), count.parse().ok()?))
    };
    lines.map(|line| figure(line).ok_or_else(|| format!("not a figure: {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "a row\ncount queue 64 B: bytes 36\ntarget bytes 1\ntarget RAM 0\n";

    #[test]
    fn counts_and_targets_are_told_apart() {
        assert_eq!(figures(PRINTED, "count ").unwrap(), [("queue 64 B: bytes".to_owned(), 36)]);
        let targets = [("target bytes".to_owned(), 1), ("target RAM".to_owned(), 0)];
        assert_eq!(figures(PRINTED, "target ").unwrap(), targets);
    }

    #[test]
    fn a_figure_that_is_none_is_refused() {
        let refused = figures("count bytes many\n", "count ").unwrap_err();
        assert!(refused.contains("many"), "{refused}");
    }
}
