//! `medsec erase`: whether a device has erased what its owner left.

use std::path::Path;

use medsec_core::identity::Day;
use medsec_core::identity::certificate::Certificate as DeviceCertificate;
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::sanitize::certificate::{Line, NotShown};
use medsec_core::sanitize::{Certificate, Evidence, KeyName, Outcome as Becomes};
use serde_json::{Value as Json, json};

use crate::cli::EraseVerb;
use crate::code::Code;
use crate::command::peer::{self, parsed};
use crate::erase::parse_erase;
use crate::error::Error;
use crate::exit::Exit;
use crate::holder::parse_certificate;
use crate::link::today;
use crate::output::{Finding, Outcome, Severity};
use crate::text::{counted, grouped, hex, parse_hex};
use crate::untrusted::Untrusted;

pub(crate) fn run(verb: &EraseVerb) -> Result<Outcome, Error> {
    let EraseVerb::VerifyCertificate { file, device, trust, nonce } = verb;
    let nonce = match nonce.as_deref().map(parse_hex::<16>) {
        Some(None) => return Err(usage("--nonce is 32 hexadecimal digits in lower case")),
        Some(nonce) => nonce,
        None => None,
    };
    let certificate = parsed(file, "erase certificate", parse_erase)?;
    let device = parsed(device, "certificate", parse_certificate)?;
    let mut findings = Vec::new();
    let mut about_files = Vec::new();
    let judged = trust.as_deref().map(|path| judge(path, &device, &mut about_files));
    let judged = judged.transpose()?;
    let verdict = match (certificate.verify(&device), nonce) {
        (Err(_), _) => {
            let message = "the device has not signed this certificate".to_owned();
            findings.push(Finding::new(&Code::FOREIGN_ERASE, Severity::Error, message));
            "foreign"
        }
        _ if judged == Some(false) => {
            let message = "nobody who is trusted has certified the device".to_owned();
            findings.push(Finding::new(&Code::FOREIGN_ERASE, Severity::Error, message));
            "foreign"
        }
        (Ok(verified), Some(nonce)) if !verified.answers(&nonce) => {
            let message = "the certificate was made for another request".to_owned();
            findings.push(Finding::new(&Code::OTHER_REQUEST, Severity::Error, message));
            "other-request"
        }
        // Whoever draws a key can write both certificates.
        (Ok(_), _) if judged.is_none() => {
            let message = "whose device it is was not checked: pass --trust".to_owned();
            findings.push(Finding::new(&Code::NO_TRUST_ANCHOR, Severity::Warning, message));
            "unjudged"
        }
        // It lies on the device from one change of owner to the next.
        (Ok(_), None) => "not-fresh",
        (Ok(_), Some(_)) => "erased",
    };
    let is_signed = !matches!(verdict, "foreign" | "other-request");
    if certificate.claims().evidence() == Evidence::Lost && is_signed {
        let message = "records were erased that nobody is known to have".to_owned();
        findings.push(Finding::new(&Code::LOG_LOST, Severity::Warning, message));
    }
    findings.extend(about_files);
    Ok(told(verdict, &certificate, nonce.is_some(), findings))
}

/// Whether somebody who is trusted has certified the device.
fn judge(
    path: &Path,
    device: &DeviceCertificate,
    findings: &mut Vec<Finding>,
) -> Result<bool, Error> {
    let trust = peer::trust(path, findings)?;
    let today = Today { floor: Day::FIRST, clock: today() };
    let trust = Trust::new(trust.anchors(), &[], &[])
        .map_err(|_| Error::Bug { what: "anchors that do not go together" })?;
    Ok(trust.judge(device, today, Stage::Service).is_ok())
}

fn told(
    verdict: &'static str,
    certificate: &Certificate,
    has_nonce: bool,
    findings: Vec<Finding>,
) -> Outcome {
    let claims = certificate.claims();
    let is_erased = verdict == "erased";
    let bytes: u64 = certificate.lines().map(|line| u64::from(line.verified)).sum();
    let headline = match verdict {
        "erased" => format!("ERASED: {}, by a signature of the device", becomes(claims.outcome)),
        "unjudged" => "NOT CHECKED: whose device it is, was not asked".to_owned(),
        "not-fresh" => "NOT CHECKED: it may be the certificate of an earlier time".to_owned(),
        _ => "NOT PROVEN: nothing says that this device was erased".to_owned(),
    };
    let keys: Vec<&str> = names(certificate, |certificate, key| certificate.destroyed(key));
    let open: Vec<&str> = NotShown::ALL
        .into_iter()
        .filter(|not| not.is_open(claims.outcome))
        .map(NotShown::text)
        .collect();
    let evidence = evidence(claims.evidence());
    let mut text = vec![
        format!("  device {}, model {}", hex(&claims.device), claims.model),
        format!("  time {}, from {} to {}", claims.number, claims.from.name(), claims.to().name()),
        format!("  request {}", hex(&claims.nonce)),
        format!("  {} bytes read back as erased", grouped(bytes)),
        format!("  keys destroyed: {}", keys.join(", ")),
        format!("  log: {evidence}, {} of {}", claims.exported, counted(claims.records, "record")),
    ];
    text.extend(certificate.lines().map(in_words));
    text.push(format!("  not shown: {}", open.join(", ")));
    if !has_nonce {
        text.push("  when it was made is not shown either: pass --nonce of the request".to_owned());
    }
    let data = json!({
        "device": hex(&claims.device),
        "model": claims.model,
        "outcome": becomes(claims.outcome),
        "from": claims.from.name(),
        "to": claims.to().name(),
        "number": claims.number,
        "nonce": hex(&claims.nonce),
        "fresh": is_erased && has_nonce,
        "evidence": evidence,
        "exported": claims.exported,
        "records": claims.records,
        "keys": keys,
        "regions": certificate.lines().map(row).collect::<Vec<_>>(),
        "not_shown": open,
    });
    let exit = match verdict {
        "erased" => Exit::Ok,
        "unjudged" | "not-fresh" => Exit::Undecided,
        _ => Exit::Negative,
    };
    Outcome { exit, verdict, headline, text, payload: None, findings, data }
}

fn names<T: ?Sized>(of: &T, has: impl Fn(&T, KeyName) -> bool) -> Vec<&'static str> {
    KeyName::ALL.into_iter().filter(|key| has(of, *key)).map(KeyName::text).collect()
}

fn in_words(line: &Line) -> String {
    let place =
        line.module.map_or_else(String::new, |id| format!(" of module {}", hex(id.bytes())));
    let (start, end) = (line.region.offset(), line.region.offset().saturating_add(line.verified));
    format!("  {}{place}: bytes {start:#x} to {end:#x}", line.kind.name().to_lowercase())
}

fn row(line: &Line) -> Json {
    json!({
        "kind": line.kind.name().to_lowercase(),
        "module": line.module.map(|id| hex(id.bytes())),
        "start": line.region.offset(),
        "length": line.region.bytes(),
        "verified": line.verified,
        "keys": names(line, |line, key| line.keys.has(key)),
    })
}

/// What a device becomes.
const fn becomes(outcome: Becomes) -> &'static str {
    match outcome {
        Becomes::ChangeOfOwner => "change of owner",
        Becomes::Decommission | _ => "decommission",
    }
}

const fn evidence(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::Exported => "exported",
        Evidence::Nothing => "nothing",
        Evidence::Lost | _ => "lost",
    }
}

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
