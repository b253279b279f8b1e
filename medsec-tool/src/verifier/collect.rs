//! Takes what the verifier shows and keeps it as rows.

use medsec_audit::checkpoint::Statement;
use medsec_audit::verify::{self, Observer, Opened, Range};
use medsec_core::event::{self, Category, Class, FieldValue, Fields, Unit};

use super::wall::{self, ClockSet};
use crate::catalogue::{Catalogue, Entry, Field};
use crate::model::{self, Assurance, Outcome, Place, RangeRow, RecordRow, Value, Verdict};
use crate::untrusted::Untrusted;

/// Ids of `SystemEvent::ClockSet` and `SystemEvent::ClockWentBack`: both set the clock to their second field.
const CLOCK_SET: [u16; 2] = [0x0007, 0x0008];

pub(super) struct Collector<'a> {
    catalogue: &'a Catalogue,
    pub(super) ranges: Vec<RangeRow>,
    pub(super) records: Vec<RecordRow>,
    /// The signed ones.
    pub(super) checkpoints: Vec<(Statement, [u8; 64])>,
    /// Records that do not fit their line of the catalogue.
    pub(super) misfits: u64,
    clocks: Vec<ClockSet>,
    words: Words,
}

impl<'a> Collector<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        Self {
            catalogue,
            ranges: Vec::new(),
            records: Vec::new(),
            checkpoints: Vec::new(),
            misfits: 0,
            clocks: Vec::new(),
            words: Words::default(),
        }
    }

    /// Brings everything in the order of the log. The verifier shows it newest first.
    pub(super) fn finish(&mut self) {
        self.records.sort_by_key(|record| (record.place.page, record.place.offset));
        wall::tell(&mut self.records, &mut self.clocks);
        self.ranges.sort_by_key(|range| {
            let first_seq = if range.is_place() { 0 } else { range.first_seq };
            (range.place.page, range.place.offset, first_seq)
        });
        // A place between two records is told by the one in front of it.
        let mut before = 0;
        for range in &mut self.ranges {
            if range.is_place() {
                (range.first_seq, range.last_seq) = (before + 1, before);
            }
            before = before.max(range.last_seq);
        }
        self.ranges.dedup_by(|next, range| {
            let is_next = (next.session, next.verdict, next.assurance)
                == (range.session, range.verdict, range.assurance)
                && !next.is_place()
                && !range.is_place()
                && range.last_seq.checked_add(1) == Some(next.first_seq);
            if is_next {
                range.last_seq = next.last_seq;
            }
            is_next
        });
    }

    /// The newest checkpoint that may be kept: of the newest session, or one behind which its session went on. Power can
    /// have gone while the last of an earlier session was written, so that it reads otherwise next time.
    pub(super) fn kept(&self) -> Option<&(Statement, [u8; 64])> {
        let rows = || self.ranges.iter().filter(|range| !range.is_place());
        let newest = rows().map(|range| range.session).max();
        let stays = |statement: &Statement| {
            Some(statement.session) == newest
                || rows().any(|range| {
                    range.session == statement.session && range.last_seq > statement.place.seq
                })
        };
        let kept = self.checkpoints.iter().filter(|(statement, _)| stays(statement));
        kept.max_by_key(|(statement, _)| (statement.place.page, statement.place.offset))
    }

    fn fields(&mut self, record: &Opened<'_>, entry: Option<&Entry>) -> Vec<(Untrusted, Value)> {
        let values: Result<Vec<_>, _> = Fields::new(record.fields).collect();
        let Ok(values) = values else {
            self.misfits += 1;
            let words = Untrusted::from("(malformed)");
            return vec![(self.words.field(0), Value::Text(words))];
        };
        let named = entry.filter(|entry| fits(record, entry, &values));
        if entry.is_some() && named.is_none() {
            self.misfits += 1;
        }
        let fields = named.map_or(&[][..], |entry| &entry.fields);
        let mut rows = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let field = fields.get(index);
            let name = field.map_or_else(|| self.words.field(index), |field| field.name.clone());
            rows.push((name, shown(value, field)));
        }
        rows
    }
}

impl Observer for Collector<'_> {
    fn range(&mut self, range: &Range) {
        self.ranges.push(RangeRow {
            session: range.session,
            first_seq: range.first_seq,
            last_seq: range.last_seq,
            verdict: verdict(range.verdict),
            assurance: assurance(range.assurance),
            place: Place { page: range.page, offset: range.offset },
        });
    }

    fn record(&mut self, record: &Opened<'_>) {
        let header = &record.header;
        let entry = self.catalogue.find(header.event);
        let fields = self.fields(record, entry);
        let name = match entry {
            Some(entry) => entry.name.clone(),
            None => Untrusted::new(format!("event 0x{:04x}", header.event)),
        };
        if CLOCK_SET.contains(&header.event)
            && let Some(Ok(FieldValue::Time(to))) = Fields::new(record.fields).nth(1)
        {
            let (session, seq, ticks) = (record.session, record.place.seq, header.at);
            self.clocks.push(ClockSet { session, seq, ticks_ms: ticks.as_millis(), to });
        }
        self.records.push(RecordRow {
            seq: record.place.seq,
            session: record.session,
            ticks_ms: header.at.as_millis(),
            wall: None,
            event: header.event,
            name,
            category: self.words.category(header.category),
            class: if record.class == Class::Operational.code() {
                model::Class::Operational
            } else {
                model::Class::Security
            },
            outcome: outcome(header.outcome),
            fields,
            place: Place { page: record.place.page, offset: record.place.offset },
        });
    }

    fn checkpoint(&mut self, statement: &Statement, signature: &[u8; 64]) {
        self.checkpoints.push((*statement, *signature));
    }
}

/// Whether a record is as its line of the catalogue says: header, number of fields, kinds and codes.
fn fits(record: &Opened<'_>, entry: &Entry, values: &[FieldValue<'_>]) -> bool {
    let header = &record.header;
    let is_headed = header.category == entry.category
        && record.class == entry.class.code()
        && entry.outcome.is_none_or(|outcome| outcome == header.outcome);
    let has_kinds = values.iter().map(FieldValue::kind).eq(entry.fields.iter().map(|f| f.kind));
    is_headed
        && has_kinds
        && values.iter().zip(&entry.fields).all(|(value, field)| {
            if let FieldValue::Code(code) = value {
                code_name(field, *code).is_some()
            } else {
                true
            }
        })
}

fn code_name(field: &Field, code: u8) -> Option<&Untrusted> {
    field.codes.iter().find(|(known, _)| *known == code).map(|(_, name)| name)
}

fn shown(value: &FieldValue<'_>, field: Option<&Field>) -> Value {
    match value {
        FieldValue::Code(code) => match field.and_then(|field| code_name(field, *code)) {
            Some(name) => Value::Text(name.clone()),
            None => Value::Number(u64::from(*code)),
        },
        FieldValue::Metric(metric) => {
            Value::Quantity(i64::from(metric.value()), unit(metric.unit()))
        }
        FieldValue::Count(count) => Value::Number(u64::from(count.value())),
        FieldValue::Duration(time) => Value::Quantity(i64::from(time.as_millis()), "ms"),
        FieldValue::Principal(id) => Value::Bytes(*id.bytes()),
        FieldValue::Device(id) => Value::Bytes(*id.bytes()),
        FieldValue::Digest(head) => Value::Bytes(*head.bytes()),
        FieldValue::Time(time) => Value::Time(*time),
        FieldValue::Omitted => Value::Omitted,
        FieldValue::Sealed { .. } | _ => Value::Personal,
    }
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::MicrolitrePerHour => "\u{b5}l/h",
        Unit::Microlitre => "\u{b5}l",
        Unit::MicrolitrePerMinute => "\u{b5}l/min",
        Unit::Millivolt => "mV",
        Unit::Milliampere => "mA",
        Unit::Milliohm => "m\u{3a9}",
        Unit::MilliCelsius => "m\u{b0}C",
        Unit::Pascal => "Pa",
        Unit::PerMille => "\u{2030}",
        Unit::Millisecond => "ms",
        Unit::MilliUnit => "mU",
        Unit::MilliUnitPerHour => "mU/h",
        Unit::Microgram => "\u{b5}g",
        Unit::Microjoule => "\u{b5}J",
        Unit::PerMinute => "/min",
        _ => "(unknown unit)",
    }
}

const fn verdict(verdict: verify::Verdict) -> Verdict {
    match verdict {
        verify::Verdict::Verified => Verdict::Verified,
        verify::Verdict::TornTail => Verdict::TornTail,
        verify::Verdict::OverwrittenByPolicy => Verdict::OverwrittenByPolicy,
        verify::Verdict::Unanchored => Verdict::Unanchored,
        verify::Verdict::Gap => Verdict::Gap,
        verify::Verdict::Truncated => Verdict::Truncated,
        verify::Verdict::Reordered => Verdict::Reordered,
        verify::Verdict::RolledBack => Verdict::RolledBack,
        // What this tool does not know is not read as the benign case.
        verify::Verdict::Modified | _ => Verdict::Modified,
    }
}

const fn assurance(assurance: verify::Assurance) -> Assurance {
    match assurance {
        verify::Assurance::Signed => Assurance::Signed,
        verify::Assurance::MacOnly => Assurance::MacOnly,
        verify::Assurance::Unanchored | _ => Assurance::Unanchored,
    }
}

const fn outcome(outcome: event::Outcome) -> Outcome {
    match outcome {
        event::Outcome::Success => Outcome::Success,
        event::Outcome::MinorFailure => Outcome::MinorFailure,
        event::Outcome::SeriousFailure => Outcome::SeriousFailure,
        event::Outcome::MajorFailure | _ => Outcome::MajorFailure,
    }
}

/// Words that many records share.
#[derive(Default)]
struct Words {
    categories: Vec<(Category, Untrusted)>,
    fields: Vec<Untrusted>,
}

impl Words {
    /// "ConfigurationChange" as "configuration change".
    fn category(&mut self, category: Category) -> Untrusted {
        if let Some((_, words)) = self.categories.iter().find(|(known, _)| *known == category) {
            return words.clone();
        }
        let mut words = String::new();
        for letter in category.name().chars() {
            if letter.is_ascii_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.push(letter.to_ascii_lowercase());
        }
        let words = Untrusted::new(words);
        self.categories.push((category, words.clone()));
        words
    }

    /// "field 1" and so on.
    fn field(&mut self, index: usize) -> Untrusted {
        while self.fields.len() <= index {
            self.fields.push(Untrusted::new(format!("field {}", self.fields.len() + 1)));
        }
        self.fields[index].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use medsec_core::event::SystemEvent;

    #[test]
    fn the_clock_events_are_those_of_the_catalogue() {
        for (id, name) in CLOCK_SET.into_iter().zip(["ClockSet", "ClockWentBack"]) {
            let info = SystemEvent::CATALOGUE.iter().find(|info| info.id == id).unwrap();
            assert_eq!((info.name, info.fields[1].name), (name, "to"));
        }
    }

    #[test]
    fn a_checkpoint_that_may_have_been_in_flight_is_not_kept() {
        let catalogue = Catalogue::default();
        let mut collector = Collector::new(&catalogue);
        let row = |session, first_seq, last_seq| RangeRow {
            session,
            first_seq,
            last_seq,
            verdict: Verdict::Verified,
            assurance: Assurance::Signed,
            place: Place { page: 1, offset: 112 },
        };
        let place = |seq: u64| medsec_core::flash::ring::Place {
            page: 1,
            offset: 112 + 8 * u32::try_from(seq).unwrap(),
            seq,
        };
        let mut sign = |session, seq| {
            let (device, value) = ([0; 16], [0; 32]);
            let at = medsec_core::time::Ticks::from_millis(0);
            collector
                .checkpoint(&Statement { device, session, place: place(seq), at, value }, &[0; 64]);
        };
        sign(1, 3);
        sign(1, 9);
        let kept = |collector: &Collector<'_>| collector.kept().map(|(kept, _)| kept.place.seq);
        collector.ranges = vec![row(1, 1, 9)];
        assert_eq!(kept(&collector), Some(9), "of the newest session");
        collector.ranges.push(row(2, 12, 20));
        assert_eq!(kept(&collector), Some(3), "the last of an earlier one may have been in flight");
        collector.ranges[0].last_seq = 10;
        assert_eq!(kept(&collector), Some(9), "unless that went on");
    }

    #[test]
    fn categories_read_as_words() {
        let words = Words::default().category(Category::ConfigurationChange).to_string();
        assert_eq!(words, "configuration change");
    }
}
