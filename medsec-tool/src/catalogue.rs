//! A catalogue file: the names of a maker's events and their fields. Text, read strictly.
//!
//! ```text
//! medsec-catalogue-1
//! 0x4002 RateChanged ConfigurationChange Security Success from:metric by:principal patient:sealed
//! 0x4006 AlarmRaised ControlSystem Security SeriousFailure cause:code(1=Occlusion,2=AirInLine)
//! ```
//!
//! One event a line, by ascending id: id, name, category, class, outcome, then its fields in the order of the record, one
//! space between. The outcome is `header` if the record itself says it. A field is a name, a colon and what stands in the
//! record: `metric`, `count`, `duration`, `principal`, `device`, `digest`, `time`, `sealed`, `omitted`, or `code` with the
//! names behind its codes. [`write()`] makes such a file from what `events!` declared.
//!
//! A catalogue names things; it vouches for nothing. A record that does not fit its line is shown without names.

use core::fmt::Write as _;
use std::collections::BTreeMap;

use medsec::auth::event::AuthEvent;
use medsec_core::event::{
    Category, Class, Coded, DeviceEvent, EventInfo, FieldInfo, Kind, MAKER_ID_MAX, MAKER_ID_MIN,
    Outcome, Privacy, SystemEvent,
};
use medsec_transport::event::LinkEvent;

use crate::untrusted::Untrusted;

const WORD: &str = "medsec-catalogue-1";
/// Bytes of the longest catalogue file.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
const NAME_CHARS_MAX: usize = 64;
const FIELDS_MAX: usize = 64;

/// What is wrong with a catalogue file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// There are bytes other than printable ASCII.
    #[error("the file holds bytes that are no plain text")]
    NotText,
    /// It begins with another line.
    #[error("the first line is not medsec-catalogue-1")]
    WrongKind,
    /// An id is malformed, no maker's, or not above the one before.
    #[error(
        "line {line}: the id is not 0x and 4 digits, not of 0x4000 to 0x7fff, or not ascending"
    )]
    Id {
        /// In which line.
        line: usize,
    },
    /// A name is malformed.
    #[error("line {line}: a name is not 1 to 64 letters, digits and underscores")]
    Name {
        /// In which line.
        line: usize,
    },
    /// Category, class or outcome do not exist.
    #[error("line {line}: category, class or outcome are missing or do not exist")]
    Head {
        /// In which line.
        line: usize,
    },
    /// A field is malformed.
    #[error("line {line}: a field is not a name, a colon and a kind, or there are too many")]
    Field {
        /// In which line.
        line: usize,
    },
}

/// One event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Untrusted,
    pub(crate) category: Category,
    pub(crate) class: Class,
    pub(crate) outcome: Option<Outcome>,
    pub(crate) fields: Vec<Field>,
}

/// One field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Field {
    pub(crate) name: Untrusted,
    pub(crate) kind: Kind,
    pub(crate) codes: Vec<(u8, Untrusted)>,
}

/// The events that are known by name: medsec's own, and a maker's if there is a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Catalogue {
    events: BTreeMap<u16, Entry>,
}

/// medsec's own events.
fn own() -> impl Iterator<Item = &'static EventInfo> {
    let core = SystemEvent::CATALOGUE.iter().chain(DeviceEvent::CATALOGUE);
    core.chain(AuthEvent::CATALOGUE).chain(LinkEvent::CATALOGUE)
}

impl Default for Catalogue {
    /// medsec's own events.
    fn default() -> Self {
        Self { events: own().map(|info| (info.id, entry(info))).collect() }
    }
}

impl Catalogue {
    /// medsec's own events and those in the bytes of a catalogue file.
    ///
    /// # Errors
    /// Each [`CatalogueError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, CatalogueError> {
        if !bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
            return Err(CatalogueError::NotText);
        }
        let text = str::from_utf8(bytes).map_err(|_| CatalogueError::NotText)?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n').zip(1..);
        if lines.next().is_none_or(|(first, _)| first != WORD) {
            return Err(CatalogueError::WrongKind);
        }
        let mut catalogue = Self::default();
        let mut newest = None;
        for (text, line) in lines {
            let mut words = text.split(' ');
            let id = words.next().and_then(parse_id).filter(|id| newest < Some(*id));
            let id = id.ok_or(CatalogueError::Id { line })?;
            newest = Some(id);
            catalogue.events.insert(id, parse_entry(words, line)?);
        }
        Ok(catalogue)
    }

    /// The event `id`, if it is known.
    pub(crate) fn find(&self, id: u16) -> Option<&Entry> {
        self.events.get(&id)
    }
}

/// The catalogue file that holds `events`, such as the `CATALOGUE` of a maker's `events!`.
#[must_use]
pub fn write(events: &[EventInfo]) -> String {
    let mut events: Vec<_> = events.iter().collect();
    events.sort_by_key(|event| event.id);
    let mut text = format!("{WORD}\n");
    for event in events {
        let outcome = event.outcome.map_or("header", Outcome::name);
        let (category, class) = (event.category.name(), event.class.name());
        text.push_str(&format!("0x{:04x} {} {category} {class} {outcome}", event.id, event.name));
        for field in event.fields {
            if let Some(kind) = kind(field) {
                text.push_str(&format!(" {}:{}", field.name, kind_word(kind)));
                for (index, code) in field.codes.iter().enumerate() {
                    let before = if index == 0 { '(' } else { ',' };
                    // Writing to a string cannot fail.
                    let _written = write!(text, "{before}{}={}", code.code, code.name);
                }
                if !field.codes.is_empty() {
                    text.push(')');
                }
            }
        }
        text.push('\n');
    }
    text
}

/// What stands in the record for a field; nothing for the one in the header.
const fn kind(field: &FieldInfo) -> Option<Kind> {
    match field.privacy {
        Privacy::Public(kind) => Some(kind),
        Privacy::Encrypted => Some(Kind::Sealed),
        Privacy::Omitted => Some(Kind::Omitted),
        Privacy::Header | _ => None,
    }
}

fn entry(info: &EventInfo) -> Entry {
    let fields = info.fields.iter().filter_map(|field| {
        let codes = field.codes.iter().map(|code| (code.code, code.name.into())).collect();
        Some(Field { name: field.name.into(), kind: kind(field)?, codes })
    });
    Entry {
        name: info.name.into(),
        category: info.category,
        class: info.class,
        outcome: info.outcome,
        fields: fields.collect(),
    }
}

fn parse_id(word: &str) -> Option<u16> {
    let digits = word.strip_prefix("0x").filter(|digits| digits.len() == 4)?;
    let [high, low] = crate::text::parse_hex(digits)?;
    Some(u16::from_be_bytes([high, low])).filter(|id| (MAKER_ID_MIN..=MAKER_ID_MAX).contains(id))
}

fn parse_entry<'a>(
    mut words: impl Iterator<Item = &'a str>,
    line: usize,
) -> Result<Entry, CatalogueError> {
    let name = words.next().and_then(parse_name).ok_or(CatalogueError::Name { line })?;
    let head = CatalogueError::Head { line };
    let category = words.next().and_then(code_of::<Category>).and_then(Category::from_code);
    let class = words.next().and_then(code_of::<Class>).and_then(Class::from_code);
    let outcome = match words.next() {
        Some("header") => None,
        word => Some(word.and_then(code_of::<Outcome>).and_then(Outcome::from_code).ok_or(head)?),
    };
    let fields: Option<Vec<_>> = words.map(parse_field).collect();
    let fields = fields.filter(|fields| fields.len() <= FIELDS_MAX);
    Ok(Entry {
        name,
        category: category.ok_or(head)?,
        class: class.ok_or(head)?,
        outcome,
        fields: fields.ok_or(CatalogueError::Field { line })?,
    })
}

fn parse_name(word: &str) -> Option<Untrusted> {
    let is_name = (1..=NAME_CHARS_MAX).contains(&word.len())
        && word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name.then(|| Untrusted::from(word))
}

fn code_of<C: Coded>(word: &str) -> Option<u8> {
    C::VALUES.iter().find(|value| value.name == word).map(|value| value.code)
}

fn parse_field(word: &str) -> Option<Field> {
    let (name, kind) = word.split_once(':')?;
    let name = parse_name(name)?;
    if let Some(codes) = kind.strip_prefix("code(") {
        let codes = codes.strip_suffix(')')?.split(',').map(parse_code);
        let codes: Vec<_> = codes.collect::<Option<_>>()?;
        let is_ascending = codes.is_sorted_by(|(before, _), (after, _)| before < after);
        return is_ascending.then_some(Field { name, kind: Kind::Code, codes });
    }
    let kind = KINDS.into_iter().find(|known| kind_word(*known) == kind)?;
    Some(Field { name, kind, codes: Vec::new() })
}

fn parse_code(text: &str) -> Option<(u8, Untrusted)> {
    let (code, name) = text.split_once('=')?;
    let number: u8 = code.parse().ok()?;
    (number.to_string() == code).then_some(())?;
    Some((number, parse_name(name)?))
}

/// The kinds but codes, which never stand without their names.
const KINDS: [Kind; 9] = [
    Kind::Metric,
    Kind::Count,
    Kind::Duration,
    Kind::Principal,
    Kind::Device,
    Kind::Digest,
    Kind::Time,
    Kind::Omitted,
    Kind::Sealed,
];

const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Code => "code",
        Kind::Metric => "metric",
        Kind::Count => "count",
        Kind::Duration => "duration",
        Kind::Principal => "principal",
        Kind::Device => "device",
        Kind::Digest => "digest",
        Kind::Time => "time",
        Kind::Omitted => "omitted",
        Kind::Sealed | _ => "sealed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infusion_pump::events::PumpEvent;

    #[test]
    fn a_makers_catalogue_is_read_back_as_it_was_declared() {
        let file = write(PumpEvent::CATALOGUE);
        let catalogue = Catalogue::parse(file.as_bytes()).unwrap();
        for event in PumpEvent::CATALOGUE.iter().chain(own()) {
            assert_eq!(catalogue.find(event.id), Some(&entry(event)), "{}", event.name);
        }
        let alarm = "0x4006 AlarmRaised ControlSystem Security SeriousFailure \
                     cause:code(1=Occlusion,2=AirInLine,3=Empty,4=Security)\n";
        assert!(file.contains(alarm), "{file}");
    }

    #[test]
    fn each_malformed_catalogue_is_refused_for_its_own_reason() {
        let line = 2;
        for (text, error) in [
            ("", CatalogueError::WrongKind),
            ("medsec-catalogue-2\n", CatalogueError::WrongKind),
            ("medsec-catalogue-1\r\n", CatalogueError::NotText),
            ("medsec-catalogue-1\n\n", CatalogueError::Id { line }),
        ] {
            assert_eq!(Catalogue::parse(text.as_bytes()), Err(error), "{text}");
        }
        let good = "0x4001 Name ControlSystem Security Success cause:code(1=A,2=B) by:principal";
        for (from, to, error) in [
            ("0x4001", "0x0001", CatalogueError::Id { line }),
            ("0x4001", "0x8000", CatalogueError::Id { line }),
            ("0x4001", "0X4001", CatalogueError::Id { line }),
            ("0x4001", "16385", CatalogueError::Id { line }),
            ("Name", "Na-me", CatalogueError::Name { line }),
            ("Name", "", CatalogueError::Name { line }),
            ("ControlSystem", "Control", CatalogueError::Head { line }),
            ("Security", "security", CatalogueError::Head { line }),
            ("Success", "Failure", CatalogueError::Head { line }),
            ("by:principal", "by:person", CatalogueError::Field { line }),
            ("by:principal", "by", CatalogueError::Field { line }),
            ("by:principal", " by:principal", CatalogueError::Field { line }),
            ("by:principal", "by:code", CatalogueError::Field { line }),
            ("1=A,2=B", "2=B,1=A", CatalogueError::Field { line }),
            ("1=A,2=B", "1=A,1=B", CatalogueError::Field { line }),
            ("1=A,2=B", "", CatalogueError::Field { line }),
            ("1=A", "01=A", CatalogueError::Field { line }),
            ("1=A", "256=A", CatalogueError::Field { line }),
        ] {
            let text = format!("{WORD}\n{}\n", good.replace(from, to));
            assert_eq!(Catalogue::parse(text.as_bytes()), Err(error), "{text}");
        }
        let twice = format!("{WORD}\n{good}\n{good}\n");
        assert_eq!(Catalogue::parse(twice.as_bytes()), Err(CatalogueError::Id { line: 3 }));
    }
}
