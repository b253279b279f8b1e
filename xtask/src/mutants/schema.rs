//! A file's text with all its mutants in it, each behind its number.

use core::ops::Range;
use std::collections::BTreeMap;

/// One way to change the text at a place.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    /// Its number; 0 until it has one.
    pub(super) number: u32,
    /// `Type::function` it lies in.
    pub(super) function: String,
    /// What it does, in one line.
    pub(super) change: String,
    /// Which of those with the same function and change it is, from 1.
    pub(super) nth: u32,
    /// The line of the product it lies in.
    pub(super) line: usize,
    /// The text that stands in for the original.
    pub(super) text: String,
}

/// What a place is, which decides how the choice is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Expression,
    Statement,
    /// Text that is left out in the copy whatever the number: `const`, because a constant function cannot choose.
    Dropped,
}

/// A place in a file at which there are mutants.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) kind: Kind,
    pub(super) variants: Vec<Variant>,
}

/// Places by start, the outer before the inner.
pub(super) type Places = BTreeMap<(usize, core::cmp::Reverse<usize>), Place>;

/// Where a mutant's text lies in the file that was written.
pub(super) type Written = Vec<(u32, Range<usize>)>;

/// Writes the file. `wanted` says which mutants are in it.
pub(super) fn write(
    text: &str,
    places: &Places,
    path: &str,
    wanted: &dyn Fn(u32) -> bool,
) -> (String, Written) {
    let flat: Vec<(Range<usize>, &Place)> =
        places.iter().map(|((start, end), place)| (*start..end.0, place)).collect();
    let mut writer = Writer { text, path, wanted, out: String::new(), written: Written::new() };
    writer.stretch(0..text.len(), &flat);
    (writer.out, writer.written)
}

struct Writer<'a> {
    text: &'a str,
    path: &'a str,
    wanted: &'a dyn Fn(u32) -> bool,
    out: String,
    written: Written,
}

impl Writer<'_> {
    /// Writes a stretch of the original with the places that lie in it.
    fn stretch(&mut self, range: Range<usize>, places: &[(Range<usize>, &Place)]) {
        let mut at = range.start;
        let mut rest = places;
        while let Some(((place_range, place), behind)) = rest.split_first() {
            let inner = behind.iter().take_while(|(other, _)| other.start < place_range.end);
            let (inside, after) = behind.split_at(inner.count());
            self.copy(at..place_range.start);
            self.place(place_range.clone(), place, inside);
            at = place_range.end;
            rest = after;
        }
        self.copy(at..range.end);
    }

    fn copy(&mut self, range: Range<usize>) {
        self.out.push_str(self.text.get(range).unwrap_or_default());
    }

    fn place(&mut self, range: Range<usize>, place: &Place, inside: &[(Range<usize>, &Place)]) {
        if place.kind == Kind::Dropped {
            return;
        }
        let wanted = self.wanted;
        let variants: Vec<&Variant> =
            place.variants.iter().filter(|variant| wanted(variant.number)).collect();
        if variants.is_empty() {
            return self.stretch(range, inside);
        }
        let (open, close) = if place.kind == Kind::Expression { ("(", ")") } else { ("", "") };
        self.out.push_str(open);
        for variant in variants {
            let start = self.out.len();
            self.out.push_str(&format!(
                "if {}::is({}) {{ {} }} else ",
                self.path, variant.number, variant.text
            ));
            self.written.push((variant.number, start..self.out.len()));
        }
        self.out.push_str("{ ");
        self.stretch(range, inside);
        self.out.push_str(" }");
        self.out.push_str(close);
    }
}

#[cfg(test)]
mod tests {
    use super::super::operators::places;
    use super::*;

    /// A file of each kind of place, with every mutant in it, still parses, and without one it is what it was.
    #[test]
    fn the_choice_is_written_around_what_was_there() {
        let text = "impl A { fn f(&self, a: u32) -> bool { if a < 3 { self.g(); } !(a == 1) } }";
        let mut places = places(text).unwrap();
        for (number, variant) in (1..).zip(places.values_mut().flat_map(|p| &mut p.variants)) {
            variant.number = number;
        }
        let (all, written) = write(text, &places, "m", &|_| true);
        syn::parse_file(&all).unwrap();
        assert!(all.contains("if m::is(9) {  } else { self.g(); }"), "{all}");
        for (number, range) in &written {
            assert!(all.get(range.clone()).unwrap().starts_with(&format!("if m::is({number})")));
        }
        assert_eq!(written.len(), places.values().map(|place| place.variants.len()).sum::<usize>());
        assert_eq!(write(text, &places, "m", &|_| false).0, text);
    }
}
