//! `medsec ca`: an authority that says which devices, persons and recipients are the owner's, or the maker's.

use std::path::Path;

use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::trust::Origin;
use medsec_core::key::{DeviceKey, PublicKey};
use medsec_core::{Secret, agreement::AgreementKey};
use serde_json::{Value as Json, json};
use zeroize::Zeroizing;

use crate::ca::{Book, Folder, Secrets, word};
use crate::cli::{CaVerb, HolderKind, IssueArgs, OriginChoice};
use crate::code::Code;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::holder::{Holder, certificate_file};
use crate::keyfile::AuthoritySecret;
use crate::link::today;
use crate::output::{Finding, Outcome, Severity};
use crate::passphrase;
use crate::text::{counted, hex};
use crate::untrusted::Untrusted;

/// Suites of every holder that this tool issues for.
const SUITES: u8 = 0b11;

pub(crate) fn run(verb: &CaVerb) -> Result<Outcome, Error> {
    match verb {
        CaVerb::Init { dir, origin, passphrase_file } => {
            let origin = match origin {
                OriginChoice::Owner => Origin::Owner,
                OriginChoice::Maker => Origin::Maker,
            };
            let passphrase = passphrase::choose(passphrase_file.as_deref())?;
            let (folder, book) = Folder::init(dir, origin, &passphrase, day()?)?;
            Ok(told(&folder, &book, "INITIALISED: a new authority", Vec::new(), None))
        }
        CaVerb::Show { dir } => {
            let folder = Folder::open(dir)?;
            let book = folder.book()?;
            Ok(told(&folder, &book, "AUTHORITY: its book is signed by its key", Vec::new(), None))
        }
        CaVerb::Issue(args) => issue(args),
        CaVerb::Revoke { dir, serial, passphrase_file } => {
            let folder = Folder::open(dir)?;
            let book = folder.book()?;
            if *serial == 0 || *serial >= book.serial {
                return Err(Error::UnknownSerial { serial: *serial });
            }
            let secrets = folder.unlock(&book, &passphrase::read(passphrase_file.as_deref())?)?;
            let mut revoked: Vec<u32> = book.state.revoked().collect();
            if !revoked.contains(serial) {
                revoked.push(*serial);
                revoked.sort_unstable();
            }
            let book = book.revoking(&secrets.signer(), day()?, book.epoch(), &revoked)?;
            folder.write(&book)?;
            let text =
                vec!["  it takes effect on each device that gets the state in ca.txt".to_owned()];
            Ok(told(&folder, &book, &format!("REVOKED: certificate {serial}"), text, None))
        }
        CaVerb::LogKey { dir, output, passphrase_file } => {
            let (folder, book, secrets) = unlock(dir, passphrase_file.as_deref())?;
            let file = AuthoritySecret::file_of(&secrets.log_authority_bytes());
            files::write_secret(output, &file)?;
            let text =
                vec![format!("  secret of the log authority in {}", Untrusted::from_path(output))];
            Ok(told(
                &folder,
                &book,
                "WRITTEN: it opens the records of the owner's devices",
                text,
                None,
            ))
        }
        CaVerb::Rotate { dir, passphrase_file } => {
            let folder = Folder::open(dir)?;
            let book = folder.book()?;
            let secrets = folder.unlock(&book, &passphrase::read(passphrase_file.as_deref())?)?;
            let epoch =
                book.epoch().checked_add(1).ok_or(Error::Bug { what: "no epoch is left" })?;
            // What was revoked stays so: certificates of devices have no epoch, and others might be of a clock that went back.
            let revoked: Vec<u32> = book.state.revoked().collect();
            let book = book.revoking(&secrets.signer(), day()?, epoch, &revoked)?;
            folder.write(&book)?;
            let text = vec![
                "  certificates of epochs before end on each device that sees a holder of the new one".to_owned(),
                "  those of devices have no epoch, and go on".to_owned(),
            ];
            Ok(told(&folder, &book, &format!("ROTATED: epoch {epoch} begins"), text, None))
        }
    }
}

fn issue(args: &IssueArgs) -> Result<Outcome, Error> {
    let folder = Folder::open(&args.dir)?;
    let book = folder.book()?;
    let secrets = folder.unlock(&book, &passphrase::read(args.passphrase_file.as_deref())?)?;
    let kind = match args.kind {
        HolderKind::Person => Kind::Person,
        HolderKind::Service => Kind::Service,
        HolderKind::Station => Kind::Station,
        HolderKind::Recipient => Kind::Recipient,
    };
    let mut draw = [Zeroizing::new([0; 32]), Zeroizing::new([0; 32])];
    for secret in &mut draw {
        getrandom::fill(&mut **secret).map_err(|_| Error::NoRandomness)?;
    }
    let [agreement, signing] = draw;
    let mut subject = [0; 16];
    getrandom::fill(&mut subject).map_err(|_| Error::NoRandomness)?;
    let wanted = Wanted {
        kind,
        roles: args.roles,
        days: Some(args.days),
        model: 0,
        scope: if kind == Kind::Service { scope(args.scope.as_deref())? } else { NO_SCOPE },
        subject,
    };
    let public = AgreementSecret::from_bytes(Secret::new(*agreement)).public();
    let signs = DeviceKey::from_seed(&Secret::new(*signing)).public();
    let (book, certificate) = certify(&folder, book, &secrets, &wanted, &public, &signs)?;
    let holder = Holder::new(agreement, signing, certificate);
    let holder = holder.map_err(|_| Error::Bug { what: "a certificate for other keys" })?;
    files::write_secret(&args.output, &holder.to_file())?;
    let mut name = args.output.file_name().unwrap_or_default().to_os_string();
    name.push(".cert");
    let text = certificate_file(&certificate);
    files::write(&args.output.with_file_name(name), &[], |out| out.write_all(text.as_bytes()))?;
    let path = Untrusted::from_path(&args.output);
    let serial = certificate.claims().serial;
    let text = vec![format!(
        "  secrets and certificate in {path}: hand it to its holder alone; the certificate by itself in {path}.cert"
    )];
    let headline = format!("ISSUED: certificate {serial} for a {}", args.kind.id());
    Ok(told(&folder, &book, &headline, text, Some((&certificate, path))))
}

/// What a certificate is to say.
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) roles: u8,
    /// Days from today on which it holds; without an end if none.
    pub(crate) days: Option<u16>,
    pub(crate) model: u32,
    pub(crate) scope: [u8; 8],
    pub(crate) subject: [u8; 16],
}

/// Issues a certificate. Its number is in the book before there is a certificate with it.
pub(crate) fn certify(
    folder: &Folder,
    book: Book,
    secrets: &Secrets,
    wanted: &Wanted,
    agreement: &AgreementKey,
    signing: &PublicKey,
) -> Result<(Book, Certificate), Error> {
    let serial = book.serial;
    certify_as(folder, book, secrets, serial, wanted, agreement, signing)
}

/// Issues a certificate under a number that a registry of units gave. The book gives neither that nor a lower one from now on, before there is a
/// certificate with it.
pub(crate) fn certify_as(
    folder: &Folder,
    book: Book,
    secrets: &Secrets,
    serial: u32,
    wanted: &Wanted,
    agreement: &AgreementKey,
    signing: &PublicKey,
) -> Result<(Book, Certificate), Error> {
    let next = serial.checked_add(1).ok_or(Error::Bug { what: "no serial number is left" })?;
    let book = Book { serial: book.serial.max(next), ..book };
    folder.write(&book)?;
    let today = day()?;
    let end = |days: u16| today.number().checked_add(days).and_then(Day::of);
    let claims = Claims {
        kind: wanted.kind,
        suites: SUITES,
        is_test: false,
        serial,
        issuer: book.key.kid(),
        epoch: if wanted.kind == Kind::Device { 0 } else { book.epoch() },
        not_before: None,
        not_after: wanted.days.and_then(end),
        roles: wanted.roles,
        may_issue: Kinds::NONE,
        model: wanted.model,
        scope: wanted.scope,
        subject: wanted.subject,
    };
    let signs = (wanted.kind != Kind::Recipient).then_some(signing);
    let certificate = Unsigned::new(claims, Some(agreement), signs)
        .map_err(|_| usage("a certificate cannot say that; see --help"))?
        .sign(&secrets.signer())
        .map_err(|_| Error::Bug { what: "a certificate was not signed" })?;
    Ok((book, certificate))
}

fn scope(digits: Option<&str>) -> Result<[u8; 8], Error> {
    let scope = digits.and_then(crate::text::parse_hex).filter(|scope| *scope != NO_SCOPE);
    scope.ok_or_else(|| usage("service has a --scope of 16 hexadecimal digits, not all zero"))
}

fn told(
    folder: &Folder,
    book: &Book,
    headline: &str,
    more: Vec<String>,
    issued: Option<(&Certificate, Untrusted)>,
) -> Outcome {
    let (key, kid) = (hex(&book.key.to_bytes()), hex(&book.key.kid()));
    let revoked: Vec<u32> = book.state.revoked().collect();
    let count = u64::from(book.serial - 1);
    let mut text = vec![
        format!("  {} key {key}", word(book.origin)),
        format!(
            "  {} issued, {} revoked, epoch {}",
            counted(count, "certificate"),
            revoked.len(),
            book.epoch()
        ),
    ];
    text.extend(more);
    let mut findings = Vec::new();
    if folder.is_wide() {
        let message = "ca.key can be read by others than its owner".to_owned();
        findings.push(Finding::new(&Code::WIDE_KEY_FILE, Severity::Warning, message));
    }
    let data = json!({
        "origin": word(book.origin),
        "key": key,
        "kid": kid,
        "epoch": book.epoch(),
        "issued": count,
        "revoked": revoked,
        "state_number": book.state.number(),
        "certificate": issued.map_or(Json::Null, |(certificate, path)| json!({
            "serial": certificate.claims().serial,
            "subject": hex(&certificate.claims().subject),
            "bytes": hex(&certificate.to_bytes()),
            "output": path,
        })),
    });
    Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline: headline.to_owned(),
        text,
        payload: None,
        findings,
        data,
    }
}

fn day() -> Result<Day, Error> {
    today().ok_or_else(|| usage("this computer's clock shows no day from 2020 on"))
}

/// The folder of `path`, its book and its secrets.
pub(crate) fn unlock(path: &Path, file: Option<&Path>) -> Result<(Folder, Book, Secrets), Error> {
    let folder = Folder::open(path)?;
    let book = folder.book()?;
    let secrets = folder.unlock(&book, &passphrase::read(file)?)?;
    Ok((folder, book, secrets))
}

fn usage(reason: &str) -> Error {
    Error::Usage { reason: Untrusted::from(reason) }
}
