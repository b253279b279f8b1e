//! Rows of the model as JSON.

use serde::Serialize;

use crate::model::{self, Contents};
use crate::untrusted::Untrusted;

#[derive(Serialize)]
pub(crate) struct Place {
    page: u32,
    offset: u32,
}

impl From<model::Place> for Place {
    fn from(place: model::Place) -> Self {
        Self { page: place.page, offset: place.offset }
    }
}

#[derive(Serialize)]
pub(crate) struct Range {
    session: u32,
    first_seq: u64,
    last_seq: u64,
    verdict: &'static str,
    assurance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

impl Range {
    pub(crate) const fn hide_place(&mut self) {
        self.place = None;
    }
}

impl From<&model::RangeRow> for Range {
    fn from(range: &model::RangeRow) -> Self {
        Self {
            session: range.session,
            first_seq: range.first_seq,
            last_seq: range.last_seq,
            verdict: range.verdict.id(),
            assurance: range.assurance.id(),
            place: Some(range.place.into()),
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Session {
    index: u32,
    first_seq: u64,
    last_seq: u64,
    end: &'static str,
}

impl From<&model::SessionRow> for Session {
    fn from(session: &model::SessionRow) -> Self {
        let (first_seq, last_seq) = (session.first_seq, session.last_seq);
        Self { index: session.index, first_seq, last_seq, end: session.end.id() }
    }
}

#[derive(Serialize)]
pub(crate) struct Forgeable {
    first_seq: u64,
    last_seq: u64,
}

impl From<&model::ForgeableWindow> for Forgeable {
    fn from(window: &model::ForgeableWindow) -> Self {
        Self { first_seq: window.first_seq, last_seq: window.last_seq }
    }
}

#[derive(Serialize)]
struct Wall {
    earliest: String,
    latest: String,
    source: &'static str,
}

#[derive(Serialize)]
struct Field<'a> {
    name: &'a Untrusted,
    kind: &'static str,
    value: String,
}

#[derive(Serialize)]
pub(crate) struct Record<'a> {
    seq: u64,
    session: u32,
    ticks_ms: u64,
    wall: Option<Wall>,
    event: u16,
    name: &'a Untrusted,
    category: &'a Untrusted,
    class: &'static str,
    outcome: &'static str,
    fields: Vec<Field<'a>>,
    verdict: &'static str,
    assurance: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

impl Record<'_> {
    pub(crate) const fn hide_place(&mut self) {
        self.place = None;
    }
}

impl<'a> From<(&'a model::RecordRow, &'a model::RangeRow)> for Record<'a> {
    fn from((record, range): (&'a model::RecordRow, &'a model::RangeRow)) -> Self {
        Self {
            seq: record.seq,
            session: record.session,
            ticks_ms: record.ticks_ms,
            wall: record.wall.map(|wall| Wall {
                earliest: crate::text::instant(wall.earliest_ms),
                latest: crate::text::instant(wall.latest_ms),
                source: wall.source.id(),
            }),
            event: record.event,
            name: &record.name,
            category: &record.category,
            class: record.class.id(),
            outcome: record.outcome.id(),
            fields: record.fields.iter().map(field).collect(),
            verdict: range.verdict.id(),
            assurance: range.assurance.id(),
            place: Some(record.place.into()),
        }
    }
}

fn field<'a>((name, value): &'a (Untrusted, model::Value)) -> Field<'a> {
    let kind = match value {
        model::Value::Number(_) => "number",
        model::Value::Quantity(..) => "quantity",
        model::Value::Text(_) | model::Value::Time(_) => "text",
        model::Value::Pseudonym(_) => "pseudonym",
        model::Value::Bytes(_) => "bytes",
        model::Value::Personal => "personal",
        model::Value::Omitted => "omitted",
    };
    Field { name, kind, value: value.to_string() }
}

/// Whether the records could be opened, in one word.
pub(crate) const fn contents(contents: Contents) -> &'static str {
    match contents {
        Contents::Opened => "opened",
        Contents::Sealed => "sealed",
    }
}
