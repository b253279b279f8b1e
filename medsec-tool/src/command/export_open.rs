//! `medsec export`: files that a device sealed for a medium.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use medsec_core::identity::Day;
use medsec_core::identity::certificate::{CERTIFICATE_BYTES, Certificate, Kind, Kinds};
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_transport::link::{Judging, Own};
use medsec_transport::sealed_file::{Checking, Content, FRONT_BYTES, Front, ReadError};
use serde_json::json;

use crate::cli::{ExportVerb, OpenArgs};
use crate::command::peer;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::link::today;
use crate::output::Outcome;
use crate::text::{counted, hex};
use crate::untrusted::Untrusted;

/// Bytes of an entry for a recipient, and of the id of its key in front.
const RECIPIENT_BYTES: usize = 88;
const ID_BYTES: usize = 8;
/// Bytes before the entries of recipients.
const FIXED_BYTES: usize = FRONT_BYTES + CERTIFICATE_BYTES + 32;

pub(crate) fn run(verb: &ExportVerb) -> Result<Outcome, Error> {
    match verb {
        ExportVerb::Inspect { file } => inspect(file),
        ExportVerb::Open(args) => {
            let mut front = [0; FRONT_BYTES];
            reader(&args.file)?.read_exact(&mut front).map_err(|error| torn(&args.file, &error))?;
            let front = Front::parse(&front).map_err(|why| unopened(&args.file, why))?;
            if front.suite == Aes256Gcm::ID {
                open::<Aes256Gcm>(args, front.content)
            } else {
                open::<ChaCha20Poly1305>(args, front.content)
            }
        }
    }
}

/// Says what the header claims. Nothing of it is checked.
fn inspect(path: &Path) -> Result<Outcome, Error> {
    let mut file = reader(path)?;
    let mut fixed = [0; FIXED_BYTES];
    file.read_exact(&mut fixed).map_err(|error| torn(path, &error))?;
    let (front, rest) = fixed.split_first_chunk().unwrap_or((&[0; FRONT_BYTES], &[]));
    let front = Front::parse(front).map_err(|why| unopened(path, why))?;
    let certificate = rest.get(..CERTIFICATE_BYTES).unwrap_or_default();
    let sender = Certificate::parse(certificate).map_err(|_| unopened(path, ReadError::Layout))?;
    let mut recipients = Vec::new();
    for _ in 0..front.recipients {
        let mut entry = [0; RECIPIENT_BYTES];
        file.read_exact(&mut entry).map_err(|error| torn(path, &error))?;
        recipients.push(hex(&entry[..ID_BYTES]));
    }
    let content = name(front.content);
    let device = hex(&sender.claims().subject);
    let text = vec![
        format!("  it says: {content}, from {device}, suite {}", front.suite),
        format!("  for the keys {}", recipients.join(", ")),
    ];
    let data = json!({
        "content": content,
        "suite": front.suite,
        "sender": device,
        "recipients": recipients,
        "output": null,
        "bytes": null,
    });
    Ok(Outcome {
        exit: Exit::Undecided,
        verdict: "not-checked",
        headline: "NOT CHECKED: only a recipient can; medsec export open".to_owned(),
        text,
        payload: None,
        findings: Vec::new(),
        data,
    })
}

/// Checks the whole file, then writes what it holds. The output is there once the second pass has come to the same end, or not at all.
fn open<S: Suite>(args: &OpenArgs, content: Content) -> Result<Outcome, Error> {
    let peer::Opened { holder, trust, device, revoked, findings } = peer::open(&args.parties)?;
    let secret = holder.secret();
    let own = Own { secret: &secret, certificate: holder.certificate() };
    let anchors = Trust::new(trust.anchors(), &[], &revoked);
    let judging = Judging {
        trust: anchors.map_err(|_| Error::Bug { what: "anchors that do not go together" })?,
        today: Today { floor: Day::FIRST, clock: today() },
        stage: Stage::Service,
        kinds: Kinds::of(&[Kind::Device]),
        subject: device,
    };
    let fails = |why| unopened(&args.file, why);
    let mut file = reader(&args.file)?;
    let mut checking = Checking::<S>::new(own, judging, content);
    while checking.due() > 0 {
        let mut part = next(&mut file, checking.due(), &args.file)?;
        checking.take(&mut part).map_err(fails)?;
    }
    end(&mut file, &args.file)?;
    let checked = checking.finish().map_err(fails)?;
    let sender = hex(&checked.sender().certificate().claims().subject);
    let mut opening = checked.open();
    let mut file = reader(&args.file)?;
    let mut bytes = 0_u64;
    let inputs = [vec![args.file.as_path()], args.parties.files()].concat();
    let mut failure = None;
    let written = files::write_private(&args.output, &inputs, |out| {
        while opening.due() > 0 {
            let mut part = vec![0; opening.due()];
            file.read_exact(&mut part)?;
            let Ok(content) = opening.take(&mut part) else {
                failure = Some(ReadError::Changed);
                return Err(io::ErrorKind::InvalidData.into());
            };
            out.write_all(content)?;
            bytes += u64::try_from(content.len()).unwrap_or(u64::MAX);
        }
        opening.finish().map_err(|why| {
            failure = Some(why);
            io::ErrorKind::InvalidData.into()
        })
    });
    if let Some(why) = failure {
        return Err(unopened(&args.file, why));
    }
    written?;
    let path = Untrusted::from_path(&args.output);
    let content = name(content);
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "opened",
        headline: format!("OPENED: {} of {content}, sealed by {sender}", counted(bytes, "byte")),
        text: vec![format!("  content in {path}")],
        payload: None,
        findings,
        data: json!({
            "content": content,
            "suite": S::ID,
            "sender": sender,
            "recipients": [],
            "output": path,
            "bytes": bytes,
        }),
    })
}

fn reader(path: &Path) -> Result<BufReader<File>, Error> {
    File::open(path).map(BufReader::new).map_err(|error| Error::Read {
        path: Untrusted::from_path(path),
        reason: Untrusted::new(error.to_string()),
    })
}

/// The next bytes of a file that has so many.
fn next(file: &mut impl Read, count: usize, path: &Path) -> Result<Vec<u8>, Error> {
    let mut part = vec![0; count];
    file.read_exact(&mut part).map_err(|error| torn(path, &error))?;
    Ok(part)
}

/// That nothing is left.
fn end(file: &mut impl Read, path: &Path) -> Result<(), Error> {
    let mut more = [0];
    match file.read(&mut more) {
        Ok(0) => Ok(()),
        Ok(_) => Err(unopened(path, ReadError::Layout)),
        Err(error) => Err(torn(path, &error)),
    }
}

fn torn(path: &Path, error: &io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return unopened(path, ReadError::Torn);
    }
    let (path, reason) = (Untrusted::from_path(path), Untrusted::new(error.to_string()));
    Error::Read { path, reason }
}

fn unopened(path: &Path, why: ReadError) -> Error {
    Error::SealedFile { path: Untrusted::from_path(path), why }
}

/// How a content is called.
const fn name(content: Content) -> &'static str {
    match content {
        Content::Audit => "audit log",
        Content::Config => "settings",
        Content::App | _ => "application",
    }
}
