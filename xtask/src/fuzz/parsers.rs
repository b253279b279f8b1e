//! The parsers of the product, read off its sources: every public function that takes bytes, text or flash.
//!
//! From the sources and not from rustdoc's JSON, whose form changes with each compiler and which a released one does not
//! give. What cannot be told from a signature alone errs towards the list: whoever takes bytes is on it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "syntax has many kinds, and those that hold no bytes are passed over alike"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::{
    FnArg, GenericParam, Generics, ImplItem, Item, Signature, Type, TypeParamBound, Visibility,
};

/// The crates whose public functions are looked at. `medsec-sim` is a test bench: it reads what a developer gives it.
const CRATES: [&str; 6] =
    ["medsec-core", "medsec-audit", "medsec-auth", "medsec-transport", "medsec", "medsec-tool"];

/// Bounds of a type parameter behind which bytes from outside come in.
const BYTE_BOUNDS: [&str; 5] = ["Flash", "NorFlash", "Image", "Port", "EntropySource"];

/// Types that are bytes or text, or hold such as they came.
const BYTE_TYPES: [&str; 7] =
    ["str", "String", "OsString", "Path", "Evidence", "Subject", "LogReport"];

/// The table: a function a line, then its targets, or `-` and the reason why it needs none.
const TABLE: &str = "fuzz/parsers.txt";

/// Compares the sources with the table; says how many there are.
pub(super) fn compare(root: &Path, targets: &[String]) -> Result<String, String> {
    let table = root.join(TABLE);
    let text = std::fs::read_to_string(&table).map_err(|e| format!("{}: {e}", table.display()))?;
    findings(&listed(root)?, &text, targets)
}

fn findings(listed: &BTreeSet<String>, table: &str, targets: &[String]) -> Result<String, String> {
    let mut findings = Vec::new();
    let (mut known, mut used, mut exempt) = (BTreeSet::new(), BTreeSet::new(), 0_usize);
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let function = words.next().unwrap_or_default();
        if !known.insert(function.to_owned()) {
            findings.push(format!("{function} stands in {TABLE} twice"));
        }
        if !listed.contains(function) {
            findings.push(format!("{function} in {TABLE} does not exist any more"));
        }
        let rest: Vec<&str> = words.collect();
        if let ["-", _, ..] = rest.as_slice() {
            exempt += 1;
            continue;
        }
        if rest.is_empty() || rest == ["-"] {
            findings.push(format!("{function} has neither target nor reason"));
        }
        for target in rest {
            used.insert(target.to_owned());
            if !targets.iter().any(|known| known == target) {
                findings.push(format!("{function} names no target: {target}"));
            }
        }
    }
    let missing = listed.difference(&known);
    findings.extend(missing.map(|function| format!("{function} has no fuzz target: {TABLE}")));
    let idle = targets.iter().filter(|target| !used.contains(*target));
    findings.extend(idle.map(|target| format!("target {target} stands for no function")));
    if findings.is_empty() {
        Ok(format!("{} functions take bytes or flash, {exempt} of them exempt", listed.len()))
    } else {
        Err(findings.join("\n"))
    }
}

/// Every such function, as `crate::module::Type::name`.
fn listed(root: &Path) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for krate in CRATES {
        let source = root.join(krate).join("src");
        let name = krate.replace('-', "_");
        let mut scan = Scan { lenders: BTreeSet::new(), found: &mut found };
        // Twice: the first pass learns which types are lent bytes, the second lists what they do with them.
        scan.file(&source.join("lib.rs"), &source, &name)?;
        scan.file(&source.join("lib.rs"), &source, &name)?;
    }
    Ok(found)
}

/// What is known of one crate.
struct Scan<'a> {
    /// Types made of bytes they keep.
    lenders: BTreeSet<String>,
    found: &'a mut BTreeSet<String>,
}

impl Scan<'_> {
    /// One source file, the files of its public modules, and those of private ones whose items are shown elsewhere.
    fn file(&mut self, file: &Path, folder: &Path, path: &str) -> Result<(), String> {
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let parsed = syn::parse_file(&text).map_err(|e| format!("{}: {e}", file.display()))?;
        self.items(&parsed.items, folder, path)
    }

    fn items(&mut self, items: &[Item], folder: &Path, path: &str) -> Result<(), String> {
        for item in items {
            match item {
                Item::Fn(function)
                    if is_public(&function.vis)
                        && takes_bytes(&function.sig, &Generics::default()) =>
                {
                    self.found.insert(format!("{path}::{}", function.sig.ident));
                }
                Item::Impl(block) => self.block(block, path),
                // A private module's public items may be shown by its parent; those that are not, no table row names.
                Item::Mod(module) if !is_test(&module.attrs) => {
                    let name = module.ident.to_string();
                    let below = format!("{path}::{name}");
                    match &module.content {
                        Some((_, items)) => self.items(items, &folder.join(&name), &below)?,
                        None => {
                            let file: PathBuf = folder.join(format!("{name}.rs"));
                            self.file(&file, &folder.join(&name), &below)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn block(&mut self, block: &syn::ItemImpl, path: &str) {
        let Some(owner) = name_of(&block.self_ty) else { return };
        let owner = format!("{path}::{owner}");
        for item in &block.items {
            let ImplItem::Fn(function) = item else { continue };
            // A trait's methods are as public as the trait is.
            if block.trait_.is_none() && !is_public(&function.vis) {
                continue;
            }
            let bytes = takes_bytes(&function.sig, &block.generics);
            let makes = !has_receiver(&function.sig);
            if bytes && makes && !block.generics.params.is_empty() && block.trait_.is_none() {
                self.lenders.insert(owner.clone());
            }
            let lent = has_receiver(&function.sig) && self.lenders.contains(&owner);
            if bytes || (lent && decides(&function.sig)) {
                self.found.insert(format!("{owner}::{}", function.sig.ident));
            }
        }
    }
}

/// Whether it gives an answer, and not only a part of itself.
fn decides(signature: &Signature) -> bool {
    matches!(&signature.output, syn::ReturnType::Type(_, kind)
        if name_of(kind).is_some_and(|name| name == "Result" || name == "Option"))
}

fn takes_bytes(signature: &Signature, outer: &Generics) -> bool {
    let mut bound = BTreeSet::new();
    collect_bounds(outer, &mut bound);
    collect_bounds(&signature.generics, &mut bound);
    signature.inputs.iter().any(|input| match input {
        FnArg::Typed(input) => is_bytes(&input.ty, &bound),
        FnArg::Receiver(_) => false,
    })
}

/// Names of the type parameters behind which bytes come in.
fn collect_bounds(generics: &Generics, bound: &mut BTreeSet<String>) {
    for parameter in &generics.params {
        if let GenericParam::Type(parameter) = parameter
            && parameter.bounds.iter().any(is_byte_bound)
        {
            bound.insert(parameter.ident.to_string());
        }
    }
}

fn is_byte_bound(bound: &TypeParamBound) -> bool {
    let TypeParamBound::Trait(bound) = bound else { return false };
    let Some(last) = bound.path.segments.last() else { return false };
    if BYTE_BOUNDS.iter().any(|name| last.ident == name) {
        return true;
    }
    // `impl Into<String>`, `impl IntoIterator<Item = OsString>`
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else { return false };
    arguments.args.iter().any(|argument| match argument {
        syn::GenericArgument::Type(kind) => is_bytes(kind, &BTreeSet::new()),
        syn::GenericArgument::AssocType(kind) => is_bytes(&kind.ty, &BTreeSet::new()),
        _ => false,
    })
}

fn is_bytes(kind: &Type, bound: &BTreeSet<String>) -> bool {
    match kind {
        Type::Reference(reference) => is_bytes(&reference.elem, bound),
        Type::Slice(slice) => is_byte(&slice.elem) || is_bytes(&slice.elem, bound),
        Type::Array(array) => is_byte(&array.elem) || is_bytes(&array.elem, bound),
        Type::Tuple(tuple) => tuple.elems.iter().any(|kind| is_bytes(kind, bound)),
        Type::ImplTrait(implied) => implied.bounds.iter().any(is_byte_bound),
        Type::Path(path) => path.path.segments.last().is_some_and(|last| {
            let name = last.ident.to_string();
            bound.contains(&name) || BYTE_TYPES.contains(&name.as_str())
        }),
        _ => false,
    }
}

fn is_byte(kind: &Type) -> bool {
    name_of(kind).is_some_and(|name| name == "u8")
}

fn name_of(kind: &Type) -> Option<String> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
        Type::Reference(reference) => name_of(&reference.elem),
        Type::Tuple(_) => Some("tuple".to_owned()),
        _ => None,
    }
}

fn has_receiver(signature: &Signature) -> bool {
    signature.inputs.iter().any(|input| matches!(input, FnArg::Receiver(_)))
}

const fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// `#[cfg(test)] mod …`
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string() == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> Vec<String> {
        let mut found = BTreeSet::new();
        let parsed = syn::parse_file(source).unwrap();
        let mut scan = Scan { lenders: BTreeSet::new(), found: &mut found };
        for _ in 0..2 {
            scan.items(&parsed.items, Path::new("."), "x").unwrap();
        }
        found.into_iter().collect()
    }

    #[test]
    fn what_takes_bytes_is_listed_and_what_does_not_is_not() {
        assert_eq!(of("pub fn parse(bytes: &[u8]) -> Option<u8> { None }"), ["x::parse"]);
        assert_eq!(of("pub fn open(key: [u8; 32]) {}"), ["x::open"]);
        assert_eq!(of("pub fn all(parts: &[&[u8]; 2]) {}"), ["x::all"]);
        assert_eq!(of("pub fn mount<F: Flash>(flash: &mut F) {}"), ["x::mount"]);
        assert_eq!(of("pub fn name(text: impl Into<String>) {}"), ["x::name"]);
        assert_eq!(
            of("impl<I: Image> T<I> { pub fn read(&self, image: &mut I) {} }"),
            ["x::T::read"]
        );
        assert_eq!(of("mod inner { pub fn parse(bytes: &[u8]) {} }"), ["x::inner::parse"]);
        let lender = "impl<'a> R<'a> { pub fn new(b: &'a [u8]) -> Self { R(b) } \
                      pub fn next(&mut self) -> Option<u8> { None } pub fn len(&self) -> usize { 0 } }";
        assert_eq!(of(lender), ["x::R::new", "x::R::next"]);
        for other in [
            "fn parse(bytes: &[u8]) {}",
            "pub(crate) fn parse(bytes: &[u8]) {}",
            "pub fn count(number: u32) -> Option<u32> { None }",
            "pub fn ours<C: Clock>(clock: &mut C) {}",
            "#[cfg(test)] mod tests { pub fn parse(bytes: &[u8]) {} }",
        ] {
            assert_eq!(of(other), [""; 0], "{other}");
        }
    }

    #[test]
    fn the_table_has_to_say_what_the_sources_say() {
        let listed = BTreeSet::from(["x::a".to_owned(), "x::b".to_owned()]);
        let targets = ["t".to_owned()];
        findings(&listed, "x::a t\nx::b - because\n", &targets).unwrap();
        for (table, why) in [
            ("x::a t\n", "x::b has no fuzz target"),
            ("x::a t\nx::b t\nx::c t\n", "x::c in"),
            ("x::a t\nx::b -\n", "neither target nor reason"),
            ("x::a t\nx::b u\n", "names no target"),
            ("x::a t\nx::a t\nx::b t\n", "twice"),
            ("x::a - r\nx::b - r\n", "stands for no function"),
        ] {
            let found = findings(&listed, table, &targets).unwrap_err();
            assert!(found.contains(why), "{table}: {found}");
        }
    }
}
