//! `cargo xtask trace`: from each requirement to its code, its tests, the attacks on it, and what came of them in this run.
//!
//! `trace/` holds the catalogue; `docs/testing.md` says how to add a row. What is linked is proven to exist, results are
//! read from what ran on exactly these sources, and a hole in either fails. What has not run yet is run.

mod catalogue;
mod links;
mod page;
pub(crate) mod results;
mod selftest;

use std::collections::BTreeSet;

use crate::Outcome;
use crate::shell::Shell;
use crate::tidy::Tree;
use catalogue::Catalogue;
use links::Facts;
use results::{Results, Status};

/// Holes that are printed; the rest are counted.
const SHOWN_MAX: usize = 100;

/// Examines links and results.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let tree = Tree::read(shell)?;
    if words == ["--sources"] {
        return Ok(format!("sources {}", results::digest(shell, &tree)?));
    }
    let catalogue = Catalogue::read(&tree)?;
    let facts = Facts::of(&tree);
    match words.as_slice() {
        [] => whole(shell, &tree, &catalogue, &facts),
        ["--no-run"] => {
            let found = linked(&catalogue, &facts)?;
            Ok(format!("{}; selftest {found} of {found} seeded holes found", counts(&catalogue)))
        }
        ["--selftest"] => {
            let found = selftest::run(&catalogue, &facts)?;
            Ok(format!("{found} of {found} seeded holes found"))
        }
        ["--write"] => write(shell, &catalogue, &facts),
        ["--for", path] => reverse(&catalogue, path),
        _ => Err(format!("unknown arguments {}", words.join(" "))),
    }
}

/// Links, pages, the control, and then results.
fn whole(shell: &Shell, tree: &Tree, catalogue: &Catalogue, facts: &Facts) -> Outcome {
    let seeded = linked(catalogue, facts)?;
    let mut results = Results::read(shell, tree)?;
    let is_idle = |it: &String| gate_of(it).is_none() && results.of(it) == Status::NotRun;
    if named(catalogue).iter().any(is_idle) {
        results::run_tests(shell, tree)?;
        results = Results::read(shell, tree)?;
    }
    for gate in missing_gates(catalogue, &results) {
        println!("== {gate}, for trace");
        crate::ci::step(shell, &gate)?;
        results = Results::read(shell, tree)?;
    }
    let folder = shell.target().join("trace");
    page::write_results(&folder, catalogue, facts, &results)?;
    report(&links::unproven(catalogue, &results))?;
    let ran = results.tests.len();
    Ok(format!(
        "{}; {ran} tests and {} gates ran on these sources, 0 holes; selftest {seeded} of {seeded} seeded holes found",
        counts(catalogue),
        results.gates.len()
    ))
}

/// Everything but results; how many seeded holes the control found.
fn linked(catalogue: &Catalogue, facts: &Facts) -> Result<usize, String> {
    let mut holes = links::holes(catalogue, facts);
    holes.extend(page::stale(catalogue, facts));
    report(&holes)?;
    selftest::run(catalogue, facts)
}

/// Prints holes; fails if there are any.
fn report(holes: &[String]) -> Result<(), String> {
    holes.iter().take(SHOWN_MAX).for_each(|hole| println!("hole: {hole}"));
    if holes.is_empty() { Ok(()) } else { Err(format!("{} holes", holes.len())) }
}

/// Writes the pages.
fn write(shell: &Shell, catalogue: &Catalogue, facts: &Facts) -> Outcome {
    let model = facts.sources.get(page::THREAT_MODEL).map(String::as_str).unwrap_or_default();
    let lost = || format!("{} has lost its marks", page::THREAT_MODEL);
    let pages = [
        (page::PAGE, page::page(catalogue, facts, None)),
        (page::THREAT_MODEL, page::threat_model(model, catalogue).ok_or_else(lost)?),
    ];
    for (path, text) in &pages {
        std::fs::write(shell.root().join(path), text).map_err(|e| format!("{path}: {e}"))?;
    }
    Ok(format!("wrote {} and {}; {}", page::PAGE, page::THREAT_MODEL, counts(catalogue)))
}

/// Which requirements rest on a source.
fn reverse(catalogue: &Catalogue, path: &str) -> Outcome {
    let mut count = 0_usize;
    for requirement in &catalogue.requirements {
        let lists =
            [&requirement.code, &requirement.tests, &requirement.thwart, &requirement.weakening];
        let names = lists.into_iter().flatten().filter(|it| it.starts_with(path));
        let names: BTreeSet<&str> = names.map(String::as_str).collect();
        if !names.is_empty() {
            let names: Vec<&str> = names.into_iter().collect();
            println!("{} {}\n  {}", requirement.id, requirement.text, names.join("\n  "));
            count += 1;
        }
    }
    Ok(format!("{count} requirements rest on {path}"))
}

/// The gate that a reference to a gate or an attack means.
fn gate_of(reference: &str) -> Option<String> {
    match reference.split_once(':')? {
        ("gate", gate) => Some(gate.to_owned()),
        ("attack", _) => Some(results::ATTACKS.to_owned()),
        _ => None,
    }
}

/// All that rows, threats and scenarios rest on.
fn named(catalogue: &Catalogue) -> BTreeSet<String> {
    let rows = catalogue.requirements.iter().filter(|it| it.not_yet.is_none());
    let attacks = catalogue.threats.iter().flat_map(|it| it.attacks.iter().cloned());
    let scenarios = catalogue.scenarios.iter().flat_map(|it| it.attacks.iter().cloned());
    rows.flat_map(links::evidence).chain(attacks).chain(scenarios).collect()
}

/// Steps of the gates that a row names and that have not run on these sources.
fn missing_gates(catalogue: &Catalogue, results: &Results) -> BTreeSet<String> {
    let gates: BTreeSet<String> = named(catalogue).iter().filter_map(|it| gate_of(it)).collect();
    let steps = gates.iter().flat_map(|gate| crate::ci::steps_of(gate));
    steps.filter(|step| !results.gates.contains_key(step)).collect()
}

fn counts(catalogue: &Catalogue) -> String {
    let here: Vec<_> = catalogue.requirements.iter().filter(|it| it.not_yet.is_none()).collect();
    let shown = here.iter().filter(|it| !it.weakening.is_empty()).count();
    let cited: BTreeSet<&String> = here.iter().flat_map(|it| &it.parents).collect();
    format!(
        "{} requirements ({shown} with a weakening), {} not yet, {} outside ids served, {} threats answered, {} scenarios",
        here.len(),
        catalogue.requirements.len() - here.len(),
        cited.len(),
        catalogue.threats.len(),
        catalogue.scenarios.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Links lead somewhere, pages are those that would be written, and every seeded hole is found.
    #[test]
    fn this_tree_has_no_hole_in_its_links() {
        let shell = Shell::at_root().unwrap();
        if !shell.succeeds(&["git", "rev-parse"]) {
            return; // An unpacked archive has no list of its sources.
        }
        let outcome = run(&shell, &["--no-run".to_owned()]);
        assert!(outcome.is_ok(), "{outcome:?}: cargo xtask trace --no-run says where");
    }
}
