//! Rules that hold documents to what they describe.

use super::Tree;

/// The README's two commands, which `.ci/run` runs before anything else.
const COMMANDS: [&str; 2] =
    ["cargo run --release -p medsec-tool -- demo", "cargo test --workspace"];

/// The program that the README shows.
const EXAMPLE: &str = "examples/one-event/src/main.rs";

/// Fewer lines of it show nothing.
const EXAMPLE_LINES_MIN: usize = 8;

/// Where labels, contexts and event ids are declared.
const KEY_TABLE: &str = "medsec-core/src/key.rs";
const EVENT_TABLE: &str = "medsec-core/src/event/system.rs";

const FORMATS: &str = "docs/formats.md";
const DEPENDENCIES: &str = "docs/dependencies.md";
const REQUIREMENTS: &str = "docs/requirements.md";

/// Names of the packages in the lock files, our own left out.
pub(super) fn locked(tree: &Tree) -> Vec<String> {
    let mut names = Vec::new();
    for file in tree.ending(&["Cargo.lock"]) {
        for package in file.text.split("[[package]]") {
            let value = |key: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(key));
                line.map(|value| value.trim_matches('"').to_owned())
            };
            // What has no source lies in this repository.
            if let (Some(name), Some(_)) = (value("name = "), value("source = ")) {
                names.push(name);
            }
        }
    }
    names.sort();
    names.dedup();
    names
}

/// Every package has a row or a place in one, and no row outlives its package.
pub(super) fn dependencies_have_rows(tree: &Tree) -> Vec<String> {
    let Some(document) = tree.text(DEPENDENCIES) else {
        return vec![format!("{DEPENDENCIES} is missing")];
    };
    let locked = locked(tree);
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let named: Vec<&str> = cells.flat_map(quoted).collect();
    let missing = locked
        .iter()
        .filter(|name| !named.contains(&name.as_str()))
        .map(|name| format!("{name} has no row in {DEPENDENCIES}"));
    let stale = named
        .iter()
        .filter(|name| !locked.iter().any(|locked| locked == *name))
        .map(|name| format!("{name} has a row in {DEPENDENCIES} but is in no lock file"));
    missing.chain(stale).collect()
}

/// Every id has one row, and each path named in it exists.
pub(super) fn requirements_have_rows(tree: &Tree) -> Vec<String> {
    let Some(document) = tree.text(REQUIREMENTS) else {
        return vec![format!("{REQUIREMENTS} is missing")];
    };
    let mut findings = Vec::new();
    for id in ids() {
        let start = format!("| {id} |");
        let rows = document.lines().filter(|line| line.starts_with(&start)).count();
        if rows != 1 {
            findings.push(format!("{id} has {rows} rows in {REQUIREMENTS}"));
        }
    }
    for path in quoted(document).filter(|quoted| quoted.contains('/') && !quoted.contains(' ')) {
        if !tree.has(path) {
            findings.push(format!("{REQUIREMENTS} names {path}, which does not exist"));
        }
    }
    findings
}

/// Every label, signature context and event id of the sources stands in the formats, and no label there is made up.
pub(super) fn formats_are_whole(tree: &Tree) -> Vec<String> {
    let Some(document) = tree.text(FORMATS) else {
        return vec![format!("{FORMATS} is missing")];
    };
    let mut findings = Vec::new();
    let keys = tree.text(KEY_TABLE).unwrap_or_default();
    let labels: Vec<&str> = keys.split('"').filter(|text| text.starts_with("medsec/v1/")).collect();
    let rows = document.lines().filter(|line| line.starts_with("| `medsec/v1/"));
    let stated: Vec<&str> = rows.filter_map(|row| quoted(row).next()).collect();
    for label in labels.iter().filter(|label| !stated.contains(label)) {
        findings.push(format!("{FORMATS} lacks {label}"));
    }
    for label in stated.iter().filter(|label| !labels.contains(label)) {
        findings.push(format!("{FORMATS} has {label}, which {KEY_TABLE} has not"));
    }
    for (name, id) in events(tree.text(EVENT_TABLE).unwrap_or_default()) {
        if !document.contains(&format!("| `{id}` | {name} |")) {
            findings.push(format!("{FORMATS} lacks event {id} {name}"));
        }
    }
    findings
}

/// Name and id of each event declared in a source, as in `Name = 0x0001 [Category, Class]`.
fn events(source: &str) -> impl Iterator<Item = (&str, &str)> {
    source.lines().filter_map(|line| {
        let (name, rest) = line.trim().split_once(" = ")?;
        let (id, _) = rest.split_once(" [")?;
        id.starts_with("0x").then_some((name, id))
    })
}

/// A link from one document to another file of this repository leads there.
pub(super) fn links_lead_somewhere(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".md"]) {
        let targets = file.text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.contains('#')) {
            if !resolve(&file.path, target).is_some_and(|path| tree.has(&path)) {
                findings.push(format!("{} links to {target}", file.path));
            }
        }
    }
    findings
}

/// The path that a link in a file means; nothing if it leaves the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The commands stand in both, and every line of the README's program stands in the example, in this order.
pub(super) fn readme_matches(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for place in ["README.md", ".ci/run"] {
        let text = tree.text(place).unwrap_or_default();
        for command in COMMANDS {
            if !text.contains(command) {
                findings.push(format!("{place} lacks {command}"));
            }
        }
    }
    let readme = tree.text("README.md").unwrap_or_default();
    let Some(shown) = readme.split("```rust").nth(1).and_then(|rest| rest.split("```").next())
    else {
        findings.push("README.md shows no program".to_owned());
        return findings;
    };
    let mut example = tree.text(EXAMPLE).unwrap_or_default().lines().map(str::trim);
    let shown = shown.lines().skip(1).map(str::trim).filter(|line| !line.is_empty());
    if shown.clone().count() < EXAMPLE_LINES_MIN {
        findings.push("README.md shows next to nothing".to_owned());
    }
    for line in shown {
        if !example.any(|present| present == line) {
            findings.push(format!("README.md shows `{line}`, which is not next in {EXAMPLE}"));
            break;
        }
    }
    findings
}

fn ids() -> impl Iterator<Item = String> {
    let article = (1..=20).map(|n| format!("R{n:02}"));
    let tests = (1..=4).map(|n| format!("T{n}"));
    let beyond = (1..=27).map(|n| format!("X{n:02}"));
    article.chain(tests).chain(beyond)
}

/// What stands between back-quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"aes\"\nversion = \"1\"\nsource = \"x\"\n\n\
                        [[package]]\nname = \"medsec\"\nversion = \"1\"\n";

    #[test]
    fn a_dependency_without_a_row_and_a_row_without_one_are_found() {
        let good = tree(&[("Cargo.lock", LOCK), (DEPENDENCIES, "| `aes` | why |\n")]);
        assert_eq!(dependencies_have_rows(&good), Vec::<String>::new());
        let bad = tree(&[("Cargo.lock", LOCK), (DEPENDENCIES, "| `sha2` | `aes` |\n")]);
        assert_eq!(dependencies_have_rows(&bad).len(), 2);
    }

    #[test]
    fn a_requirement_without_a_row_and_a_path_that_is_not_there_are_found() {
        let rows: String = ids().map(|id| format!("| {id} | `a/b.rs` |\n")).collect();
        let good = tree(&[(REQUIREMENTS, &rows), ("a/b.rs", "")]);
        assert_eq!(requirements_have_rows(&good), Vec::<String>::new());
        let without = rows.replace("R07", "R08");
        let bad = tree(&[(REQUIREMENTS, &without), ("a/b.rs", "")]);
        assert_eq!(requirements_have_rows(&bad).len(), 2);
        let moved = tree(&[(REQUIREMENTS, &rows)]);
        assert!(!requirements_have_rows(&moved).is_empty());
    }

    #[test]
    fn a_label_and_an_event_without_a_row_are_found() {
        let key = "Self::A => \"medsec/v1/core/a\",";
        let event = "        Boot = 0x0001 [ControlSystem, Security, Success] {";
        let at = |document: &str| {
            let files = [(KEY_TABLE, key), (EVENT_TABLE, event), (FORMATS, document)];
            formats_are_whole(&tree(&files))
        };
        let whole = "| `medsec/v1/core/a` |\n| `0x0001` | Boot |\n";
        assert_eq!(at(whole), Vec::<String>::new());
        assert_eq!(at("| `medsec/v1/core/b` |\n| `0x0002` | Boot |\n").len(), 3);
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let at = |link: &str| {
            let text = format!("see [x]({link})");
            let files = [("docs/a.md", &*text), ("docs/b.md", ""), ("c/src/d.rs", "")];
            links_lead_somewhere(&tree(&files)).len()
        };
        assert_eq!(["b.md", "./b.md", "../c", "../c/src/d.rs", "a.md#x"].map(at), [0; 5]);
        assert_eq!(["c.md", "../b.md", "../../docs/b.md"].map(at), [1; 3]);
    }

    #[test]
    fn a_readme_that_shows_another_program_is_found() {
        let commands = COMMANDS.join("\n");
        let program: String = (0..EXAMPLE_LINES_MIN).map(|n| format!("step({n});\n")).collect();
        let at = |shown: &str, example: &str| {
            let readme = format!("{commands}\n```rust\n{shown}```\n");
            let files = [("README.md", &*readme), (".ci/run", &*commands), (EXAMPLE, example)];
            readme_matches(&tree(&files))
        };
        assert_eq!(
            at(&program, &program.replace("step(3)", "log();\n  step(3)")),
            Vec::<String>::new()
        );
        assert_eq!(at(&program, &program.replace("step(3)", "leap(3)")).len(), 1);
        assert_eq!(at("", &program).len(), 1);
    }
}
