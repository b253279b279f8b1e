//! `medsec log checkpoint`.

use std::path::Path;

use serde_json::json;

use crate::cli::Subject;
use crate::command::subject::verify;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::model::Verify;
use crate::output::Outcome;
use crate::text::hex;
use crate::untrusted::Untrusted;

/// Takes the checkpoint out, unless the log was tampered with.
pub(crate) fn run(
    subject: &Subject,
    output: Option<&Path>,
    json: bool,
    verifier: &dyn Verify,
) -> Result<Outcome, Error> {
    let verified = verify(subject, verifier)?;
    let is_good = verified.judgement.exit == Exit::Ok;
    let mut file = None;
    if is_good {
        let checkpoint = verified.report.checkpoint.as_ref().ok_or(Error::NoCheckpoint)?;
        file = Some(checkpoint.to_file());
    }
    if let (Some(path), Some(file)) = (output, &file) {
        files::write(path, &verified.inputs(), |out| out.write_all(file.as_bytes()))?;
    }
    let payload = match (&file, output) {
        (Some(file), None) if !json => Some(file.clone().into_bytes()),
        (Some(_) | None, _) => None,
    };
    let data = json!({
        "device": hex(&verified.report.device_id),
        "output": output.filter(|_| is_good).map(Untrusted::from_path),
        "checkpoint": file.as_deref().map(str::trim_end),
    });
    Ok(Outcome {
        exit: verified.judgement.exit,
        verdict: verified.judgement.verdict,
        headline: verified.judgement.headline,
        text: Vec::new(),
        payload,
        findings: verified.judgement.findings,
        data,
    })
}
