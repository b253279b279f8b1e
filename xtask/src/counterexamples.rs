//! `cargo xtask counterexamples`: each rule of the flash structures is needed, and the product keeps all of them.
//!
//! `<crate>/tests/weakened/<rule>.patch` takes a rule out, `<crate>/tests/counterexamples/<rule>.txt` holds cases that fail
//! without it, one a line. The patch is applied to a copy of the sources only. A rule whose file holds no case stays
//! for the reason its comment gives.

use std::path::{Path, PathBuf};

use medsec_sim::exhaust::Case;

use crate::shell::Shell;
use crate::{Outcome, powercut};

/// What a replay prints before its figures, so that the figures can be found again.
const REPLAYED: &str = "replay: ";

/// A rule and what shows that it is needed.
struct Rule {
    name: String,
    patch: String,
    cases: String,
    count: usize,
}

/// Replays everything on the product, then each rule's cases without the rule.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    let mut rules = rules(shell)?;
    if let [only] = arguments {
        rules.retain(|rule| rule.name == *only);
    }
    if rules.is_empty() {
        return Err("no rule has a counterexample".to_owned());
    }
    let files: Vec<String> = rules.iter().map(|rule| rule.cases.clone()).collect();
    let (cases, broken) = replayed(shell, &files)?;
    if broken != 0 {
        return Err(format!("{broken} of {cases} cases break a rule on the product"));
    }
    let (shown, argued): (Vec<&Rule>, Vec<&Rule>) = rules.iter().partition(|rule| rule.count != 0);
    let copy = Copy::of(shell)?;
    let mut idle = Vec::new();
    for rule in &shown {
        let (cases, broken) = copy.without(rule)?;
        println!("without {}: {broken} of {cases} cases broken", rule.name);
        if broken != cases {
            idle.push(rule.name.as_str());
        }
    }
    if !idle.is_empty() {
        return Err(format!("cases that do not need their rule: {}", idle.join(", ")));
    }
    for rule in &argued {
        println!("{}: no counterexample; {} says why it stays", rule.name, rule.cases);
    }
    Ok(format!(
        "{} rules, {cases} cases: green on the product, each red without its rule; {} rules argued",
        shown.len(),
        argued.len()
    ))
}

/// Replays the cases in files; the last line tells how many broke a rule.
pub(crate) fn replay(shell: &Shell, arguments: &[String]) -> Outcome {
    let (cases, broken) = replayed(shell, arguments)?;
    Ok(format!("{cases} cases, {broken} broken"))
}

/// Replays the cases in files; how many there were, and how many broke a rule.
fn replayed(shell: &Shell, files: &[String]) -> Result<(usize, usize), String> {
    let (mut cases, mut broken) = (0, 0);
    for file in files {
        for case in parse(&shell.root().join(file))? {
            cases += 1;
            if let Err(violation) = powercut::replay(&case)? {
                println!("{file}: {case}\n  {violation}");
                broken += 1;
            }
        }
    }
    Ok((cases, broken))
}

fn parse(file: &Path) -> Result<Vec<Case>, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let cases = lines.filter(|line| !line.starts_with('#')).map(str::parse);
    cases.collect::<Result<_, _>>().map_err(|e| format!("{}: {e}", file.display()))
}

/// Every rule, from its patch and its cases; one without the other is an error.
fn rules(shell: &Shell) -> Result<Vec<Rule>, String> {
    let sources = shell.sources()?;
    let mut rules = Vec::new();
    for cases in sources.iter().filter(|path| path.contains("/tests/counterexamples/")) {
        let patch = cases.replace("/counterexamples/", "/weakened/").replace(".txt", ".patch");
        let name = cases.rsplit('/').next().unwrap_or_default().replace(".txt", "");
        let count = parse(&shell.root().join(cases))?.len();
        if count != 0 && !sources.contains(&patch) {
            return Err(format!("{cases} has no {patch}"));
        }
        rules.push(Rule { name, patch, cases: cases.clone(), count });
    }
    for patch in sources.iter().filter(|path| path.contains("/tests/weakened/")) {
        if !rules.iter().any(|rule| rule.patch == *patch) {
            return Err(format!("{patch} has no counterexample, nor a reason for having none"));
        }
    }
    Ok(rules)
}

/// A copy of the sources in which rules are taken out, one at a time.
pub(crate) struct Copy<'a> {
    product: &'a Shell,
    shell: Shell,
    build: PathBuf,
}

impl<'a> Copy<'a> {
    /// The copy that the gates on flash structures share.
    pub(crate) fn of(product: &'a Shell) -> Result<Self, String> {
        Self::at(product, &product.target().join("weakened"))
    }

    /// A copy in a folder of its own.
    pub(crate) fn at(product: &'a Shell, place: &Path) -> Result<Self, String> {
        let copy =
            Self { product, shell: Shell::at(place.join("tree")), build: place.join("build") };
        if copy.shell.root().exists() {
            let old = copy.shell.root();
            std::fs::remove_dir_all(old).map_err(|e| format!("{}: {e}", old.display()))?;
        }
        copy.restore()?;
        Ok(copy)
    }

    /// Makes the copy equal to the product. Files that already are stay untouched, so that little is built again.
    fn restore(&self) -> Result<(), String> {
        for path in self.product.sources()? {
            let (from, to) = (self.product.root().join(&path), self.shell.root().join(&path));
            let bytes = std::fs::read(&from).map_err(|e| format!("{}: {e}", from.display()))?;
            if std::fs::read(&to).is_ok_and(|present| present == bytes) {
                continue;
            }
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder)
                    .map_err(|e| format!("{}: {e}", folder.display()))?;
            }
            std::fs::write(&to, bytes).map_err(|e| format!("{}: {e}", to.display()))?;
        }
        Ok(())
    }

    /// The copy.
    pub(crate) const fn shell(&self) -> &Shell {
        &self.shell
    }

    /// Where the copy is built.
    pub(crate) fn build(&self) -> &Path {
        &self.build
    }

    /// Takes a rule out and replays its cases.
    fn without(&self, rule: &Rule) -> Result<(usize, usize), String> {
        let printed = self.run_without(&rule.patch, &["replay", &rule.cases])?;
        let figures = printed.lines().rev().find_map(|line| line.strip_prefix(REPLAYED));
        let counts = figures.and_then(|line| {
            let (cases, rest) = line.split_once(" cases, ")?;
            Some((cases.parse().ok()?, rest.strip_suffix(" broken")?.parse().ok()?))
        });
        counts.ok_or_else(|| format!("{}: no figures: {printed}", rule.name))
    }

    /// Applies a patch, runs a gate of the copy, and undoes the patch; what the gate printed.
    pub(crate) fn run_without(&self, patch: &str, arguments: &[&str]) -> Result<String, String> {
        self.patched(patch, |copied| {
            // Built anew for each rule and run for a moment, so building has to be fast.
            let words = ["cargo", "run", "--quiet", "--package", "xtask", "--"];
            let mut command = copied.command(&words);
            command.args(arguments).env("CARGO_TARGET_DIR", &self.build);
            command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "0").env("CARGO_PROFILE_DEV_DEBUG", "0");
            let output = command.output().map_err(|e| format!("{patch}: {e}"))?;
            if !output.status.success() {
                let why = String::from_utf8_lossy(&output.stderr);
                return Err(format!("does not build or run with {patch}: {}", why.trim()));
            }
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        })
    }

    /// Applies a patch, does something in the copy, and undoes the patch.
    pub(crate) fn patched<T>(
        &self,
        patch: &str,
        act: impl FnOnce(&Shell) -> Result<T, String>,
    ) -> Result<T, String> {
        self.patched_with(&[patch], act)
    }

    /// Applies patches one after the other, does something in the copy, and undoes them all.
    pub(crate) fn patched_with<T>(
        &self,
        patches: &[&str],
        act: impl FnOnce(&Shell) -> Result<T, String>,
    ) -> Result<T, String> {
        let above = self.build.parent().map(Path::to_path_buf).unwrap_or_default();
        for patch in patches {
            // Below a repository, git would look for the patch's paths from that repository's root.
            self.shell.run_with(
                &["git", "apply", patch],
                &[("GIT_CEILING_DIRECTORIES", &above.to_string_lossy())],
            )?;
        }
        let outcome = act(&self.shell);
        self.restore()?;
        outcome
    }
}
