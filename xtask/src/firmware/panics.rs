//! The panic sites left in an image, read from the places that the compiler stores for them.

use std::collections::BTreeSet;

use super::elf::{Elf, word};

/// Longest path of a source file.
const PATH_BYTES_MAX: u32 = 400;

/// The places, as `package-version/file.rs:line`; those of the standard library without the line, which is another with
/// each compiler.
pub(crate) fn sites(elf: &Elf) -> BTreeSet<String> {
    let mut sites = BTreeSet::new();
    for section in elf.sections.iter().filter(|section| section.allocated) {
        for at in (0..section.bytes.len()).step_by(4) {
            if let Some(site) = site(elf, &section.bytes, at) {
                sites.insert(site);
            }
        }
    }
    sites
}

/// A `core::panic::Location` at byte `at`: pointer and length of the path, line, column.
fn site(elf: &Elf, bytes: &[u8], at: usize) -> Option<String> {
    let length = word(bytes, at + 4).filter(|length| (4..PATH_BYTES_MAX).contains(length))?;
    let (line, column) = (word(bytes, at + 8)?, word(bytes, at + 12)?);
    if !(1..100_000).contains(&line) || !(1..1_000).contains(&column) {
        return None;
    }
    let path = elf.at(word(bytes, at)?, length)?;
    let path = core::str::from_utf8(path).ok().filter(|path| path.ends_with(".rs"))?;
    Some(match path.split_once("/library/") {
        Some((_, file)) => format!("rust/{file}"),
        None => format!("{}:{line}", in_package(path)),
    })
}

/// The path from the package's folder on.
pub(crate) fn in_package(path: &str) -> &str {
    let Some(source) = path.rfind("/src/") else { return path };
    let before = path.get(..source).unwrap_or_default();
    let package = before.rfind('/').map_or(0, |slash| slash + 1);
    path.get(package..).unwrap_or(path)
}

/// Compares the sites with the frozen list, each line of which is a site and the reason why it is not reached.
pub(crate) fn compare(sites: &BTreeSet<String>, frozen: &str) -> Result<(), String> {
    let mut listed = BTreeSet::new();
    for line in frozen.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (site, reason) = line.split_once(' ').unwrap_or((line, ""));
        if reason.is_empty() {
            return Err(format!("panic site {site} is listed without a reason"));
        }
        listed.insert(site.to_owned());
    }
    let new: Vec<&String> = sites.difference(&listed).collect();
    let gone: Vec<&String> = listed.difference(sites).collect();
    if new.is_empty() && gone.is_empty() {
        Ok(())
    } else {
        Err(format!("panic sites: new {new:?}, gone {gone:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_a_gone_and_an_unexplained_site_are_found() {
        let sites = BTreeSet::from(["a-1.0.0/src/lib.rs:7".to_owned()]);
        assert_eq!(compare(&sites, "# list\na-1.0.0/src/lib.rs:7 constant index\n"), Ok(()));
        assert!(compare(&sites, "").is_err());
        assert!(compare(&sites, "a-1.0.0/src/lib.rs:7\n").is_err());
        let gone = "a-1.0.0/src/lib.rs:7 constant\nb-1.0.0/src/lib.rs:1 constant\n";
        assert!(compare(&sites, gone).is_err());
    }

    #[test]
    fn a_path_begins_at_its_package() {
        assert_eq!(in_package("/home/x/registry/src/y/aes-0.9.4/src/a.rs"), "aes-0.9.4/src/a.rs");
        assert_eq!(in_package("src/main.rs"), "src/main.rs");
    }
}
