//! Rules about what may be said.

use super::{File, Tree};

/// Files in which words count.
const SPOKEN: [&str; 7] = [".rs", ".md", ".toml", ".sh", ".yml", ".patch", ".ci/run"];

pub(super) fn speaks_of_the_product(tree: &Tree) -> Vec<String> {
    // In two parts, so that this file passes its own rule.
    let refused = [
        concat!("/wo", "rk/"),
        concat!("/tm", "p/"),
        concat!("helper ses", "sion"),
        concat!("stee", "ring message"),
        concat!("lang", "uage model"),
    ];
    found(tree, |line| {
        let line = line.to_lowercase();
        refused.iter().any(|word| line.contains(word))
            || numbered(&line, concat!("iss", "ue"))
            || numbered(&line, concat!("ta", "sk"))
    })
}

pub(super) fn nothing_undone(tree: &Tree) -> Vec<String> {
    let refused = [
        concat!("to", "do!"),
        concat!("TO", "DO"),
        concat!("unimple", "mented!"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("HA", "CK:"),
        concat!("#[ign", "ore"),
        concat!("should_", "panic"),
        concat!("assert!(", "true)"),
    ];
    found(tree, |line| refused.iter().any(|word| line.contains(word)))
}

pub(super) fn no_registry(tree: &Tree) -> Vec<String> {
    let refused = [
        concat!("crates", ".io"),
        concat!("py", "pi.org"),
        concat!("pythonhosted", ".org"),
        concat!("np", "mjs.org"),
        concat!("npm", "js.com"),
        concat!("proxy.gol", "ang.org"),
        concat!("deb.deb", "ian.org"),
        concat!("rust-lang", ".org/dist"),
    ];
    found(tree, |line| refused.iter().any(|host| line.contains(host)))
}

fn found(tree: &Tree, fault: impl Fn(&str) -> bool) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.ending(&SPOKEN) {
        findings.extend(lines_found(file, &fault));
    }
    findings
}

fn lines_found<'a>(
    file: &'a File,
    fault: &'a impl Fn(&str) -> bool,
) -> impl Iterator<Item = String> + 'a {
    let lines = file.text.lines().enumerate().filter(|(_, line)| fault(line));
    lines.map(|(number, line)| format!("{}:{} {}", file.path, number + 1, line.trim()))
}

/// Whether a word is followed by a number, also as `#12`.
fn numbered(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let rest = line.get(at + word.len()..).unwrap_or_default();
        let spaced = rest.trim_start_matches(' ');
        let digits = spaced.trim_start_matches('#');
        (rest.len() != digits.len()) && digits.starts_with(|c: char| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn talk_of_the_workplace_is_found() {
        for line in [
            concat!("see iss", "ue 12"),
            concat!("see Iss", "ue #12"),
            concat!("from /wo", "rk/main"),
            concat!("done in ta", "sk 3"),
        ] {
            assert_eq!(speaks_of_the_product(&tree(&[("a.md", line)])).len(), 1, "{line}");
        }
        for line in ["do not open an issue", "sessions, 3 of them", "the next session 32;"] {
            let told = speaks_of_the_product(&tree(&[("a.md", line)]));
            assert_eq!(told, Vec::<String>::new());
        }
    }

    #[test]
    fn what_is_left_undone_is_found() {
        let line = concat!("// TO", "DO later");
        assert_eq!(nothing_undone(&tree(&[("a.rs", line)])).len(), 1);
        assert_eq!(nothing_undone(&tree(&[("a.rs", "// done")])), Vec::<String>::new());
    }

    #[test]
    fn a_registry_is_found_outside_lock_files_only() {
        let line = concat!("https://crates", ".io/crates/x");
        assert_eq!(no_registry(&tree(&[("a.md", line)])).len(), 1);
        assert_eq!(no_registry(&tree(&[("Cargo.lock", line)])), Vec::<String>::new());
    }
}
