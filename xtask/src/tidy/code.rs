//! Rules about source files and packages.

use super::{File, Tree};
use crate::check::LIBRARIES;

/// Lines a file may have before its tests.
const LINES_MAX: usize = 500;

/// Names that say how a file is used, not what it holds.
const NAMES_REFUSED: [&str; 7] = ["mod", "utils", "util", "common", "helpers", "manager", "misc"];

pub(super) fn files_are_short(tree: &Tree) -> Vec<String> {
    let product = tree.ending(&[".rs"]).filter(|file| !file.path.contains("/tests/"));
    let long = product.filter_map(|file| {
        let lines = product_lines(file).count();
        (lines > LINES_MAX).then(|| format!("{} has {lines} lines before its tests", file.path))
    });
    long.collect()
}

pub(super) fn files_are_named(tree: &Tree) -> Vec<String> {
    let refused = tree.ending(&[".rs"]).filter(|file| {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let stem = name.trim_end_matches(".rs");
        NAMES_REFUSED.contains(&stem) || stem.ends_with("_v2")
    });
    refused.map(|file| file.path.clone()).collect()
}

pub(super) fn libraries_are_strict(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    let root = tree.text("Cargo.toml").unwrap_or_default();
    for line in ["unsafe_code = \"forbid\"", "missing_docs = \"deny\"", "unwrap_used = \"deny\""] {
        if !root.lines().any(|present| present.trim() == line) {
            findings.push(format!("Cargo.toml lacks {line}"));
        }
    }
    for library in LIBRARIES {
        let entry = tree.text(&format!("{library}/src/lib.rs")).unwrap_or_default();
        if !entry.lines().any(|line| line.trim() == "#![no_std]") {
            findings.push(format!("{library}/src/lib.rs is not no_std"));
        }
    }
    // Workspaces with tables of their own.
    let apart = ["benches/consttime/", "examples/pump-firmware/", "fuzz/"];
    for file in tree.ending(&["/Cargo.toml"]) {
        let is_apart = apart.iter().any(|folder| file.path.starts_with(folder));
        if !is_apart && !file.text.contains("[lints]\nworkspace = true") {
            findings.push(format!("{} is not under the lint table", file.path));
        }
    }
    findings
}

pub(super) fn no_unsafe(tree: &Tree) -> Vec<String> {
    in_libraries(tree, |line| has_word(line, "unsafe"))
}

pub(super) fn no_alloc(tree: &Tree) -> Vec<String> {
    in_libraries(tree, |line| {
        line.contains("extern crate") || line.contains("alloc::") || line.contains("std::")
    })
}

pub(super) fn no_allow(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&[".rs"]) {
        for (number, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("#[allow(") || line.starts_with("#![allow(") {
                findings.push(format!("{}:{} {line}", file.path, number + 1));
            }
        }
    }
    findings
}

/// A `cfg(test)` may stand before a test module and nowhere else: there is no test-only branch in a product.
pub(super) fn no_test_hooks(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in libraries(tree) {
        let mut lines = file.text.lines().enumerate().peekable();
        while let Some((number, line)) = lines.next() {
            let next = lines.peek().map_or("", |&(_, next)| next.trim_start());
            let before_tests = next.starts_with("mod ") || next.starts_with("#[");
            let hook = line.contains("cfg(test)") && !before_tests;
            if hook || line.contains("cfg(fuzzing)") || line.contains("cfg(not(test))") {
                findings.push(format!("{}:{} {}", file.path, number + 1, line.trim()));
            }
        }
    }
    findings
}

/// A published package says what it is, where its documentation is built, and ships only its product.
pub(super) fn packages_are_complete(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&["/Cargo.toml"]) {
        let folder = file.path.trim_end_matches("/Cargo.toml");
        let example = file.path.starts_with("examples/");
        if example || file.text.contains("publish = false") {
            continue;
        }
        for needed in ["description = ", "license", "include = [", "rust-version"] {
            if !file.text.contains(needed) {
                findings.push(format!("{} lacks {needed}", file.path));
            }
        }
        if LIBRARIES.contains(&folder) && !file.text.contains("[package.metadata.docs.rs]") {
            findings
                .push(format!("{} does not say what its documentation is built for", file.path));
        }
        if !tree.has(&format!("{folder}/README.md")) {
            findings.push(format!("{folder} has no README.md"));
        }
    }
    findings
}

fn libraries(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.ending(&[".rs"]).filter(|file| {
        LIBRARIES.iter().any(|library| {
            let inner = file.path.strip_prefix(library).and_then(|rest| rest.strip_prefix("/src/"));
            inner.is_some_and(|inner| {
                let entry = tree.text(&format!("{library}/src/lib.rs")).unwrap_or_default();
                let name = inner.trim_end_matches(".rs");
                // A file of tests alone is no product.
                !entry.contains(&format!("#[cfg(test)]\nmod {name};"))
            })
        })
    })
}

/// The lines of a file before its tests.
fn product_lines(file: &File) -> impl Iterator<Item = &str> {
    file.text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"))
}

/// Product lines of the libraries that a test finds fault with; comments are left out.
fn in_libraries(tree: &Tree, fault: fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for file in libraries(tree) {
        for (number, line) in product_lines(file).enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if fault(code) {
                findings.push(format!("{}:{} {}", file.path, number + 1, line.trim()));
            }
        }
    }
    findings
}

/// Whether a line has a word as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c: char| !part_of_name(c)).any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    const CORE: &str = "medsec-core/src/x.rs";

    #[test]
    fn a_long_file_is_found_and_its_tests_do_not_count() {
        let long = "fn f() {}\n".repeat(LINES_MAX + 1);
        let tested = format!("{}#[cfg(test)]\n{long}", "fn f() {}\n".repeat(LINES_MAX));
        assert_eq!(files_are_short(&tree(&[(CORE, &long)])).len(), 1);
        assert_eq!(files_are_short(&tree(&[(CORE, &tested)])), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(
            files_are_named(&tree(&[("a/src/utils.rs", ""), ("a/src/mod.rs", "")])).len(),
            2
        );
        assert_eq!(files_are_named(&tree(&[("a/src/ring.rs", "")])), Vec::<String>::new());
    }

    #[test]
    fn unsafe_alloc_and_allow_are_found() {
        let marked = concat!("un", "safe { x() }");
        assert_eq!(no_unsafe(&tree(&[(CORE, marked)])).len(), 1);
        assert_eq!(
            no_unsafe(&tree(&[(CORE, "forbid(unsafe_code) // unsafe")])),
            Vec::<String>::new()
        );
        assert_eq!(no_unsafe(&tree(&[("medsec-sim/src/x.rs", marked)])), Vec::<String>::new());
        assert_eq!(no_alloc(&tree(&[(CORE, "use alloc::vec::Vec;")])).len(), 1);
        assert_eq!(no_alloc(&tree(&[(CORE, "let allocation = 1;")])), Vec::<String>::new());
        assert_eq!(no_allow(&tree(&[(CORE, concat!("#[al", "low(dead_code)]"))])).len(), 1);
    }

    #[test]
    fn a_test_hook_is_found_and_a_test_module_is_not() {
        assert_eq!(no_test_hooks(&tree(&[(CORE, "#[cfg(test)]\nfn f() {}\n")])).len(), 1);
        let module = tree(&[(CORE, "#[cfg(test)]\nmod tests {}\n")]);
        assert_eq!(no_test_hooks(&module), Vec::<String>::new());
    }

    #[test]
    fn a_file_of_tests_alone_is_no_product() {
        let vectors = ("medsec-core/src/vectors.rs", "extern crate std;\n");
        let entry = |declared| ("medsec-core/src/lib.rs", declared);
        let product = tree(&[vectors, entry("mod vectors;\n")]);
        assert_eq!(no_alloc(&product).len(), 1);
        let tests = tree(&[vectors, entry("#[cfg(test)]\nmod vectors;\n")]);
        assert_eq!(no_alloc(&tests), Vec::<String>::new());
    }

    #[test]
    fn a_library_outside_the_lint_table_is_found() {
        let bare = tree(&[("medsec-core/Cargo.toml", "[package]\n")]);
        let findings = libraries_are_strict(&bare);
        assert!(findings.iter().any(|finding| finding.contains("lint table")), "{findings:?}");
    }

    #[test]
    fn an_incomplete_package_is_found() {
        let bare = tree(&[("medsec-core/Cargo.toml", "[package]\n")]);
        assert_eq!(packages_are_complete(&bare).len(), 6);
        let internal = tree(&[("xtask/Cargo.toml", "[package]\npublish = false\n")]);
        assert_eq!(packages_are_complete(&internal), Vec::<String>::new());
    }
}
