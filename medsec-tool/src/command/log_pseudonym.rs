//! `medsec log pseudonym`.

use std::path::Path;

use serde_json::json;

use crate::code::Code;
use crate::deidentify::pseudonym;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::keyfile::{FILE_BYTES_MAX, PseudonymKey};
use crate::output::{Finding, Outcome, Severity};
use crate::text::{hex, parse_hex_vec};
use crate::untrusted::Untrusted;

/// Says which pseudonyms stand for `ids`: whoever holds the key and knows the ids finds them in the export.
pub(crate) fn run(key: &Path, ids: &[String]) -> Result<Outcome, Error> {
    let shown = Untrusted::from_path(key);
    let mut findings = Vec::new();
    if files::is_wide(key) {
        let message = format!("{shown} can be read by others than its owner");
        findings.push(Finding::new(&Code::WIDE_KEY_FILE, Severity::Warning, message));
    }
    let bytes = zeroize::Zeroizing::new(files::read(key, FILE_BYTES_MAX)?);
    let key =
        PseudonymKey::parse(&bytes).map_err(|cause| Error::PseudonymKey { path: shown, cause })?;
    let mut pairs = Vec::new();
    for id in ids {
        let bytes = parse_hex_vec(id).filter(|bytes| matches!(bytes.len(), 8 | 16));
        let bytes = bytes.ok_or_else(|| Error::Usage {
            reason: Untrusted::new(format!("{id} is no id: 16 or 32 digits in lower case")),
        })?;
        pairs.push((id.clone(), hex(&pseudonym(&key, &bytes))));
    }
    let pair = |(id, pseudonym): &(String, String)| json!({"id": id, "pseudonym": pseudonym});
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline: "pseudonyms of this key".to_owned(),
        text: pairs.iter().map(|(id, pseudonym)| format!("  {id} {pseudonym}")).collect(),
        payload: None,
        findings,
        data: json!({ "pseudonyms": pairs.iter().map(pair).collect::<Vec<_>>() }),
    })
}
