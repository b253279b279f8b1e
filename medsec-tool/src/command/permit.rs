//! `medsec permit`: what is allowed from outside, once, to one device.

use std::path::Path;

use medsec_core::identity::permit::rule::{Carries, Rule};
use medsec_core::identity::permit::{Action, Binding, Permit, Terms, Unsigned};
use medsec_core::key::{PublicKey, sha256};
use serde_json::json;

use crate::ca::{Book, word};
use crate::cli::{ActionChoice, PermitArgs, PermitVerb};
use crate::command::ca::unlock;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::holder::parse_certificate;
use crate::keyfile::{FILE_BYTES_MAX, KeyFileError};
use crate::output::Outcome;
use crate::permit::{Draft, parse_permit, permit_file};
use crate::text::{counted, hex, parse_hex};
use crate::untrusted::Untrusted;

pub(crate) fn run(verb: &PermitVerb) -> Result<Outcome, Error> {
    match verb {
        PermitVerb::Sign(args) => sign(args),
        PermitVerb::Countersign { dir, draft, output, passphrase_file } => {
            countersign(dir, draft, output, passphrase_file.as_deref())
        }
        PermitVerb::Inspect { file } => inspect(file),
    }
}

/// Signs a permit, or what one of two can of it. Its number is in the book before there is a permit with it.
fn sign(args: &PermitArgs) -> Result<Outcome, Error> {
    let action = action_of(args.action);
    let inputs: Vec<&Path> = args.holder.iter().map(AsRef::as_ref).collect();
    files::refuse_inputs(&args.output, &inputs)?;
    let (folder, book, secrets) = unlock(&args.dir, args.passphrase_file.as_deref())?;
    let signatures = signatures(action, &book)?;
    let number = args.number.unwrap_or(book.permit);
    if number < book.permit {
        return Err(used(&book));
    }
    let terms = terms(args, action, number)?;
    let signer = secrets.signer();
    let wrong = |_| usage("a permit for that action cannot say that; see --help");
    if signatures == 1 {
        if args.beside.is_some() {
            return Err(usage("one signs for that action: there is nobody --beside"));
        }
        let mut permit = Unsigned::new(terms, &[signer.public()]).map_err(wrong)?;
        folder.write(&book.after_permit(number)?)?;
        permit.sign(&signer).map_err(wrong)?;
        let permit = permit.finish().map_err(wrong)?;
        files::write(&args.output, &inputs, |out| out.write_all(permit_file(&permit).as_bytes()))?;
        let headline = format!("SIGNED: a permit for {}", name(action));
        return Ok(told("signed", headline, &permit, Some(&args.output), Vec::new()));
    }
    let beside = args.beside.as_deref().and_then(parse_hex);
    let beside = beside.and_then(|key| PublicKey::parse(&key).ok());
    let beside = beside.filter(|key| *key != book.key).ok_or_else(|| {
        usage("two sign for that action: --beside names the other's key, 64 digits of `medsec ca show`")
    })?;
    let draft = Draft::sign(terms, &signer, &beside).map_err(wrong)?;
    folder.write(&book.after_permit(number)?)?;
    files::write(&args.output, &inputs, |out| out.write_all(draft.to_file().as_bytes()))?;
    let headline = format!("HALF SIGNED: a permit for {}", name(action));
    let next = vec!["  no permit yet; next: medsec permit countersign, by the other".to_owned()];
    Ok(told("half-signed", headline, draft.permit(), Some(&args.output), next))
}

fn countersign(
    dir: &Path,
    path: &Path,
    output: &Path,
    passphrase: Option<&Path>,
) -> Result<Outcome, Error> {
    files::refuse_inputs(output, &[path])?;
    let draft = read(path, "draft of a permit", Draft::parse)?;
    let (folder, book, secrets) = unlock(dir, passphrase)?;
    let action = draft.terms().action;
    if signatures(action, &book)? != 2 {
        return Err(usage("one signs for that action"));
    }
    let number = draft.terms().number;
    if number < book.permit {
        return Err(used(&book));
    }
    let permit = draft
        .countersign(&secrets.signer())
        .map_err(|_| Error::NotTheDraft { path: Untrusted::from_path(path) })?;
    folder.write(&book.after_permit(number)?)?;
    files::write(output, &[path], |out| out.write_all(permit_file(&permit).as_bytes()))?;
    let headline = format!("SIGNED: a permit for {}", name(action));
    Ok(told("signed", headline, &permit, Some(output), Vec::new()))
}

/// Says what a permit claims. Only its device can check it.
fn inspect(path: &Path) -> Result<Outcome, Error> {
    let parse = |bytes: &[u8]| {
        parse_permit(bytes).or_else(|_| Draft::parse(bytes).map(|draft| *draft.permit()))
    };
    let permit = read(path, "permit", parse)?;
    let headline = "NOT CHECKED: only the device can that it is for".to_owned();
    Ok(Outcome {
        exit: Exit::Undecided,
        ..told("not-checked", headline, &permit, None, Vec::new())
    })
}

/// How many of the authority's origin sign for the action.
fn signatures(action: Action, book: &Book) -> Result<u8, Error> {
    let quorums = Rule::of(action).quorums;
    let own = quorums.iter().find(|quorum| quorum.origin == book.origin);
    own.map(|quorum| quorum.signatures).ok_or_else(|| Error::Usage {
        reason: Untrusted::new(format!(
            "the {} does not sign for {}",
            word(book.origin),
            name(action)
        )),
    })
}

/// What the permit is to say.
fn terms(args: &PermitArgs, action: Action, number: u32) -> Result<Terms, Error> {
    let rule = Rule::of(action);
    let device = parse_hex(&args.device)
        .ok_or_else(|| usage("--device is an id of 32 hexadecimal digits in lower case"))?;
    let run = parse_hex(&args.challenge)
        .ok_or_else(|| usage("--challenge is 64 hexadecimal digits in lower case"))?;
    let (carries_access, carries_image) =
        (rule.carries == Carries::Access, rule.carries == Carries::Image);
    if args.holder.is_some() != carries_access {
        return Err(usage("--for names the holder of a permit for service, and of no other"));
    }
    if args.manifest.is_some() != carries_image {
        return Err(usage("--manifest names the image of a downgrade, and of nothing else"));
    }
    let digest = match (&args.holder, &args.manifest) {
        (Some(path), _) => sha256(&[&read(path, "certificate", parse_certificate)?.to_bytes()]),
        (None, Some(digits)) => parse_hex(digits).ok_or_else(|| {
            usage("--manifest is a SHA-256 of 64 hexadecimal digits in lower case")
        })?,
        (None, None) => [0; 32],
    };
    Ok(Terms {
        action,
        binding: Binding::Challenge,
        number,
        device,
        run,
        digest,
        mask: if carries_access { args.roles.into() } else { 0 },
        value: args.value,
        ttl_seconds: args.seconds.unwrap_or(rule.ttl_seconds_max),
    })
}

fn read<T>(
    path: &Path,
    what: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, KeyFileError>,
) -> Result<T, Error> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    parse(&bytes).map_err(|cause| Error::IdentityFile {
        path: Untrusted::from_path(path),
        what,
        cause,
    })
}

fn told(
    verdict: &'static str,
    headline: String,
    permit: &Permit,
    output: Option<&Path>,
    more: Vec<String>,
) -> Outcome {
    let Terms { action, number, device, digest, mask, value, ttl_seconds, .. } = *permit.terms();
    let signers: Vec<String> = permit.signers().map(|signer| hex(signer)).collect();
    let mut text = vec![
        format!("  {} once, by device {}", name(action), hex(&device)),
        format!("  within {} of its taking it", counted(ttl_seconds.into(), "second")),
        format!("  number {number}, of {}", signers.join(" and ")),
    ];
    if mask != 0 {
        text.push(format!("  holder {}, roles {mask:#04x}, reason {value}", hex(&digest)));
    } else if digest != [0; 32] {
        text.push(format!("  image {}, security version {value}", hex(&digest)));
    }
    let output = output.map(Untrusted::from_path);
    if let Some(path) = &output {
        text.push(format!("  in {path}"));
    }
    text.extend(more);
    let data = json!({
        "action": name(action),
        "number": number,
        "device": hex(&device),
        "signers": signers,
        "digest": (digest != [0; 32]).then(|| hex(&digest)),
        "roles": mask,
        "value": value,
        "seconds": ttl_seconds,
        "output": output,
    });
    let (payload, findings) = (None, Vec::new());
    Outcome { exit: Exit::Ok, verdict, headline, text, payload, findings, data }
}

const fn action_of(choice: ActionChoice) -> Action {
    match choice {
        ActionChoice::Service => Action::Service,
        ActionChoice::Recovery => Action::Recovery,
        ActionChoice::Downgrade => Action::Downgrade,
        ActionChoice::ReturnToClaim => Action::ReturnToClaim,
    }
}

/// How an action is called.
const fn name(action: Action) -> &'static str {
    match action {
        Action::Service => "service",
        Action::Recovery => "recovery",
        Action::Downgrade => "downgrade",
        Action::ReturnToClaim | _ => "return to claim",
    }
}

fn used(book: &Book) -> Error {
    Error::Usage {
        reason: Untrusted::new(format!(
            "this key has used the number; the next is --number {}",
            book.permit
        )),
    }
}

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
