//! Records for other programs. Only records of readable ranges are written, in order and with their verdict; ranges that
//! are not readable are named where their records would be.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod syslog;

use crate::cli::Times;
use crate::command::subject::Verified;
use crate::exit::Exit;
use crate::model::{LogReport, RangeRow, RecordRow};
use crate::text::hex;

/// What is written, and how much of it.
pub(crate) struct Export<'a> {
    pub(crate) device: String,
    /// Not in a de-identified export.
    pub(crate) log_sha256: Option<&'a str>,
    /// Of a de-identified export: what became of times.
    pub(crate) de_identified: Option<Times>,
    pub(crate) exit: Exit,
    pub(crate) verdict: &'static str,
    pub(crate) headline: &'a str,
    pub(crate) report: &'a LogReport,
}

impl<'a> Export<'a> {
    /// All of it.
    pub(crate) fn whole(verified: &'a Verified<'_>) -> Self {
        Self {
            device: hex(&verified.report.device_id),
            log_sha256: Some(&verified.log_sha256),
            de_identified: None,
            exit: verified.judgement.exit,
            verdict: verified.judgement.verdict,
            headline: &verified.judgement.headline,
            report: &verified.report,
        }
    }

    /// A log of which `deidentify::strip` left what may be told, under the pseudonym of its device.
    pub(crate) fn de_identified(
        verified: &'a Verified<'_>,
        pseudonym: &[u8; 12],
        times: Times,
    ) -> Self {
        // The headline of the whole tells numbers of records and places in the flash.
        let headline = match verified.judgement.exit {
            Exit::Ok => "VERIFIED before it was de-identified",
            Exit::Negative => "TAMPERED: ranges that are not authentic are left out",
            Exit::Undecided
            | Exit::Refused
            | Exit::Input
            | Exit::Device
            | Exit::Registry
            | Exit::Aborted
            | Exit::Usage
            | Exit::Bug => "NOT DECIDED",
        };
        Self {
            device: hex(pseudonym),
            log_sha256: None,
            de_identified: Some(times),
            headline,
            ..Self::whole(verified)
        }
    }

    /// Whether places in the flash are told.
    pub(crate) const fn has_places(&self) -> bool {
        self.de_identified.is_none()
    }
}

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
