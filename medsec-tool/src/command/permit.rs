//! `medsec permit`: what is allowed from outside, once, to one device.

use std::path::{Path, PathBuf};

use medsec_core::identity::certificate::Kind;
use medsec_core::identity::permit::rule::{Carries, Rule};
use medsec_core::identity::permit::{Action, Binding, Permit, Terms, Unsigned};
use medsec_core::key::{PublicKey, sha256};
use serde_json::json;

use crate::ca::{Book, Folder, word};
use crate::cli::{ActionChoice, PermitArgs, PermitVerb};
use crate::command::ca::unlock;
use crate::command::peer::parsed;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::holder::parse_certificate;
use crate::keyfile::KeyFileError;
use crate::output::Outcome;
use crate::permit::{Draft, parse_permit, permit_file};
use crate::text::{counted, hex, parse_hex};
use crate::untrusted::Untrusted;

pub(crate) fn run(verb: &PermitVerb) -> Result<Outcome, Error> {
    match verb {
        PermitVerb::Sign(args) => sign(args),
        PermitVerb::Countersign { dir, draft, device, challenge, output, passphrase_file } => {
            let asked = Asked { device: id(device)?, run: run_of(challenge)? };
            countersign(dir, draft, &asked, output, passphrase_file.as_deref())
        }
        PermitVerb::Inspect { file } => inspect(file),
    }
}

/// What a device is and asks with.
struct Asked {
    device: [u8; 16],
    run: [u8; 32],
}

/// Refuses to write over what is read, and over the authority's own.
fn refuse(output: &Path, dir: &Path, others: &[Option<&Path>]) -> Result<(), Error> {
    let own = Folder::files(dir);
    let own = own.iter().map(PathBuf::as_path);
    let inputs: Vec<&Path> = own.chain(others.iter().copied().flatten()).collect();
    files::refuse_inputs(output, &inputs)
}

/// Signs a permit, or what one of two can of it. Its number is in the book before there is a permit with it.
fn sign(args: &PermitArgs) -> Result<Outcome, Error> {
    let action = action_of(args.action);
    let others = [args.holder.as_deref(), args.passphrase_file.as_deref()];
    refuse(&args.output, &args.dir, &others)?;
    let (folder, book, secrets) = unlock(&args.dir, args.passphrase_file.as_deref())?;
    let signatures = signatures(action, &book)?;
    let number = args.number.unwrap_or(book.permit);
    if !book.has_number(number) {
        let next = book.permit;
        return Err(Error::Usage {
            reason: Untrusted::new(format!("--number is at least {next}, and not far above")),
        });
    }
    let terms = terms(args, action, number, &book)?;
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
        files::write(&args.output, &[], |out| out.write_all(permit_file(&permit).as_bytes()))?;
        let headline = format!("SIGNED: a permit for {}", name(action));
        return Ok(told("signed", headline, &permit, false, Some(&args.output)));
    }
    let beside = args.beside.as_deref().and_then(parse_hex);
    let beside = beside.and_then(|key| PublicKey::parse(&key).ok());
    let beside = beside.filter(|key| *key != book.key).ok_or_else(|| {
        usage(
            "two sign for that action: --beside names the other's key, 64 digits of `medsec ca show`",
        )
    })?;
    let draft = Draft::sign(terms, &signer, &beside).map_err(wrong)?;
    folder.write(&book.after_permit(number)?)?;
    files::write(&args.output, &[], |out| out.write_all(draft.to_file().as_bytes()))?;
    let headline = format!("HALF SIGNED: a permit for {}", name(action));
    Ok(told("half-signed", headline, draft.permit(), true, Some(&args.output)))
}

fn countersign(
    dir: &Path,
    path: &Path,
    asked: &Asked,
    output: &Path,
    passphrase: Option<&Path>,
) -> Result<Outcome, Error> {
    refuse(output, dir, &[Some(path), passphrase])?;
    let draft = parsed(path, "draft of a permit", Draft::parse)?;
    let other = || Error::NotTheDraft { path: Untrusted::from_path(path) };
    let terms = *draft.terms();
    if (terms.device, terms.run, terms.binding) != (asked.device, asked.run, Binding::Challenge) {
        return Err(other());
    }
    let (folder, book, secrets) = unlock(dir, passphrase)?;
    if signatures(terms.action, &book)? != 2 {
        return Err(usage("one signs for that action"));
    }
    // Who is named, and that the first has signed it so, before anything of the second's changes.
    let permit = draft.countersign(&secrets.signer()).map_err(|_| other())?;
    if !book.has_number(terms.number) {
        return Err(Error::Usage {
            reason: Untrusted::new(format!(
                "have the first sign again with --number {} of this authority",
                book.permit
            )),
        });
    }
    folder.write(&book.after_permit(terms.number)?)?;
    files::write(output, &[], |out| out.write_all(permit_file(&permit).as_bytes()))?;
    let headline = format!("SIGNED: a permit for {}", name(terms.action));
    Ok(told("signed", headline, &permit, false, Some(output)))
}

/// Says what a permit claims. Only its device can check it.
fn inspect(path: &Path) -> Result<Outcome, Error> {
    let parse = |bytes: &[u8]| match parse_permit(bytes) {
        Err(KeyFileError::WrongKind) => Draft::parse(bytes).map(|draft| (*draft.permit(), true)),
        parsed => parsed.map(|permit| (permit, false)),
    };
    let (permit, is_draft) = parsed(path, "permit", parse)?;
    let headline = "NOT CHECKED: only the device can that it is for".to_owned();
    let told = told("not-checked", headline, &permit, is_draft, None);
    Ok(Outcome { exit: Exit::Undecided, ..told })
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
fn terms(args: &PermitArgs, action: Action, number: u32, book: &Book) -> Result<Terms, Error> {
    let rule = Rule::of(action);
    if args.holder.is_some() != (rule.carries == Carries::Access) {
        return Err(usage("--for names the holder of a permit for service, and of no other"));
    }
    if args.manifest.is_some() != (rule.carries == Carries::Image) {
        return Err(usage("--manifest names the image of a downgrade, and of nothing else"));
    }
    let (mut digest, mut mask, mut value) = ([0; 32], 0, 0);
    match rule.carries {
        Carries::Access => {
            let holder = args.holder.as_deref().unwrap_or_else(|| Path::new(""));
            let certificate = parsed(holder, "certificate", parse_certificate)?;
            let claims = certificate.claims();
            if claims.kind != Kind::Service || args.roles & !claims.roles != 0 {
                return Err(usage("--for is not of service, or has not these --roles"));
            }
            if claims.issuer == book.key.kid() {
                return Err(usage(
                    "who has issued the certificate in --for signs no permit for it",
                ));
            }
            digest = sha256(&[&certificate.to_bytes()]);
            (mask, value) = (args.roles.into(), args.value.unwrap_or(0));
        }
        Carries::Image => {
            digest = args.manifest.as_deref().and_then(parse_hex).ok_or_else(|| {
                usage("--manifest is a SHA-256 of 64 hexadecimal digits in lower case")
            })?;
            value = args.value.ok_or_else(|| {
                usage("a downgrade has a --value: the security version to which the floor falls")
            })?;
        }
        Carries::Nothing | _ if args.value.is_some() => {
            return Err(usage("--value is for service and for a downgrade"));
        }
        Carries::Nothing | _ => {}
    }
    Ok(Terms {
        action,
        binding: Binding::Challenge,
        number,
        device: id(&args.device)?,
        run: run_of(&args.challenge)?,
        digest,
        mask,
        value,
        ttl_seconds: args.seconds.unwrap_or(rule.ttl_seconds_max),
    })
}

fn id(digits: &str) -> Result<[u8; 16], Error> {
    parse_hex(digits)
        .ok_or_else(|| usage("--device is an id of 32 hexadecimal digits in lower case"))
}

fn run_of(digits: &str) -> Result<[u8; 32], Error> {
    parse_hex(digits).ok_or_else(|| usage("--challenge is 64 hexadecimal digits in lower case"))
}

fn told(
    verdict: &'static str,
    headline: String,
    permit: &Permit,
    is_draft: bool,
    output: Option<&Path>,
) -> Outcome {
    let terms = permit.terms();
    let Terms { action, number, device, run, digest, mask, value, ttl_seconds, .. } = *terms;
    let is_of_link = terms.binding == Binding::Link;
    let signers: Vec<String> = permit.signers().map(|signer| hex(signer)).collect();
    let mut text = vec![
        format!("  {} once, by device {}", name(action), hex(&device)),
        format!(
            "  challenge {}{}",
            hex(&run),
            if is_of_link { ", hashed with a link" } else { "" }
        ),
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
    if is_draft {
        text.push("  no permit yet; next: medsec permit countersign, by the other".to_owned());
    }
    let data = json!({
        "draft": is_draft,
        "action": name(action),
        "number": number,
        "device": hex(&device),
        "challenge": hex(&run),
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

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
