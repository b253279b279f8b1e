//! Where a link leads nowhere, or one is missing: the holes.

use std::collections::{BTreeMap, BTreeSet};

use super::catalogue::{Catalogue, Disposition, Requirement, Who};
use super::results::{Results, Status};
use crate::tidy::Tree;

/// Ours, in `docs/requirements.md` and as parents.
pub(crate) const SEED: &str = "docs/requirements.md";

/// Folders of patches, and the gate that shows what each lets happen.
const PATCHES: [(&str, &str); 4] = [
    ("/tests/weakened/", "counterexamples"),
    ("examples/pump-firmware/weakened/", "emulate"),
    ("tests/attacks/weakened/", "attacks"),
    ("fuzz/seeded/", "fuzz"),
];

/// Where the catalogue of attacks lies.
const ATTACKS: &str = "tests/attacks/src/catalogue/";

/// What the sources hold that a link can lead to.
#[derive(Clone)]
pub(crate) struct Facts {
    /// `path::name` of every test function.
    pub(crate) tests: BTreeSet<String>,
    /// Text of every source, by path.
    pub(crate) sources: BTreeMap<String, String>,
    /// Every `MS-…` id that a source names, with the path.
    pub(crate) tags: Vec<(String, String)>,
    /// Steps of `cargo xtask ci`: gates with their arguments.
    pub(crate) gates: BTreeSet<String>,
    /// Ids of the attacks in the catalogue.
    pub(crate) attacks: BTreeSet<String>,
}

impl Facts {
    /// Reads the sources.
    pub(crate) fn of(tree: &Tree) -> Self {
        let rust = || tree.files.iter().filter(|file| file.path.ends_with(".rs"));
        let tests = rust().flat_map(|file| {
            test_functions(&file.text).map(|name| format!("{}::{name}", file.path))
        });
        let tags = rust()
            .filter(|file| !file.path.starts_with("xtask/"))
            .flat_map(|file| named_ids(&file.text).into_iter().map(|id| (id, file.path.clone())));
        let attacks = rust().filter(|file| file.path.starts_with(ATTACKS));
        let sources = tree.files.iter().map(|file| (file.path.clone(), file.text.clone()));
        Self {
            tests: tests.collect(),
            tags: tags.collect(),
            sources: sources.collect(),
            gates: crate::ci::steps().collect(),
            attacks: attacks.flat_map(|file| attack_ids(&file.text)).map(str::to_owned).collect(),
        }
    }

    /// Whether a path, or `path::item`, is there.
    fn has_code(&self, reference: &str) -> bool {
        let (path, item) = reference.split_once("::").unwrap_or((reference, ""));
        let folder = format!("{path}/");
        let Some(text) = self.sources.get(path) else {
            return item.is_empty() && self.sources.keys().any(|file| file.starts_with(&folder));
        };
        item.is_empty()
            || if path.ends_with(".rs") { declares(text, item) } else { text.contains(item) }
    }

    /// Whether what a document quotes is there: a path, a path with an item, or a test.
    pub(crate) fn leads_somewhere(&self, reference: &str) -> bool {
        self.has_code(reference.trim_end_matches('/')) || self.tests.contains(reference)
    }

    fn has_evidence(&self, reference: &str) -> bool {
        match reference.split_once(':') {
            Some(("gate", gate)) => {
                self.gates.iter().any(|step| step.split(' ').next() == Some(gate))
            }
            Some(("attack", id)) => self.attacks.contains(id),
            _ => self.tests.contains(reference),
        }
    }
}

/// Names of the functions marked as tests.
fn test_functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[test]").skip(1).filter_map(|rest| {
        let line = rest.lines().map(str::trim).find(|line| line.contains("fn "))?;
        line.split_once("fn ")?.1.split('(').next()
    })
}

/// Ids of the attacks that a part of the catalogue declares.
fn attack_ids(text: &str) -> impl Iterator<Item = &str> {
    let ids = text.lines().filter_map(|line| line.trim().strip_prefix("id: \""));
    ids.filter_map(|rest| rest.strip_suffix("\","))
}

/// Whether a line declares the item.
fn declares(text: &str, item: &str) -> bool {
    const WORDS: [&str; 9] =
        ["fn", "struct", "enum", "trait", "const", "type", "mod", "static", "macro_rules!"];
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//")).any(|line| {
        let mut words = line.split_whitespace();
        words.by_ref().any(|word| WORDS.contains(&word))
            && words.any(|word| {
                let end = word.find(|c: char| !c.is_alphanumeric() && c != '_');
                end.map_or(Some(word), |end| word.get(..end)) == Some(item)
            })
    })
}

/// Ids of ours in a text: `MS-`, capitals, `-`, three digits.
pub(crate) fn named_ids(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    parts.filter(|word| is_id(word)).map(str::to_owned).collect()
}

fn is_id(word: &str) -> bool {
    let mut parts = word.split('-');
    let area = |part: &str| part.len() >= 2 && part.chars().all(|c| c.is_ascii_uppercase());
    let number = |part: &str| part.len() == 3 && part.chars().all(|c| c.is_ascii_digit());
    parts.next() == Some("MS")
        && parts.next().is_some_and(area)
        && parts.next().is_some_and(number)
        && parts.next().is_none()
}

/// R, T and X ids with the state that `docs/requirements.md` gives them.
pub(crate) fn seed_states(facts: &Facts) -> BTreeMap<String, String> {
    let rows = facts.sources.get(SEED).map(String::as_str).unwrap_or_default();
    let rows = rows.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim);
        let (_, id, _, state) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let letter = id.chars().next()?;
        let digits = id.get(1..)?;
        let seed = "RTX".contains(letter)
            && !digits.is_empty()
            && digits.chars().all(|c| c.is_ascii_digit());
        let word = state.split([':', ' ']).next().unwrap_or_default();
        seed.then(|| (id.to_owned(), word.to_owned()))
    });
    rows.collect()
}

/// Everything that a requirement rests on: its tests, attacks, and the gates of its patches.
pub(crate) fn evidence(requirement: &Requirement) -> impl Iterator<Item = String> {
    let weakening = requirement.weakening.iter().filter_map(|reference| shown_by(reference));
    let own = requirement.tests.iter().chain(&requirement.thwart).cloned();
    own.chain(weakening)
}

/// What shows that a weakening lets the attack through: the gate that applies the patch, or the test itself.
fn shown_by(reference: &str) -> Option<String> {
    if !reference.ends_with(".patch") {
        return Some(reference.to_owned());
    }
    let gate = PATCHES.iter().find(|(folder, _)| reference.contains(folder));
    gate.map(|(_, gate)| format!("gate:{gate}"))
}

/// What came of a requirement: the worst of what it rests on.
pub(crate) fn status(requirement: &Requirement, results: &Results) -> Status {
    evidence(requirement).map(|it| results.of(&it)).max().unwrap_or(Status::NotRun)
}

/// Every hole in the links; of results nothing is known here.
pub(crate) fn holes(catalogue: &Catalogue, facts: &Facts) -> Vec<String> {
    let mut holes = Vec::new();
    doubles(catalogue, &mut holes);
    let known = catalogue.ids();
    let seeds = seed_states(facts);
    for requirement in &catalogue.requirements {
        let id = &requirement.id;
        if !is_id(id) {
            holes.push(format!("{id}: not of the form MS-AREA-123"));
        }
        if requirement.parents.is_empty() {
            holes.push(format!("{id}: no parent"));
        }
        for parent in &requirement.parents {
            if !known.contains_key(parent) && !seeds.contains_key(parent) {
                holes.push(format!("{id}: unknown id {parent}"));
            }
        }
        if requirement.not_yet.is_some() {
            promised(requirement, &mut holes);
        } else if requirement.who == Who::M {
            codes(requirement, facts, &mut holes);
        } else {
            codes(requirement, facts, &mut holes);
            shown(requirement, facts, &mut holes);
        }
    }
    for (id, path) in &facts.tags {
        if catalogue.requirement(id).is_none() {
            holes.push(format!("{path} names {id}, which is no requirement"));
        }
    }
    states(catalogue, &seeds, &mut holes);
    threats(catalogue, facts, &mut holes);
    scenarios(catalogue, facts, &mut holes);
    holes
}

/// An id stands for one thing.
fn doubles(catalogue: &Catalogue, holes: &mut Vec<String>) {
    let requirements = catalogue.requirements.iter().map(|it| &it.id);
    let scenarios = catalogue.scenarios.iter().map(|it| &it.id);
    let threats = catalogue.threats.iter().map(|it| &it.id);
    let mut seen = BTreeSet::new();
    for id in requirements.chain(scenarios).chain(threats) {
        if !seen.insert(id) {
            holes.push(format!("{id}: stands twice"));
        }
    }
    let texts: BTreeSet<_> = catalogue.requirements.iter().map(|it| &it.text).collect();
    if texts.len() != catalogue.requirements.len() {
        holes.push("two requirements say the same".to_owned());
    }
}

/// What is not here has nothing to show.
fn promised(requirement: &Requirement, holes: &mut Vec<String>) {
    let shows =
        [&requirement.code, &requirement.tests, &requirement.thwart, &requirement.weakening];
    if shows.iter().any(|list| !list.is_empty()) {
        holes.push(format!("{}: not here yet, and shows something", requirement.id));
    }
}

fn codes(requirement: &Requirement, facts: &Facts, holes: &mut Vec<String>) {
    if requirement.code.is_empty() {
        holes.push(format!("{}: no code", requirement.id));
    }
    for reference in requirement.code.iter().filter(|it| !facts.has_code(it)) {
        holes.push(format!("{}: no code {reference}", requirement.id));
    }
}

/// Something shows that it works, that the attack fails, and that the attack would succeed without it.
fn shown(requirement: &Requirement, facts: &Facts, holes: &mut Vec<String>) {
    let id = &requirement.id;
    if requirement.verify.is_none() {
        holes.push(format!("{id}: no way of verifying"));
    }
    for (what, list) in [("test", &requirement.tests), ("thwart test", &requirement.thwart)] {
        if list.is_empty() {
            holes.push(format!("{id}: no {what}"));
        }
        for reference in list.iter().filter(|it| !facts.has_evidence(it)) {
            holes.push(format!("{id}: no {what} {reference}"));
        }
    }
    match (&requirement.no_weakening, requirement.weakening.is_empty()) {
        (None, true) => holes.push(format!("{id}: a thwart test without a weakening")),
        (Some(_), false) => holes.push(format!("{id}: a weakening, and why there is none")),
        (Some(why), true) if why.trim().is_empty() => holes.push(format!("{id}: no reason")),
        (Some(_), true) | (None, false) => {}
    }
    for reference in &requirement.weakening {
        if !reference.ends_with(".patch") {
            if !facts.has_evidence(reference) {
                holes.push(format!("{id}: no weakening {reference}"));
            }
        } else if !facts.sources.contains_key(reference)
            || !shown_by(reference).is_some_and(|gate| facts.has_evidence(&gate))
        {
            holes.push(format!("{id}: no weakening {reference}"));
        } else if let Some(cases) = idle(reference, facts) {
            holes.push(format!("{id}: no case in {cases} shows what {reference} lets through"));
        }
    }
}

/// The file of cases of a flash rule, if it holds none.
fn idle(patch: &str, facts: &Facts) -> Option<String> {
    if !patch.contains("/tests/weakened/") {
        return None;
    }
    let cases = patch.replace("/weakened/", "/counterexamples/").replace(".patch", ".txt");
    let text = facts.sources.get(&cases).map(String::as_str).unwrap_or_default();
    let some = text.lines().any(|line| !line.trim().is_empty() && !line.starts_with('#'));
    (!some).then_some(cases)
}

/// The state that `docs/requirements.md` gives agrees with the rows here.
fn states(catalogue: &Catalogue, seeds: &BTreeMap<String, String>, holes: &mut Vec<String>) {
    for (seed, state) in seeds {
        let rows = catalogue.requirements.iter().filter(|it| it.parents.contains(seed));
        let (built, promised): (Vec<_>, Vec<_>) = rows.partition(|it| it.not_yet.is_none());
        let agrees = match state.as_str() {
            "here" => !built.is_empty() && promised.is_empty(),
            "part" => !built.is_empty() && !promised.is_empty(),
            "no" => built.is_empty() && !promised.is_empty(),
            _ => false,
        };
        if !agrees {
            let (built, promised) = (built.len(), promised.len());
            holes.push(format!(
                "{seed}: {SEED} says `{state}`, but {built} rows are here and {promised} are not yet"
            ));
        }
    }
}

/// Every threat of the outside catalogue has one answer.
fn threats(catalogue: &Catalogue, facts: &Facts, holes: &mut Vec<String>) {
    let Some(catalog) = catalogue.threat_catalog() else {
        holes.push("no catalogue of threats".to_owned());
        return;
    };
    for id in catalog.mitigations.keys() {
        if !catalogue.threats.iter().any(|threat| threat.id == *id) {
            holes.push(format!("{id}: no disposition"));
        }
    }
    for threat in &catalogue.threats {
        let id = &threat.id;
        if !catalog.mitigations.contains_key(id) {
            holes.push(format!("{id}: unknown threat"));
        }
        if threat.reason.trim().is_empty() {
            holes.push(format!("{id}: no reason"));
        }
        let mitigated = threat.disposition == Disposition::Mitigated;
        if mitigated == threat.by.is_empty() || mitigated == threat.attacks.is_empty() {
            let word = threat.disposition.word();
            holes.push(format!("{id}: {word} does not go with its controls and attacks"));
        }
        controls(id, &threat.by, &threat.attacks, catalogue, facts, holes);
    }
}

fn scenarios(catalogue: &Catalogue, facts: &Facts, holes: &mut Vec<String>) {
    let known = catalogue.ids();
    for scenario in &catalogue.scenarios {
        let id = &scenario.id;
        for outside in scenario.ids.iter().filter(|it| !known.contains_key(*it)) {
            holes.push(format!("{id}: unknown id {outside}"));
        }
        if scenario.by.is_empty() || scenario.attacks.is_empty() {
            holes.push(format!("{id}: no control or no attack"));
        }
        controls(id, &scenario.by, &scenario.attacks, catalogue, facts, holes);
    }
}

/// Controls are requirements that are here, and the attacks on them exist.
fn controls(
    id: &str,
    by: &[String],
    attacks: &[String],
    catalogue: &Catalogue,
    facts: &Facts,
    holes: &mut Vec<String>,
) {
    for control in by {
        if catalogue.requirement(control).is_none_or(|it| it.not_yet.is_some()) {
            holes.push(format!("{id}: no control {control}"));
        }
    }
    for attack in attacks.iter().filter(|it| !facts.has_evidence(it)) {
        holes.push(format!("{id}: no attack {attack}"));
    }
}

/// Every hole in the results: what a link leads to did not run, or failed.
pub(crate) fn unproven(catalogue: &Catalogue, results: &Results) -> Vec<String> {
    let requirements = catalogue
        .requirements
        .iter()
        .filter(|it| it.not_yet.is_none())
        .flat_map(|it| evidence(it).map(move |reference| (it.id.as_str(), reference)));
    let threats = catalogue.threats.iter().map(|it| (it.id.as_str(), &it.attacks));
    let scenarios = catalogue.scenarios.iter().map(|it| (it.id.as_str(), &it.attacks));
    let attacks = threats
        .chain(scenarios)
        .flat_map(|(id, attacks)| attacks.iter().map(move |attack| (id, attack.clone())));
    let proven = |reference: &str| results.of(reference) == Status::Pass;
    let open = requirements.chain(attacks).filter(|(_, reference)| !proven(reference));
    open.map(|(id, reference)| format!("{id}: {reference}: {}", results.of(&reference).word()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declarations_are_found_and_mentions_are_not() {
        let text = "    pub(crate) const fn append<F>(\n// fn gone\nlet x = taken;\nmacro_rules! events {\n";
        assert!(declares(text, "append") && declares(text, "events"));
        assert!(!declares(text, "gone") && !declares(text, "taken") && !declares(text, "appen"));
    }

    #[test]
    fn tests_are_found_by_their_mark() {
        let text = "#[test]\nfn a() {\nfn b() {\n#[test]\n#[cfg(unix)]\n    fn c() {\n";
        assert!(test_functions(text).eq(["a", "c"]));
    }

    #[test]
    fn attacks_are_found_by_their_ids() {
        let text = "    Attack {\n        id: \"replayed-page\",\n        title: \"x\",\n";
        assert!(attack_ids(text).eq(["replayed-page"]));
    }

    #[test]
    fn ids_are_found_whole() {
        let text = "MS-AUDIT-012, `MS-KEY-001`; MS-KEY-1 MS-key-001 XMS-KEY-001 MS-KEY-0012";
        assert_eq!(named_ids(text), ["MS-AUDIT-012", "MS-KEY-001"]);
    }
}
