//! One JSON object, schema `medsec.log.records/1`.

use serde::Serialize;

use crate::command::subject::Verified;
use crate::error::Error;
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
    records: Vec<rows::Record<'a>>,
}

pub(crate) fn encode(verified: &Verified<'_>) -> Result<Vec<u8>, Error> {
    let report = &verified.report;
    let records = Records {
        schema: "medsec.log.records/1",
        device: hex(&report.device_id),
        log_sha256: &verified.log_sha256,
        verdict: verified.judgement.verdict,
        headline: &verified.judgement.headline,
        contents: rows::contents(report.contents),
        ranges: report.ranges.iter().map(rows::Range::from).collect(),
        records: report.readable().map(rows::Record::from).collect(),
    };
    let mut bytes = serde_json::to_vec_pretty(&records)
        .map_err(|_| Error::Bug { what: "the records have no JSON form" })?;
    bytes.push(b'\n');
    Ok(bytes)
}
