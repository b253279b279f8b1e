//! Other stores under our harness: `benches/rivals`, built and run as a program of its own.
//!
//! It is a workspace apart, so that nothing of ours is built with what a rival depends on.

use crate::record::Record;
use crate::shell::Shell;

/// The workspace.
pub(crate) const MANIFEST: &str = "benches/rivals/Cargo.toml";

/// Cases of the rival's queue at the size of a change, and of a release.
const RUNS: u64 = 20_000;
const RUNS_FULL: u64 = 400_000;

/// Models under which reads fail. The rival does not claim to bear those, so they alone would show nothing.
const READ_ERRORS: [&str; 2] = ["read-error", "ecc"];

/// What the same cuts and the same models do to a rival.
pub(crate) struct Cut {
    /// Name and version.
    pub(crate) name: String,
    pub(crate) runs: u64,
    /// Runs that lost, mixed up or invented a record, were refused one, or panicked.
    pub(crate) hard: u64,
}

/// Cuts the power in the life of the rival's queue; it must come to harm also where no read fails.
pub(crate) fn cut(shell: &Shell, full: bool, seed: u64, record: bool) -> Result<Cut, String> {
    let runs = if full { RUNS_FULL } else { RUNS };
    let printed =
        run(shell, &["powercut", "--runs", &runs.to_string(), "--seed", &seed.to_string()])?;
    let cut = figures(&printed).ok_or("the rival's driver printed no figures")?;
    let rows: Vec<Vec<&str>> = rows(&printed);
    let (header, rows) = rows.split_first().ok_or("the rival's driver printed no table")?;
    let mut counts = Vec::new();
    let mut harmed = 0;
    for row in rows {
        let [model, read, cells @ ..] = row.as_slice() else { continue };
        for (what, count) in header.iter().skip(2).zip(cells) {
            let count: u64 = count.parse().map_err(|_| format!("{what} of the rival: {count}"))?;
            counts.push((format!("{model} read {read} {what}"), count));
            if *what != "hard" || READ_ERRORS.contains(model) {
                continue;
            }
            if *model == "none" && count != 0 {
                return Err(
                    "the oracle of the rival's queue accuses operations that were whole".into()
                );
            }
            harmed += count;
        }
    }
    if harmed == 0 {
        return Err(format!("{} comes to no harm: the harness shows nothing", cut.name));
    }
    println!(
        "{}: {} hard in {} runs, {harmed} where reads never fail",
        cut.name, cut.hard, cut.runs
    );
    let (name, flag) = if full { ("full", " --full") } else { ("change", "") };
    let record_file = Record {
        name: &format!("powercut-rivals-{name}"),
        command: &format!("cargo xtask powercut{flag} core --seed {seed}"),
        seed,
        counts: &counts,
    };
    if record {
        record_file.write(shell)?;
    }
    Ok(cut)
}

/// Builds and runs the program; what it printed, of which what is not for a record file is passed on.
pub(crate) fn run(shell: &Shell, arguments: &[&str]) -> Result<String, String> {
    let target = shell.target().to_string_lossy().into_owned();
    let mut words = vec!["cargo", "run", "--quiet", "--release", "--locked"];
    words.extend(["--manifest-path", MANIFEST, "--target-dir", &target, "--"]);
    words.extend(arguments);
    println!("$ {}", words.join(" "));
    let printed = shell.read(&words)?;
    let recorded = |line: &&str| line.starts_with("count ") || line.starts_with("target ");
    printed.lines().filter(|line| !recorded(line)).for_each(|line| println!("{line}"));
    Ok(printed)
}

/// The rows of the table in what the driver printed, the one of names first.
fn rows(printed: &str) -> Vec<Vec<&str>> {
    let mut rows = printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let header = rows.find(|row| row.first() == Some(&"model")).unwrap_or_default();
    let columns = header.len();
    core::iter::once(header).chain(rows.take_while(|row| row.len() == columns)).collect()
}

/// Reads `rivals: NAME VERSION: N runs, M hard, ...`.
fn figures(printed: &str) -> Option<Cut> {
    let line = printed.lines().rev().find_map(|line| line.strip_prefix("rivals: "))?;
    let (name, counts) = line.split_once(": ")?;
    let (runs, rest) = counts.split_once(" runs, ")?;
    let (hard, _) = rest.split_once(" hard")?;
    Some(Cut { name: name.to_owned(), runs: runs.parse().ok()?, hard: hard.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "model read runs hard\necc 4 10 3\nnone 4 7 0\necc, lost: a case of five words\n\
                           rivals: other 1.0.0: 17 runs, 3 hard, 2 flicker\n";

    #[test]
    fn the_figures_and_the_table_are_read() {
        let cut = figures(PRINTED).unwrap();
        assert_eq!((&*cut.name, cut.runs, cut.hard), ("other 1.0.0", 17, 3));
        assert_eq!(rows(PRINTED).len(), 3);
        assert_eq!(rows(PRINTED)[2], ["none", "4", "7", "0"]);
    }

    #[test]
    fn output_without_figures_is_not_read() {
        assert!(figures("rivals: other 1.0.0: 17 runs\n").is_none());
        assert!(rows("nothing\n").first().is_some_and(Vec::is_empty));
    }
}
