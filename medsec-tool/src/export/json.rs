//! One JSON object, schema `medsec.log.records/1`.

use std::io::{self, Write};

use serde::{Serialize, Serializer};

use crate::command::subject::Verified;
use crate::model::LogReport;
use crate::rows;
use crate::text::hex;

#[derive(Serialize)]
struct Records<'a> {
    schema: &'static str,
    device: String,
    log_sha256: &'a str,
    verdict: &'static str,
    headline: &'a str,
    contents: &'static str,
    ranges: Vec<rows::Range>,
    #[serde(serialize_with = "records")]
    records: &'a LogReport,
}

pub(crate) fn encode(verified: &Verified<'_>, out: &mut dyn Write) -> io::Result<()> {
    let report = &verified.report;
    let records = Records {
        schema: "medsec.log.records/1",
        device: hex(&report.device_id),
        log_sha256: &verified.log_sha256,
        verdict: verified.judgement.verdict,
        headline: &verified.judgement.headline,
        contents: rows::contents(report.contents),
        ranges: report.ranges.iter().map(rows::Range::from).collect(),
        records: report,
    };
    serde_json::to_writer_pretty(&mut *out, &records)?;
    writeln!(out)
}

/// The records one by one: all of them as rows would take more memory than the log.
fn records<S: Serializer>(report: &LogReport, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(report.readable().map(rows::Record::from))
}
