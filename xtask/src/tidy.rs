//! `cargo xtask tidy`: the house rules that no compiler knows.
//!
//! Each rule is a function from the tree to findings, with a test that shows it both ways on a seeded tree; one more test
//! runs all of them on this repository.

mod code;
mod documents;
mod figures;
mod words;

use crate::Outcome;
use crate::shell::Shell;

/// A source file.
pub(crate) struct File {
    /// From the root of the repository.
    pub(crate) path: String,
    /// Its text; empty for what is not UTF-8.
    pub(crate) text: String,
}

/// The sources.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

impl Tree {
    /// Reads every source file.
    pub(crate) fn read(shell: &Shell) -> Result<Self, String> {
        let files = shell.sources()?.into_iter().map(|path| {
            let text = std::fs::read_to_string(shell.root().join(&path)).unwrap_or_default();
            File { path, text }
        });
        Ok(Self { files: files.collect() })
    }

    /// The text of a file, if there is one.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    /// Whether a file or a folder is there.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.files.iter().any(|file| {
            file.path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    }

    fn ending<'a>(&'a self, endings: &'a [&str]) -> impl Iterator<Item = &'a File> {
        self.files.iter().filter(|file| endings.iter().any(|ending| file.path.ends_with(ending)))
    }
}

/// A rule: its name, and what breaks it.
type Rule = (&'static str, fn(&Tree) -> Vec<String>);

const RULES: [Rule; 18] = [
    ("files are short", code::files_are_short),
    ("files are named by what they hold", code::files_are_named),
    ("libraries are no_std under the lint table", code::libraries_are_strict),
    ("libraries have no unsafe", code::no_unsafe),
    ("libraries have no alloc", code::no_alloc),
    ("no lint is allowed away", code::no_allow),
    ("product code has no test-only parts", code::no_test_hooks),
    ("packages are complete", code::packages_are_complete),
    ("only the product is spoken of", words::speaks_of_the_product),
    ("nothing is left undone", words::nothing_undone),
    ("no registry is named", words::no_registry),
    ("each dependency has its row", documents::dependencies_have_rows),
    ("each requirement has its row", documents::requirements_have_rows),
    ("the formats are whole", documents::formats_are_whole),
    ("links lead somewhere", documents::links_lead_somewhere),
    ("the README is what the gates run", documents::readme_matches),
    ("the README's figures are the recorded ones", figures::readme_has_them),
    ("the README's figures of links are the recorded ones", figures::readme_has_links),
];

/// Applies every rule.
pub(crate) fn run(shell: &Shell, arguments: &[String]) -> Outcome {
    if let Some(unknown) = arguments.first() {
        return Err(format!("unknown argument {unknown}"));
    }
    let tree = Tree::read(shell)?;
    let mut count = 0_usize;
    for (name, rule) in RULES {
        for finding in rule(&tree) {
            println!("{name}: {finding}");
            count += 1;
        }
    }
    if count != 0 {
        return Err(format!("{count} findings"));
    }
    Ok(format!(
        "{} files, {} rules, 0 findings; unsafe 0, alloc 0 in {} library crates",
        tree.files.len(),
        RULES.len(),
        crate::check::LIBRARIES.len()
    ))
}

/// Names of the packages in the lock files of what is ours, our own left out.
pub(crate) fn locked_packages(shell: &Shell) -> Result<Vec<String>, String> {
    let mut tree = Tree::read(shell)?;
    let rivals = ["benches/rivals/", "benches/links/"];
    tree.files.retain(|file| !rivals.iter().any(|folder| file.path.starts_with(folder)));
    Ok(documents::locked(&tree))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of the given files.
    pub(super) fn tree(files: &[(&str, &str)]) -> Tree {
        let files =
            files.iter().map(|&(path, text)| File { path: path.to_owned(), text: text.to_owned() });
        Tree { files: files.collect() }
    }

    /// The rules hold for this repository.
    #[test]
    fn this_tree_is_tidy() {
        let shell = Shell::at_root().unwrap();
        if !shell.succeeds(&["git", "rev-parse"]) {
            return; // An unpacked archive has no list of its sources.
        }
        let outcome = run(&shell, &[]);
        assert!(outcome.is_ok(), "{outcome:?}: cargo xtask tidy says where");
    }

    #[test]
    fn a_folder_is_found_by_its_files() {
        let tree = tree(&[("a/b.rs", "")]);
        assert!(tree.has("a") && tree.has("a/") && tree.has("a/b.rs"));
        assert!(!tree.has("a/b") && !tree.has("b.rs"));
    }
}
