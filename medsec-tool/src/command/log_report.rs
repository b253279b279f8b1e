//! `medsec log report`.

use std::path::Path;

use serde_json::json;

use crate::cli::Subject;
use crate::command::subject::verify;
use crate::error::Error;
use crate::files;
use crate::model::Verify;
use crate::output::Outcome;
use crate::report;
use crate::text::hex;
use crate::untrusted::Untrusted;

/// Writes the report, whatever the verdict: it is where a tampered log is explained.
pub(crate) fn run(
    subject: &Subject,
    output: &Path,
    verifier: &dyn Verify,
) -> Result<Outcome, Error> {
    let verified = verify(subject, verifier)?;
    files::write(output, &verified.inputs(), |out| report::render(&verified, out))?;
    let records = verified.report.readable().count();
    let path = Untrusted::from_path(output);
    let data = json!({
        "device": hex(&verified.report.device_id),
        "output": path,
        "records": records,
    });
    Ok(Outcome {
        exit: verified.judgement.exit,
        verdict: verified.judgement.verdict,
        headline: verified.judgement.headline,
        text: vec![format!("  report in {path}")],
        payload: None,
        findings: verified.judgement.findings,
        data,
    })
}
