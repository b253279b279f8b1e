//! One JSON object, schema `medsec.log.records/1`, or `medsec.log.records.de-identified/1`.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::export::Export;
use crate::rows;

#[derive(Serialize)]
struct Records<'a> {
    schema: &'static str,
    device: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_sha256: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<&'static str>,
    verdict: &'static str,
    headline: &'a str,
    contents: &'static str,
    ranges: Vec<rows::Range>,
    #[serde(serialize_with = "records")]
    records: &'a Export<'a>,
}

pub(crate) fn encode(export: &Export<'_>, out: &mut dyn Write) -> io::Result<()> {
    let report = export.report;
    let mut ranges: Vec<_> = report.ranges.iter().map(rows::Range::from).collect();
    if !export.has_places() {
        ranges.iter_mut().for_each(rows::Range::hide_place);
    }
    let records = Records {
        schema: match export.de_identified {
            None => "medsec.log.records/1",
            Some(_) => "medsec.log.records.de-identified/1",
        },
        device: &export.device,
        log_sha256: export.log_sha256,
        times: export.de_identified.map(crate::cli::Times::id),
        verdict: export.verdict,
        headline: export.headline,
        contents: rows::contents(report.contents),
        ranges,
        records: export,
    };
    serde_json::to_writer_pretty(&mut *out, &records)?;
    writeln!(out)
}

/// The records one by one: all of them as rows would take more memory than the log.
fn records<S: Serializer>(export: &Export<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(export.report.readable().map(|pair| {
        let mut record = rows::Record::from(pair);
        if !export.has_places() {
            record.hide_place();
        }
        record
    }))
}
