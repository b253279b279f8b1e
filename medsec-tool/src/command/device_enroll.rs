//! `medsec device enroll`: a station makes a device.
//!
//! Each step is in the registry before the device is asked for the next one, and the run's name follows from the registry and the serial
//! number. So a run that was cut anywhere is gone on with by the same command.

use std::path::{Path, PathBuf};

use medsec::auth::provision::claim::ClaimKey;
use medsec::auth::provision::message::{Answer, Debug, Hello, NO_PROOF, Progress, Request};
use medsec::auth::provision::receipt::Receipt;
use medsec_core::agreement::AgreementKey;
use medsec_core::identity::certificate::{Certificate, Kind, NO_SCOPE};
use medsec_core::identity::trust::{Origin, Refusal};
use medsec_core::key::{PublicKey, device_id};
use medsec_core::suite::NotAuthentic;
use medsec_transport::link::LinkError;

use crate::ca::{Book, Folder, Secrets};
use crate::claim::ClaimCode;
use crate::cli::EnrollArgs;
use crate::command::ca::{Wanted, certify_as, unlock};
use crate::command::peer;
use crate::command::registry::{because, open};
use crate::error::Error;
use crate::files;
use crate::label::{UnitLabel, claim_label_svg};
use crate::link::station::Station;
use crate::output::Finding;
use crate::registry::{Issuer, Registry, RegistryError, Reserved, Row, State, Unit};
use crate::untrusted::Untrusted;

/// What came of it.
pub(crate) struct Enrolled {
    pub(crate) row: Row,
    pub(crate) text: Vec<String>,
    pub(crate) findings: Vec<Finding>,
}

/// Makes the device that answers, under a serial number.
pub(crate) fn enroll(args: &EnrollArgs) -> Result<Enrolled, Error> {
    let mut findings = Vec::new();
    let holder = peer::holder(&args.holder, &mut findings)?;
    if holder.certificate().claims().kind != Kind::Station {
        return Err(usage("--as is the file of a station: medsec ca issue DIR station"));
    }
    let authority = unlock(&args.ca, args.passphrase_file.as_deref())?;
    if authority.1.origin != Origin::Maker {
        return Err(usage("--ca is a maker's authority: medsec ca init DIR --origin maker"));
    }
    let failed = because(&args.registry);
    let mut registry = open(&args.registry)?;
    let transaction = registry.transaction(args.serial).map_err(&failed)?;
    let hello = Hello { transaction, model: args.model, serial: args.serial };
    let mut link = Station::connect(&args.at, &holder)?;
    // Before anything is said to it: a device goes on in the run that it hears first, and in no other.
    let row = registry.unit(args.serial).map_err(&failed)?.filter(|row| row.state != State::Void);
    if row.as_ref().is_some_and(|row| row.unit.x25519 != *link.run(&hello).agreement) {
        return Err(failed(RegistryError::Serial));
    }
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy).map_err(|_| Error::NoRandomness)?;
    let (row, text) = match (link.ask(&Request::Hello(hello, entropy)), row) {
        // It is made, and takes no station any more.
        (Err(Error::NotWelcome { why: Refusal::Stage }), Some(row))
            if row.state == State::Active =>
        {
            (row, vec!["  it was made before, and takes no station any more".to_owned()])
        }
        (told, _) => make(args, authority, &mut registry, (&mut link, &hello), told?)?,
    };
    Ok(Enrolled { row, text, findings })
}

/// All that comes behind the first answer.
fn make(
    args: &EnrollArgs,
    authority: (Folder, Book, Secrets),
    registry: &mut Registry,
    (link, hello): (&mut Station, &Hello),
    told: Answer,
) -> Result<(Row, Vec<String>), Error> {
    let failed = because(&args.registry);
    let Answer::Unit(told, signature) = told else { return Err(Error::OddAnswer) };
    let foreign = foreign(args);
    let key = told.verify(&link.run(hello), &signature).map_err(&foreign)?;
    let unit = Unit {
        txn: hello.transaction,
        serial: args.serial,
        model: args.model,
        device_id: device_id(args.model, &key),
        chip_id: told.chip,
        ed25519: told.signing,
        x25519: *link.run(hello).agreement,
    };
    let certificate = certified(args, authority, registry, &unit, &key)?;
    let digest = certificate.digest();
    let stored = link.ask(&Request::Certificate(&certificate.to_bytes()))?;
    let Answer::Stored(stored) = stored else { return Err(Error::OddAnswer) };
    if stored != digest {
        return Err(Error::OddAnswer);
    }
    let mut text = vec![];
    let proof = if told.progress == Progress::Sealed {
        // What was printed before stands.
        NO_PROOF
    } else {
        let Answer::Code(code) = link.ask(&Request::Code)? else { return Err(Error::OddAnswer) };
        let proof = ClaimKey::of(&code).proof(&link.run(hello), &digest);
        let path = labels(args, registry, (hello.transaction, &key), &ClaimCode::new(code))?;
        let shown = Untrusted::from_path(&path);
        text.push(format!("  claim code in {shown}: print it, seal it, and destroy the file"));
        proof
    };
    let sealed = link.ask(&Request::Seal(proof, digest))?;
    let Answer::Sealed(bytes) = sealed else { return Err(Error::OddAnswer) };
    let receipt = Receipt::verify(&bytes, &key).map_err(&foreign)?;
    let is_its = receipt.hello == *hello
        && (receipt.device, receipt.certificate) == (unit.device_id, digest)
        && receipt.debug != Debug::Open;
    if !is_its {
        return Err(Error::OddAnswer);
    }
    if receipt.debug == Debug::Unlockable {
        text.push("  its debug port has no lock: whoever can touch the board reads it".to_owned());
    }
    registry.seal(hello.transaction, &bytes).map_err(&failed)?;
    let Answer::Finished = link.ask(&Request::Finish)? else { return Err(Error::OddAnswer) };
    let row = registry.unit(args.serial).map_err(&failed)?;
    let row = row.ok_or(Error::Bug { what: "a sealed unit is not in the registry" })?;
    Ok((row, text))
}

/// What answers has not signed what it says.
fn foreign(args: &EnrollArgs) -> impl Fn(NotAuthentic) -> Error {
    let at = args.at.shown();
    move |NotAuthentic| Error::Unproven { at: at.clone(), why: LinkError::NotAuthentic }
}

/// The unit's certificate: the one it has, or a new one under the number that the registry gives.
fn certified(
    args: &EnrollArgs,
    (folder, book, secrets): (Folder, Book, Secrets),
    registry: &mut Registry,
    unit: &Unit,
    key: &PublicKey,
) -> Result<Certificate, Error> {
    let failed = because(&args.registry);
    registry.certified_by(Issuer { kid: book.key.kid(), next_number: book.serial });
    let reserved: Reserved = registry.reserve(unit).map_err(&failed)?;
    let bytes = if let Some(bytes) = reserved.certificate {
        bytes
    } else {
        let agreement = AgreementKey::parse(&unit.x25519)
            .map_err(|_| Error::Bug { what: "a weak key was reserved" })?;
        let wanted = Wanted {
            kind: Kind::Device,
            roles: 0,
            days: None,
            model: unit.model,
            scope: NO_SCOPE,
            subject: unit.device_id,
        };
        let number = reserved.certificate_serial;
        let (_, made) = certify_as(&folder, book, &secrets, number, &wanted, &agreement, key)?;
        registry.certify(unit.txn, &made.to_bytes()).map_err(&failed)?
    };
    Certificate::parse(&bytes).map_err(|_| Error::Bug { what: "a kept certificate is none" })
}

/// Both labels of a unit; the path of the one to be sealed. An earlier code of the unit is void, and its file with it.
fn labels(
    args: &EnrollArgs,
    registry: &mut Registry,
    (transaction, key): ([u8; 16], &PublicKey),
    code: &ClaimCode,
) -> Result<PathBuf, Error> {
    registry.label(transaction, code).map_err(because(&args.registry))?;
    let name = |what: &str| args.labels.join(format!("unit-{}{what}.svg", args.serial));
    let label = UnitLabel { serial: args.serial, model: args.model, key, name: None };
    let svg = label.to_svg().ok_or(Error::Bug { what: "a label has no QR code" })?;
    private(&args.labels)?;
    files::write(&name(""), &[], |out| out.write_all(svg.as_bytes()))?;
    let path = name("-claim");
    files::remove(&path);
    files::write_secret(&path, &claim_label_svg(args.serial, code))?;
    Ok(path)
}

fn private(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|error| Error::Write {
        path: Untrusted::from_path(folder),
        reason: Untrusted::new(error.to_string()),
    })
}

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
