//! The documents and tables that `trace` writes. Each is the same for the same catalogue, links and results.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::catalogue::{Catalogue, Disposition, Requirement};
use super::links::{self, Facts};
use super::results::{Results, Status};

/// The page of links.
pub(crate) const PAGE: &str = "docs/traceability.md";
/// The page whose tables come from `trace/threats.toml`.
pub(crate) const THREAT_MODEL: &str = "docs/threat-model.md";

const HEAD: &str = "\
# Traceability

Written by `cargo xtask trace --write` from `trace/` and the sources; a change by hand fails the gate. Each requirement is one
sentence that can be tested, with the code that keeps it, tests that show it working, tests in which the attack on it
fails, and what shows that the attack succeeds without it. `gate:x` is `cargo xtask x`.

No result is written here: results belong to a run. `cargo xtask trace` reads what the tests and gates of this run printed,
for exactly these sources, and writes this page with a result beside each row to `target/trace/traceability.md`, and all
rows to `target/trace/matrix.csv` and `target/trace/matrix.json`. It fails when a link leads nowhere, a test failed, or
one did not run.

*Who* answers: `L` the library proves it, `C` it provides the capability and the maker configures it, `H` the part has to have
it, `M` the maker's own process. A row says that medsec provides a capability for what the outside id asks. Whether a device
complies with anything is for its maker to show.
";

/// The whole page; with the results of a run, or without any.
pub(crate) fn page(catalogue: &Catalogue, facts: &Facts, results: Option<&Results>) -> String {
    let mut out = String::from(HEAD);
    if let Some(results) = results {
        line(&mut out, &format!("\n## This run\n\nSources `{}`.\n", results.sources));
        let tests = |status| results.tests.values().filter(|it| **it == status).count();
        let (passed, failed) = (tests(Status::Pass), tests(Status::Fail));
        line(&mut out, &format!("- tests: {passed} passed, {failed} failed"));
        for (status, figures) in results.gates.values() {
            line(&mut out, &format!("- **{}** {figures}", status.word()));
        }
    }
    let here = catalogue.requirements.iter().filter(|it| it.not_yet.is_none());
    line(&mut out, "\n## What is here");
    let mut area = "";
    for requirement in here {
        let own = area_of(&requirement.id);
        if own != area {
            line(&mut out, &format!("\n### {own}"));
            area = own;
        }
        block(&mut out, requirement, results);
    }
    line(&mut out, "\n## What is not here yet\n");
    line(&mut out, "| id | sentence | for | why not |\n|---|---|---|---|");
    for requirement in &catalogue.requirements {
        if let Some(why) = &requirement.not_yet {
            let (id, text) = (&requirement.id, &requirement.text);
            line(
                &mut out,
                &format!("| {id} | {text} | {} | {why} |", requirement.parents.join(", ")),
            );
        }
    }
    line(&mut out, "\n## By what was asked\n");
    line(&mut out, "State as in `docs/requirements.md`; *open* are rows that are not here yet.\n");
    line(&mut out, "| id | state | rows | open |\n|---|---|---|---|");
    for (seed, state) in links::seed_states(facts) {
        let (rows, open) = serving(catalogue, &seed);
        line(&mut out, &format!("| {seed} | {state} | {rows} | {open} |"));
    }
    for catalog in &catalogue.catalogs {
        let (title, edition, date) = (&catalog.title, &catalog.edition, &catalog.date);
        line(&mut out, &format!("\n## {title}\n\n{edition}, {date}. {}\n", catalog.source));
        line(&mut out, "| id | in our words | rows | open |\n|---|---|---|---|");
        // Threats have a table of their own.
        let ids = catalog.ids.iter().filter(|(id, _)| !catalog.mitigations.contains_key(*id));
        for (id, words) in ids {
            let cited = format!("{}{id}", catalog.prefix);
            let (rows, open) = serving(catalogue, &cited);
            line(&mut out, &format!("| {cited} | {words} | {rows} | {open} |"));
        }
    }
    out
}

fn block(out: &mut String, requirement: &Requirement, results: Option<&Results>) {
    let result = results.map_or_else(String::new, |results| {
        format!(" — **{}**", links::status(requirement, results).word())
    });
    let Requirement { id, text, package, who, .. } = requirement;
    line(out, &format!("\n**{id}** {text}{result}\n"));
    let verify = requirement.verify.map_or("process", super::catalogue::Verify::word);
    line(
        out,
        &format!(
            "- for {}; `{package}`, {}, {verify}",
            requirement.parents.join(", "),
            who.letter()
        ),
    );
    let lists = [
        ("code", &requirement.code),
        ("works", &requirement.tests),
        ("attack fails", &requirement.thwart),
        ("without it", &requirement.weakening),
    ];
    for (what, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        let items: Vec<String> = list.iter().map(|item| format!("`{item}`")).collect();
        line(out, &format!("- {what}: {}", items.join(", ")));
    }
    if let Some(why) = &requirement.no_weakening {
        line(out, &format!("- without it: {why}"));
    }
}

/// The rows that are here for an id, and those that are not.
fn serving(catalogue: &Catalogue, id: &str) -> (String, String) {
    let rows = catalogue.requirements.iter().filter(|it| it.parents.iter().any(|it| it == id));
    let (here, open): (Vec<_>, Vec<_>) = rows.partition(|it| it.not_yet.is_none());
    let join = |rows: Vec<&Requirement>| {
        rows.iter().map(|it| it.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    (join(here), join(open))
}

/// `AUDIT` of `MS-AUDIT-012`.
fn area_of(id: &str) -> &str {
    id.split('-').nth(1).unwrap_or_default()
}

/// The table of threats to what is built.
pub(crate) fn scenarios(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    let mut area = "";
    for scenario in &catalogue.scenarios {
        if scenario.area != area {
            area = &scenario.area;
            line(&mut out, &format!("\n### {area}\n"));
            line(
                &mut out,
                "| id | threat, and by whom | control | the attack fails in | what remains |",
            );
            line(&mut out, "|---|---|---|---|---|");
        }
        let attacks: Vec<String> =
            scenario.attacks.iter().map(|attack| format!("`{attack}`")).collect();
        line(
            &mut out,
            &format!(
                "| {} | **{}**: {} ({}) | {} | {} | {} |",
                scenario.id,
                scenario.actor,
                scenario.threat,
                scenario.ids.join(", "),
                scenario.by.join(", "),
                attacks.join(", "),
                scenario.residual
            ),
        );
    }
    out
}

/// The table of every threat of the outside catalogue.
pub(crate) fn dispositions(catalogue: &Catalogue) -> String {
    let mut out = String::new();
    let Some(catalog) = catalogue.threat_catalog() else { return out };
    for disposition in Disposition::ALL {
        let count = catalogue.threats.iter().filter(|it| it.disposition == disposition).count();
        line(&mut out, &format!("- {}: {count}", disposition.word()));
    }
    line(&mut out, "\n| id | in our words | done by | controls here | what remains, or why |");
    line(&mut out, "|---|---|---|---|---|");
    for threat in &catalogue.threats {
        let words = catalog.ids.get(&threat.id).map_or("", String::as_str);
        line(
            &mut out,
            &format!(
                "| {} | {words} | {} | {} | {} |",
                threat.id,
                threat.disposition.word(),
                threat.by.join(", "),
                threat.reason
            ),
        );
    }
    out
}

/// A document with a generated part renewed; nothing if the marks are missing.
pub(crate) fn renewed(document: &str, name: &str, part: &str) -> Option<String> {
    let (begin, end) =
        (format!("<!-- trace: {name} begin -->\n"), format!("<!-- trace: {name} end -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{part}{end}{after}"))
}

/// The matrix, and what it was filled from.
#[derive(Serialize)]
struct Matrix<'a> {
    sources: &'a str,
    gates: &'a BTreeMap<String, (Status, String)>,
    rows: &'a [Row<'a>],
}

/// A row of the matrix, as a table reads it.
#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    sentence: &'a str,
    parents: String,
    package: &'a str,
    who: &'static str,
    verify: &'static str,
    code: String,
    tests: String,
    thwart: String,
    weakening: String,
    result: &'static str,
    note: &'a str,
}

/// Writes `matrix.json`, `matrix.csv` and the page with results.
pub(crate) fn write_results(
    folder: &Path,
    catalogue: &Catalogue,
    facts: &Facts,
    results: &Results,
) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let rows: Vec<Row<'_>> = catalogue.requirements.iter().map(|it| row(it, results)).collect();
    let matrix = Matrix { sources: &results.sources, gates: &results.gates, rows: &rows };
    let json = serde_json::to_string_pretty(&matrix).map_err(|e| format!("matrix.json: {e}"))?;
    let mut csv = csv::Writer::from_writer(Vec::new());
    for row in &rows {
        csv.serialize(row).map_err(|e| format!("matrix.csv: {e}"))?;
    }
    let csv = csv.into_inner().map_err(|e| format!("matrix.csv: {e}"))?;
    let page = page(catalogue, facts, Some(results));
    let files = [
        ("matrix.json", json.into_bytes()),
        ("matrix.csv", csv),
        ("traceability.md", page.into_bytes()),
    ];
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes).map_err(|e| format!("{name}: {e}"))?;
    }
    Ok(())
}

fn row<'a>(requirement: &'a Requirement, results: &Results) -> Row<'a> {
    let note = requirement.not_yet.as_ref().or(requirement.no_weakening.as_ref());
    Row {
        id: &requirement.id,
        sentence: &requirement.text,
        parents: requirement.parents.join(" "),
        package: &requirement.package,
        who: requirement.who.letter(),
        verify: requirement.verify.map_or("", super::catalogue::Verify::word),
        code: requirement.code.join(" "),
        tests: requirement.tests.join(" "),
        thwart: requirement.thwart.join(" "),
        weakening: requirement.weakening.join(" "),
        result: links::status(requirement, results).word(),
        note: note.map_or("", String::as_str),
    }
}

/// Pages that are not what they would be written as, or lead nowhere.
pub(crate) fn stale(catalogue: &Catalogue, facts: &Facts) -> Vec<String> {
    let mut holes = Vec::new();
    let text = |path: &str| facts.sources.get(path).map(String::as_str).unwrap_or_default();
    if text(PAGE) != page(catalogue, facts, None) {
        holes.push(format!("{PAGE} is not up to date: cargo xtask trace --write"));
    }
    let model = text(THREAT_MODEL);
    match threat_model(model, catalogue) {
        Some(renewed) if renewed == model => {}
        Some(_) => {
            holes.push(format!("{THREAT_MODEL} is not up to date: cargo xtask trace --write"));
        }
        None => holes.push(format!("{THREAT_MODEL} has lost its marks")),
    }
    let astray = astray(model, catalogue, facts).into_iter();
    holes.extend(astray.map(|it| format!("{THREAT_MODEL} names {it}, which is not there")));
    holes
}

/// The threat model with its tables renewed.
pub(crate) fn threat_model(text: &str, catalogue: &Catalogue) -> Option<String> {
    let text = renewed(text, "scenarios", &scenarios(catalogue))?;
    renewed(&text, "dispositions", &dispositions(catalogue))
}

/// What a document written by hand names and is not there: paths, tests, requirements.
fn astray(document: &str, catalogue: &Catalogue, facts: &Facts) -> Vec<String> {
    let quoted = document.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|it| it.contains('/') && !it.contains(' ') && !it.contains('…'));
    let mut astray: Vec<String> = paths
        .filter(|it| !it.starts_with("target/") && !facts.leads_somewhere(it))
        .map(str::to_owned)
        .collect();
    let ids = links::named_ids(document).into_iter();
    astray.extend(ids.filter(|id| catalogue.requirement(id).is_none()));
    astray
}

fn line(out: &mut String, text: &str) {
    // Writing to a string does not fail.
    let _written: core::fmt::Result = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_renewed_between_its_marks_only() {
        let document = "a\n<!-- trace: x begin -->\nold\n<!-- trace: x end -->\nb\n";
        let renewed_once = renewed(document, "x", "new\n").unwrap();
        assert_eq!(renewed_once, document.replace("old", "new"));
        assert_eq!(renewed(&renewed_once, "x", "new\n").unwrap(), renewed_once);
        assert!(renewed(document, "y", "new\n").is_none());
    }
}
