//! `medsec device` but for what needs a device: the units of a registry.

use std::path::Path;

use medsec_core::key::PublicKey;
use serde_json::{Value as Json, json};

use crate::cli::{DeviceVerb, EndArgs};
use crate::command::device_enroll::{Enrolled, enroll};
use crate::command::device_show;
use crate::command::registry::{FILES, because, check_unique, findings, open};
use crate::error::Error;
use crate::exit::Exit;
use crate::export::csv::cell;
use crate::files;
use crate::label::UnitLabel;
use crate::output::Outcome;
use crate::registry::{RegistryError, Row};
use crate::text::{counted, hex};
use crate::untrusted::Untrusted;

pub(crate) fn run(verb: &DeviceVerb) -> Result<Outcome, Error> {
    match verb {
        DeviceVerb::Show(peer) => device_show::run(peer),
        DeviceVerb::List { registry, csv } => list(registry, csv.as_deref()),
        DeviceVerb::Label { serial, registry, out, name } => {
            label(registry, *serial, out, name.as_deref())
        }
        DeviceVerb::Enroll(args) => {
            let Enrolled { row, text, findings } = enroll(args)?;
            let device = hex(&row.unit.device_id);
            let headline = format!("MADE: unit {} is device {device}", args.serial);
            let mut outcome = told(&args.registry, headline, text, &[row], Some(&args.labels));
            outcome.findings.extend(findings);
            Ok(outcome)
        }
        DeviceVerb::Revoke(args) => revoke(args),
        DeviceVerb::Decommission(args) => {
            let row = open(&args.registry)?.decommission(args.serial, &args.reason);
            let row = row.map_err(because(&args.registry))?;
            let headline = format!("DECOMMISSIONED: unit {}", args.serial);
            Ok(told(&args.registry, headline, Vec::new(), &[row], None))
        }
        DeviceVerb::CheckUnique { registry, statement, passphrase_file } => {
            check_unique(registry, statement.as_deref(), passphrase_file.as_deref())
        }
    }
}

fn list(registry: &Path, csv: Option<&Path>) -> Result<Outcome, Error> {
    let rows = open(registry)?.units().map_err(because(registry))?;
    let text = rows.iter().map(line).collect();
    if let Some(path) = csv {
        refuse(path, registry)?;
        files::write(path, &[], |out| write_csv(&rows, out))?;
    }
    let headline = counted(u64::try_from(rows.len()).unwrap_or(u64::MAX), "unit");
    Ok(told(registry, headline, text, &rows, csv))
}

/// Refuses to write over a file of the registry.
fn refuse(path: &Path, registry: &Path) -> Result<(), Error> {
    let own = FILES.map(|name| registry.join(name));
    files::refuse_inputs(path, &own.each_ref().map(AsRef::as_ref))
}

fn line(row: &Row) -> String {
    let unit = &row.unit;
    let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!(
        "  {} {} model {:08x} device {} certificate {}{reason}",
        unit.serial,
        row.state,
        unit.model,
        hex(&unit.device_id),
        row.certificate_number,
    )
}

const COLUMNS: [&str; 11] = [
    "serial",
    "model",
    "state",
    "device",
    "chip",
    "key",
    "link_key",
    "issuer",
    "certificate",
    "labelled",
    "reason",
];

fn write_csv(rows: &[Row], out: &mut dyn std::io::Write) -> std::io::Result<()> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(COLUMNS)?;
    for row in rows {
        let unit = &row.unit;
        let cells = [
            unit.serial.to_string(),
            format!("{:08x}", unit.model),
            row.state.to_string(),
            hex(&unit.device_id),
            hex(&unit.chip_id),
            hex(&unit.ed25519),
            hex(&unit.x25519),
            hex(&row.issuer),
            row.certificate_number.to_string(),
            row.is_labelled.to_string(),
            row.reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        ];
        writer.write_record(cells.map(cell))?;
    }
    writer.flush()
}

fn label(registry: &Path, serial: u64, out: &Path, name: Option<&str>) -> Result<Outcome, Error> {
    refuse(out, registry)?;
    let failed = because(registry);
    let row = open(registry)?.unit(serial).map_err(&failed)?;
    let row = row.ok_or_else(|| failed(RegistryError::UnknownUnit))?;
    let odd = |_| failed(RegistryError::OddUnit);
    let key = PublicKey::parse(&row.unit.ed25519).map_err(odd)?;
    let name = name.map(Untrusted::from);
    let label = UnitLabel { serial, model: row.unit.model, key: &key, name: name.as_ref() };
    let svg = label.to_svg().ok_or(Error::Bug { what: "a label has no QR code" })?;
    files::write(out, &[], |file| file.write_all(svg.as_bytes()))?;
    let text = vec![
        format!("  its QR code says {}", label.payload()),
        "  the claim code is not on it: a station prints that once, on a label of its own"
            .to_owned(),
    ];
    let headline = format!("WRITTEN: the label of unit {serial}");
    Ok(told(registry, headline, text, &[row], Some(out)))
}

fn revoke(args: &EndArgs) -> Result<Outcome, Error> {
    let row = open(&args.registry)?.revoke(args.serial, &args.reason);
    let row = row.map_err(because(&args.registry))?;
    let (number, issuer) = (row.certificate_number, hex(&row.issuer));
    let text = vec![
        format!("  its certificate still holds until its issuer takes it back, key {issuer}:"),
        format!(
            "  next: medsec ca revoke DIR {number}, then hand out the ca.txt of that authority"
        ),
    ];
    let headline = format!("REVOKED: unit {}", args.serial);
    Ok(told(&args.registry, headline, text, &[row], None))
}

fn told(
    registry: &Path,
    headline: String,
    text: Vec<String>,
    rows: &[Row],
    output: Option<&Path>,
) -> Outcome {
    let data = json!({
        "units": rows.iter().map(object).collect::<Vec<_>>(),
        "output": output.map(Untrusted::from_path),
    });
    let (payload, findings) = (None, findings(registry));
    Outcome { exit: Exit::Ok, verdict: "ok", headline, text, payload, findings, data }
}

fn object(row: &Row) -> Json {
    let unit = &row.unit;
    json!({
        "serial": unit.serial.to_string(),
        "model": unit.model,
        "state": row.state.word(),
        "device": hex(&unit.device_id),
        "chip": hex(&unit.chip_id),
        "key": hex(&unit.ed25519),
        "link_key": hex(&unit.x25519),
        "issuer": hex(&row.issuer),
        "certificate": row.certificate_number,
        "certified": row.certificate.is_some(),
        "labelled": row.is_labelled,
        "reason": row.reason,
    })
}
