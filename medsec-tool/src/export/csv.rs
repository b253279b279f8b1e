//! Comma-separated values by RFC 4180, with a header row.
//!
//! A cell that a spreadsheet would take for a formula begins with an apostrophe, which the spreadsheet shows as text.
//! A range that is left out has a row of its own, of kind `range`.

use std::io::{self, Write};

use crate::export::{Export, Item, items};
use crate::model::{RangeRow, RecordRow};
use crate::text::{instant, record_span};

const COLUMNS: [&str; 17] = [
    "kind",
    "seq",
    "last_seq",
    "session",
    "ticks_ms",
    "earliest",
    "latest",
    "time_source",
    "event",
    "name",
    "category",
    "class",
    "outcome",
    "fields",
    "verdict",
    "assurance",
    "page",
];

pub(crate) fn encode(export: &Export<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    writer.write_record(verdict_row(export).map(cell))?;
    for item in items(export.report) {
        let mut row = match item {
            Item::Record(record, range) => record_row(record, range),
            Item::LeftOut(range) => range_row(range),
        };
        if !export.has_places() {
            row[16].clear();
        }
        writer.write_record(row.map(cell))?;
    }
    writer.flush()
}

type Row = [String; COLUMNS.len()];

/// The first row: the verdict for the whole, with the device in the column of categories.
fn verdict_row(export: &Export<'_>) -> Row {
    let mut row = Row::default();
    row[0] = "verdict".to_owned();
    row[9] = export.headline.to_owned();
    row[10] = format!("device {}", export.device);
    row[14] = export.verdict.to_owned();
    row
}

fn record_row(record: &RecordRow, range: &RangeRow) -> Row {
    let wall = record.wall;
    let fields: Vec<_> =
        record.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    [
        "record".to_owned(),
        record.seq.to_string(),
        record.seq.to_string(),
        record.session.to_string(),
        record.ticks_ms.to_string(),
        wall.map(|wall| instant(wall.earliest_ms)).unwrap_or_default(),
        wall.map(|wall| instant(wall.latest_ms)).unwrap_or_default(),
        wall.map(|wall| wall.source.id().to_owned()).unwrap_or_default(),
        record.event.to_string(),
        record.name.to_string(),
        record.category.to_string(),
        record.class.id().to_owned(),
        record.outcome.id().to_owned(),
        fields.join("; "),
        range.verdict.id().to_owned(),
        range.assurance.id().to_owned(),
        record.place.page.to_string(),
    ]
}

fn range_row(range: &RangeRow) -> Row {
    let mut row = Row::default();
    row[0] = "range".to_owned();
    row[1] = range.first_seq.to_string();
    row[2] = range.last_seq.to_string();
    row[3] = range.session.to_string();
    row[9] = format!("{} left out", record_span(range.first_seq, range.last_seq));
    row[14] = range.verdict.id().to_owned();
    row[15] = range.assurance.id().to_owned();
    row[16] = range.place.page.to_string();
    row
}

/// `text` in a form that no spreadsheet takes for a formula, also behind blanks.
pub(crate) fn cell(text: String) -> String {
    match text.trim_start().chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '|' | '%' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        Some(_) | None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "  =1", "＝1", "|calc", "%0A"] {
            assert_eq!(cell(text.to_owned()), format!("'{text}"));
        }
        for text in ["", "a=1", "1-1", "user@host", "2026-01-01"] {
            assert_eq!(cell(text.to_owned()), text);
        }
    }
}
