//! Records for other programs. Only records of readable ranges are written, in order and with their verdict; ranges that
//! are not readable are named where their records would be.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod syslog;

use crate::model::{LogReport, RangeRow, RecordRow};

/// What an export says, in order.
pub(crate) enum Item<'a> {
    Record(&'a RecordRow, &'a RangeRow),
    /// A range whose records are not exported.
    LeftOut(&'a RangeRow),
}

/// Records and the ranges left out, in the order of the log.
pub(crate) fn items(report: &LogReport) -> Vec<Item<'_>> {
    let mut items: Vec<_> = report
        .readable()
        .map(|(record, range)| Item::Record(record, range))
        .chain(report.unreadable().map(Item::LeftOut))
        .collect();
    items.sort_by_key(|item| match item {
        Item::Record(record, _) => (record.seq, 1),
        Item::LeftOut(range) => (range.first_seq, 0),
    });
    items
}
