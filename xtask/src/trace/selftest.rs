//! Holes seeded into copies of catalogue, facts and results: each must be reported, or the gate shows nothing.

use super::catalogue::{Catalogue, Disposition, Requirement};
use super::links::{self, Facts};
use super::page;
use super::results::{Results, Status};

/// A copy of what is examined, to be spoiled.
#[derive(Clone)]
struct Copy {
    catalogue: Catalogue,
    facts: Facts,
    results: Results,
}

impl Copy {
    fn holes(&self) -> Vec<String> {
        let mut holes = links::holes(&self.catalogue, &self.facts);
        holes.extend(page::stale(&self.catalogue, &self.facts));
        holes.extend(links::unproven(&self.catalogue, &self.results));
        holes
    }

    /// The first requirement that is shown by tests and a patch.
    fn row(&mut self) -> Option<&mut Requirement> {
        self.catalogue.requirements.iter_mut().find(|it| {
            it.not_yet.is_none()
                && it.tests.iter().any(|test| is_test(test))
                && it.thwart.iter().any(|test| is_test(test))
                && it.weakening.iter().any(|it| it.contains("/tests/weakened/"))
        })
    }

    /// A test that this row names.
    fn test(&mut self) -> Option<String> {
        self.row()?.tests.iter().find(|test| is_test(test)).cloned()
    }
}

/// Whether a reference is to a test, not to a gate or an attack.
fn is_test(reference: &str) -> bool {
    reference.contains(".rs::")
}

/// A hole: its name, how it is made, and what its report has to say.
type Seed = (&'static str, fn(&mut Copy) -> Option<()>, &'static str);

static SEEDS: [Seed; 29] = [
    (
        "an unknown outside id",
        |it| it.row().map(|row| row.parents.push("CR 99".into())),
        "unknown id CR 99",
    ),
    ("no parent", |it| it.row().map(|row| row.parents.clear()), "no parent"),
    ("no code", |it| it.row().map(|row| row.code.clear()), "no code"),
    ("code renamed away", code_gone, "no code"),
    ("no test", |it| it.row().map(|row| row.tests.clear()), "no test"),
    ("a test renamed away", test_gone, "no test"),
    ("no thwart test", |it| it.row().map(|row| row.thwart.clear()), "no thwart test"),
    (
        "a thwart test without a weakening",
        |it| it.row().map(|row| row.weakening.clear()),
        "without a weakening",
    ),
    ("a patch that is not there", patch_gone, "no weakening"),
    ("a patch that no case needs", cases_gone, "no case in"),
    ("a test that failed", |it| came(it, Status::Fail), ": fail"),
    ("a test that was ignored", |it| came(it, Status::NotRun), ": not-run"),
    ("a test that did not run", test_not_run, ": not-run"),
    ("a gate that failed", |it| gate(it, true), "gate:counterexamples: fail"),
    ("a gate that did not run", |it| gate(it, false), "gate:counterexamples: not-run"),
    (
        "an unknown gate",
        |it| it.row().map(|row| row.tests.push("gate:none".into())),
        "no test gate:none",
    ),
    (
        "an unknown attack",
        |it| it.row().map(|row| row.thwart.push("attack:none".into())),
        "no thwart test attack:none",
    ),
    ("an id that stands twice", double, "stands twice"),
    ("a malformed id", |it| it.row().map(|row| row.id.push('x')), "not of the form"),
    ("a tag in the code that nobody knows", orphan, "is no requirement"),
    ("something to show that is not here", too_early, "not here yet, and shows"),
    ("a state that the rows contradict", state, "says `no`"),
    ("a threat without an answer", |it| it.catalogue.threats.pop().map(|_| ()), "no disposition"),
    ("a threat that nothing mitigates", unmitigated, "does not go with"),
    ("an attack renamed away", attack_gone, "no attack"),
    ("a scenario with an unknown id", scenario, "unknown id CR 98"),
    ("a page changed by hand", |it| page_changed(it, page::PAGE, "**MS-"), "is not up to date"),
    (
        "a threat taken out of the page",
        |it| page_changed(it, page::THREAT_MODEL, "| TID-"),
        "is not up to date",
    ),
    ("a page that names what is not there", page_astray, "names medsec/gone.rs"),
];

/// Seeds every hole; how many were found, or which were not.
pub(crate) fn run(catalogue: &Catalogue, facts: &Facts) -> Result<usize, String> {
    let whole = Copy {
        catalogue: catalogue.clone(),
        facts: facts.clone(),
        results: all_passed(catalogue, facts),
    };
    let before = whole.holes();
    let mut missed = Vec::new();
    for (name, spoil, says) in &SEEDS {
        let mut copy = whole.clone();
        let spoiled = spoil(&mut copy).is_some();
        let holes = copy.holes();
        let found = holes.iter().any(|hole| hole.contains(*says) && !before.contains(hole));
        if !spoiled || !found {
            missed.push(*name);
        }
    }
    if missed.is_empty() {
        Ok(SEEDS.len())
    } else {
        Err(format!("seeded holes that were not found: {}", missed.join("; ")))
    }
}

/// Results in which everything passed, which only this control ever makes up.
fn all_passed(catalogue: &Catalogue, facts: &Facts) -> Results {
    let tests = facts.tests.iter().map(|test| (test.clone(), Status::Pass));
    let gates = facts.gates.iter().map(|gate| (gate.clone(), (Status::Pass, String::new())));
    let mut results =
        Results { tests: tests.collect(), gates: gates.collect(), ..Results::default() };
    // What a broken link names neither ran nor failed; its hole is that link.
    for reference in catalogue.requirements.iter().flat_map(links::evidence) {
        results.tests.entry(reference).or_insert(Status::Pass);
    }
    results
}

fn code_gone(it: &mut Copy) -> Option<()> {
    let code = it.row()?.code.first()?.clone();
    let path = code.split("::").next()?;
    it.facts.sources.remove(path).map(|_| ())
}

fn test_gone(it: &mut Copy) -> Option<()> {
    let test = it.test()?;
    it.facts.tests.remove(&test).then_some(())
}

fn patch(it: &mut Copy) -> Option<String> {
    let mut patches = it.row()?.weakening.iter();
    patches.find(|it| it.contains("/tests/weakened/")).cloned()
}

fn patch_gone(it: &mut Copy) -> Option<()> {
    let patch = patch(it)?;
    it.facts.sources.remove(&patch).map(|_| ())
}

fn cases_gone(it: &mut Copy) -> Option<()> {
    let cases = patch(it)?.replace("/weakened/", "/counterexamples/").replace(".patch", ".txt");
    it.facts.sources.insert(cases, "# none was found\n".to_owned()).map(|_| ())
}

fn came(it: &mut Copy, status: Status) -> Option<()> {
    let test = it.test()?;
    it.results.tests.insert(test, status).map(|_| ())
}

fn test_not_run(it: &mut Copy) -> Option<()> {
    let test = it.test()?;
    it.results.tests.remove(&test).map(|_| ())
}

fn gate(it: &mut Copy, failed: bool) -> Option<()> {
    let gates = &mut it.results.gates;
    let (status, _) = gates.get_mut("counterexamples")?;
    *status = Status::Fail;
    if !failed {
        gates.remove("counterexamples");
    }
    Some(())
}

fn double(it: &mut Copy) -> Option<()> {
    let row = it.row()?.clone();
    it.catalogue.requirements.push(row);
    Some(())
}

fn orphan(it: &mut Copy) -> Option<()> {
    it.facts.tags.push(("MS-NONE-999".to_owned(), "medsec-core/src/lib.rs".to_owned()));
    Some(())
}

fn too_early(it: &mut Copy) -> Option<()> {
    let test = it.test()?;
    let mut rows = it.catalogue.requirements.iter_mut();
    rows.find(|it| it.not_yet.is_some())?.tests.push(test);
    Some(())
}

fn state(it: &mut Copy) -> Option<()> {
    let text = it.facts.sources.get_mut(links::SEED)?;
    let changed = text.replace("| here |", "| no |");
    (changed != *text).then(|| *text = changed)
}

fn unmitigated(it: &mut Copy) -> Option<()> {
    let mut threats = it.catalogue.threats.iter_mut();
    threats.find(|it| it.disposition == Disposition::Mitigated)?.by.clear();
    Some(())
}

fn attack_gone(it: &mut Copy) -> Option<()> {
    let mut attacks = it.catalogue.threats.iter().flat_map(|threat| &threat.attacks);
    let attack = attacks.find(|it| is_test(it))?.clone();
    it.facts.tests.remove(&attack).then_some(())
}

fn scenario(it: &mut Copy) -> Option<()> {
    it.catalogue.scenarios.first_mut()?.ids.push("CR 98".to_owned());
    Some(())
}

/// Takes the first line out that begins in this way.
fn page_changed(it: &mut Copy, path: &str, begins: &str) -> Option<()> {
    let text = it.facts.sources.get_mut(path)?;
    let line = text.lines().find(|line| line.starts_with(begins))?.to_owned();
    *text = text.replace(&line, "");
    Some(())
}

fn page_astray(it: &mut Copy) -> Option<()> {
    it.facts.sources.get_mut(page::THREAT_MODEL)?.push_str("`medsec/gone.rs`\n");
    Some(())
}
