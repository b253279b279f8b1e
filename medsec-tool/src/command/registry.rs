//! `medsec registry`: a maker's registry of units as a whole.

use std::path::Path;

use medsec_core::key::PublicKey;
use serde_json::{Value as Json, json};

use crate::cli::RegistryVerb;
use crate::code::Code;
use crate::command::peer::parsed;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::output::{Finding, Outcome, Severity};
use crate::passphrase;
use crate::registry::{ProofKey, Registry, RegistryError, Report, State, Statement, restore};
use crate::text::{counted, grouped, hex, instant};
use crate::untrusted::Untrusted;

pub(crate) fn run(verb: &RegistryVerb) -> Result<Outcome, Error> {
    match verb {
        RegistryVerb::Init { dir, passphrase_file } => {
            let passphrase = passphrase::choose(passphrase_file.as_deref())?;
            let failed = because(dir);
            let mut registry = Registry::create(dir).map_err(&failed)?;
            let key = ProofKey::create(dir, &passphrase).map_err(&failed)?;
            let report = registry.verify().map_err(&failed)?;
            let public = hex(&key.public().to_bytes());
            let text = vec![format!(
                "  its statements are signed by {public}; keep proof.pub where nobody who has the registry can write"
            )];
            Ok(told(dir, "INITIALISED: a new registry of units", text, &report, None))
        }
        RegistryVerb::Backup { dir, output } => {
            let report = open(dir)?.backup(dir, output).map_err(because(dir))?;
            let path = Untrusted::from_path(output);
            let text = vec![format!(
                "  in {path}: it holds the key of the tags, and is as secret as the registry"
            )];
            Ok(told(
                dir,
                "COPIED: the copy was read again and verifies",
                text,
                &report,
                Some(output),
            ))
        }
        RegistryVerb::Restore { backup, dir } => {
            let report = restore(backup, dir).map_err(because(backup))?;
            let text = vec![
                format!("  in {}", Untrusted::from_path(dir)),
                "  a backup may be old; next: medsec registry verify --anchor, with the last statement".to_owned(),
            ];
            Ok(told(dir, "RESTORED: it is what was copied", text, &report, Some(dir)))
        }
        RegistryVerb::Verify { dir, anchor, proof_key } => {
            let mut registry = open(dir)?;
            let report = registry.verify().map_err(because(dir))?;
            let mut text = Vec::new();
            if let (Some(anchor), Some(key)) = (anchor, proof_key) {
                let key: PublicKey =
                    parsed(key, "public key of a registry", ProofKey::parse_public)?;
                let read = |bytes: &[u8]| Statement::parse(bytes, &key);
                let statement = parsed(anchor, "statement signed by --proof-key", read)?;
                registry.check_anchor(&statement).map_err(because(dir))?;
                let number = grouped(statement.event());
                text.push(format!("  it bears out the statement up to event {number}"));
            } else {
                text.push("  that it is no older copy can be told with --anchor only".to_owned());
            }
            Ok(told(dir, "VERIFIED: the registry is what its events say", text, &report, None))
        }
    }
}

/// The registry in a folder.
pub(crate) fn open(dir: &Path) -> Result<Registry, Error> {
    Registry::open(dir).map_err(because(dir))
}

/// Says which registry refused.
pub(crate) fn because(dir: &Path) -> impl Fn(RegistryError) -> Error {
    let path = Untrusted::from_path(dir);
    move |why| Error::Registry { path: path.clone(), why }
}

/// What there is to say about who can read it.
pub(crate) fn findings(dir: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    if Registry::is_wide(dir) {
        let message =
            format!("a file in {} can be read by others than its owner", Untrusted::from_path(dir));
        findings.push(Finding::new(&Code::WIDE_KEY_FILE, Severity::Warning, message));
    }
    findings
}

/// A registry that was found to be right.
pub(crate) fn told(
    dir: &Path,
    headline: &str,
    more: Vec<String>,
    report: &Report,
    output: Option<&Path>,
) -> Outcome {
    let counts = &report.counts;
    let states: Vec<_> = State::ALL.iter().zip(counts.by_state).collect();
    let by_state: Vec<_> = states
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{} {state}", grouped(*count)))
        .collect();
    let units = counted(counts.units(), "unit");
    let mut text = vec![
        if by_state.is_empty() {
            format!("  {units}")
        } else {
            format!("  {units}: {}", by_state.join(", "))
        },
        format!(
            "  {} distinct keys, {} device ids, {} serial numbers, {} chips, {} numbers of certificates, {} claim codes",
            grouped(counts.keys),
            grouped(counts.device_ids),
            grouped(counts.serials),
            grouped(counts.chips),
            grouped(counts.certificates),
            grouped(counts.claim_tags),
        ),
        format!(
            "  event {} of {}, {}",
            grouped(report.head.number),
            instant(report.head.at),
            hex(&report.head.hash)
        ),
    ];
    text.extend(more);
    let states: serde_json::Map<String, Json> =
        states.iter().map(|(state, count)| (state.word().to_owned(), (*count).into())).collect();
    let data = json!({
        "registry": hex(&report.registry),
        "units": counts.units(),
        "by_state": states,
        "keys": counts.keys,
        "device_ids": counts.device_ids,
        "serials": counts.serials,
        "chips": counts.chips,
        "certificates": counts.certificates,
        "claim_codes": counts.claim_tags,
        "events": report.head.number,
        "head": hex(&report.head.hash),
        "at_ms": report.head.at,
        "output": output.map(Untrusted::from_path),
    });
    Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline: headline.to_owned(),
        text,
        payload: None,
        findings: findings(dir),
        data,
    }
}

/// The files of a registry, those that SQLite keeps beside its own too.
pub(crate) const FILES: [&str; 6] =
    ["registry.db", "registry.db-wal", "registry.db-shm", "tag.key", "proof.key", "proof.pub"];

/// `medsec device check-unique`.
pub(crate) fn check_unique(
    dir: &Path,
    statement: Option<&Path>,
    passphrase_file: Option<&Path>,
) -> Result<Outcome, Error> {
    let mut registry = open(dir)?;
    let (report, text) = match statement {
        None => {
            let text = "  nothing was signed; --statement writes what can be shown to others";
            (registry.verify().map_err(because(dir))?, vec![text.to_owned()])
        }
        Some(path) => {
            let inputs: Vec<_> = FILES.iter().map(|name| dir.join(name)).collect();
            let mut inputs: Vec<&Path> = inputs.iter().map(AsRef::as_ref).collect();
            inputs.extend(passphrase_file);
            files::refuse_inputs(path, &inputs)?;
            let passphrase = passphrase::read(passphrase_file)?;
            let key = ProofKey::open(dir, &passphrase).map_err(because(dir))?;
            let (report, statement) = registry.state(&key).map_err(because(dir))?;
            files::write(path, &[], |out| out.write_all(statement.to_file().as_bytes()))?;
            let public = hex(&key.public().to_bytes());
            let text = format!("  statement in {}, signed by {public}", Untrusted::from_path(path));
            (report, vec![text])
        }
    };
    let headline = "UNIQUE: no two units share anything that is one unit's alone";
    Ok(told(dir, headline, text, &report, statement))
}
