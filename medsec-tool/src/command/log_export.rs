//! `medsec log export`.

use std::io::Write;

use serde_json::json;

use crate::cli::{ExportArgs, Format, Framing};
use crate::command::subject::{Verified, verify};
use crate::deidentify::{pseudonym, strip};
use crate::error::Error;
use crate::export::{Export, csv, json as records, syslog};
use crate::files;
use crate::keyfile::PseudonymKey;
use crate::model::Verify;
use crate::output::Outcome;
use crate::untrusted::Untrusted;

/// Writes the verified records; ranges that are not verified are named in every format.
pub(crate) fn run(args: &ExportArgs, json: bool, verifier: &dyn Verify) -> Result<Outcome, Error> {
    if json && args.output.is_none() {
        return Err(usage("--json tells about an export that was written by -o; pass -o"));
    }
    if args.framing == Framing::Counted && args.format != Format::Syslog {
        return Err(usage("--framing belongs to --format syslog"));
    }
    let mut verified = verify(&args.subject, verifier)?;
    let key = args.de_identified.then(PseudonymKey::draw).transpose();
    let key = key.map_err(|_| Error::NoRandomness)?;
    if let Some(key) = &key {
        strip(&mut verified.report, key, args.times);
    }
    let export = match &key {
        None => Export::whole(&verified),
        Some(key) => {
            let device = pseudonym(key, &verified.report.device_id);
            Export::de_identified(&verified, &device, args.times)
        }
    };
    let payload = write(args, &verified, &export, key.as_ref())?;
    let device = export.device;
    let path = args.output.as_deref().map(Untrusted::from_path);
    let data = json!({
        "device": device,
        "output": path,
        "format": args.format.id(),
        "de_identified": args.de_identified,
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

/// Writes the export, or hands it back to be printed. A key that is kept is there before the export that needs it.
fn write(
    args: &ExportArgs,
    verified: &Verified<'_>,
    export: &Export<'_>,
    key: Option<&PseudonymKey>,
) -> Result<Option<Vec<u8>>, Error> {
    let encode = |out: &mut dyn Write| match args.format {
        Format::Json => records::encode(export, out),
        Format::Csv => csv::encode(export, out),
        Format::Syslog => syslog::encode(export, args.framing, out),
    };
    let kept = args.pseudonym_key.as_deref().zip(key);
    if let Some((path, key)) = kept {
        files::write_secret(path, &key.to_file())?;
    }
    let Some(path) = &args.output else {
        let mut bytes = Vec::new();
        encode(&mut bytes).map_err(|_| Error::Bug { what: "the records have no such form" })?;
        return Ok(Some(bytes));
    };
    let mut inputs = verified.inputs();
    inputs.extend(args.pseudonym_key.as_deref());
    let written = files::write(path, &inputs, encode);
    if let (Err(_), Some((path, _))) = (&written, kept) {
        files::remove(path);
    }
    written.map(|()| None)
}

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
