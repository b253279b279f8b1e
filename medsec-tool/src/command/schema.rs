//! `medsec schema NAME`.

use crate::error::Error;
use crate::output::Outcome;
use crate::untrusted::Untrusted;

/// Name and text of each schema.
const SCHEMAS: [(&str, &str); 21] = [
    ("ca", include_str!("../../schema/ca.json")),
    ("demo", include_str!("../../schema/demo.json")),
    ("device.list", include_str!("../../schema/device.list.json")),
    ("device.show", include_str!("../../schema/device.show.json")),
    ("erase.verify-certificate", include_str!("../../schema/erase.verify-certificate.json")),
    ("error", include_str!("../../schema/error.json")),
    ("explain", include_str!("../../schema/explain.json")),
    ("export.inspect", include_str!("../../schema/export.inspect.json")),
    ("export.open", include_str!("../../schema/export.open.json")),
    ("log.checkpoint", include_str!("../../schema/log.checkpoint.json")),
    ("log.export", include_str!("../../schema/log.export.json")),
    ("log.fetch", include_str!("../../schema/log.fetch.json")),
    ("log.pseudonym", include_str!("../../schema/log.pseudonym.json")),
    ("log.records.de-identified", include_str!("../../schema/log.records.de-identified.json")),
    ("log.records", include_str!("../../schema/log.records.json")),
    ("log.report", include_str!("../../schema/log.report.json")),
    ("log.verify", include_str!("../../schema/log.verify.json")),
    ("permit", include_str!("../../schema/permit.json")),
    ("registry", include_str!("../../schema/registry.json")),
    ("sim.export", include_str!("../../schema/sim.export.json")),
    ("sim.run", include_str!("../../schema/sim.run.json")),
];

/// Hands back a schema. It is printed as it stands, with and without `--json`.
pub(crate) fn run(name: &str) -> Result<Outcome, Error> {
    let bare = name.strip_prefix("medsec.").unwrap_or(name);
    let bare = bare.strip_suffix("/1").unwrap_or(bare);
    let (_, text) = SCHEMAS.iter().find(|(known, _)| *known == bare).ok_or_else(|| {
        let known = SCHEMAS.map(|(known, _)| known).join(", ");
        Error::UnknownSchema { name: Untrusted::new(name), known }
    })?;
    Ok(Outcome::printed(text.as_bytes().to_vec()))
}
