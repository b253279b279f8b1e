//! `medsec log export`.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::cli::{Format, Framing, Subject};
use crate::command::subject::verify;
use crate::error::Error;
use crate::export::{csv, json as records, syslog};
use crate::files;
use crate::model::Verify;
use crate::output::Outcome;
use crate::text::hex;
use crate::untrusted::Untrusted;

/// How and where to write.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    pub(crate) format: Format,
    pub(crate) framing: Framing,
    pub(crate) output: Option<&'a Path>,
    pub(crate) json: bool,
}

/// Writes the verified records; ranges that are not verified are named in every format.
pub(crate) fn run(
    subject: &Subject,
    form: Form<'_>,
    verifier: &dyn Verify,
) -> Result<Outcome, Error> {
    if form.json && form.output.is_none() {
        return Err(usage("--json tells about an export that was written by -o; pass -o"));
    }
    if form.framing == Framing::Counted && form.format != Format::Syslog {
        return Err(usage("--framing belongs to --format syslog"));
    }
    let verified = verify(subject, verifier)?;
    let encode = |out: &mut dyn Write| match form.format {
        Format::Json => records::encode(&verified, out),
        Format::Csv => csv::encode(&verified, out),
        Format::Syslog => syslog::encode(&verified, form.framing, out),
    };
    let mut payload = None;
    if let Some(path) = form.output {
        files::write(path, &verified.inputs(), encode)?;
    } else {
        let mut bytes = Vec::new();
        encode(&mut bytes).map_err(|_| Error::Bug { what: "the records have no such form" })?;
        payload = Some(bytes);
    }
    let path = form.output.map(Untrusted::from_path);
    let data = json!({
        "device": hex(&verified.report.device_id),
        "output": path,
        "format": form.format.id(),
        "records": verified.report.readable().count(),
        "ranges_left_out": verified.report.unreadable().count(),
    });
    Ok(Outcome {
        exit: verified.judgement.exit,
        verdict: verified.judgement.verdict,
        headline: verified.judgement.headline,
        text: path.map(|path| format!("  export in {path}")).into_iter().collect(),
        payload,
        findings: verified.judgement.findings,
        data,
    })
}

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
