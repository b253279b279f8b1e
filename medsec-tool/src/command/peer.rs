//! What the verbs share that speak with a device.

use std::path::Path;

use medsec_core::identity::issuer_state::IssuerRecord;
use medsec_core::suite::Suite;

use crate::ca;
use crate::cli::{Parties, Peer};
use crate::code::Code;
use crate::error::Error;
use crate::files;
use crate::holder::Holder;
use crate::keyfile::{FILE_BYTES_MAX, KeyFileError};
use crate::link::{Call, Client};
use crate::output::{Finding, Severity};
use crate::text::parse_hex;
use crate::trust::TrustFile;
use crate::untrusted::Untrusted;
use zeroize::Zeroizing;

/// The files of the parties, read.
pub(crate) struct Opened {
    pub(crate) holder: Holder,
    pub(crate) trust: TrustFile,
    pub(crate) device: Option<[u8; 16]>,
    pub(crate) revoked: Vec<IssuerRecord>,
    pub(crate) findings: Vec<Finding>,
}

/// Reads who asks, and whom that trusts.
pub(crate) fn open(parties: &Parties) -> Result<Opened, Error> {
    let mut findings = Vec::new();
    let holder = holder(&parties.holder, &mut findings)?;
    let mut trust = trust(&parties.trust, &mut findings)?;
    let device = match &parties.device {
        None => None,
        Some(digits) => Some(parse_hex(digits).ok_or_else(|| Error::Usage {
            reason: Untrusted::from("--device is an id of 32 hexadecimal digits in lower case"),
        })?),
    };
    let revoked = records(parties.revoked.as_deref())?;
    trust.begin_epochs(&revoked);
    Ok(Opened { holder, trust, device, revoked, findings })
}

impl Opened {
    /// A link to the device.
    pub(crate) fn connect<S: Suite>(&self, peer: &Peer) -> Result<Client<S>, Error> {
        Client::connect(&Call {
            address: &peer.at,
            holder: &self.holder,
            trust: &self.trust,
            device: self.device,
            revoked: &self.revoked,
        })
    }
}

/// What the book in a file has revoked; nothing without one.
pub(crate) fn records(book: Option<&Path>) -> Result<Vec<IssuerRecord>, Error> {
    book.map(ca::revoked).transpose().map(|record| record.into_iter().collect())
}

/// A holder's file.
pub(crate) fn holder(path: &Path, findings: &mut Vec<Finding>) -> Result<Holder, Error> {
    read(path, "file of a holder", findings, Holder::parse)
}

/// A file of what is trusted.
pub(crate) fn trust(path: &Path, findings: &mut Vec<Finding>) -> Result<TrustFile, Error> {
    read(path, "file of what is trusted", findings, TrustFile::parse)
}

fn read<T>(
    path: &Path,
    what: &'static str,
    findings: &mut Vec<Finding>,
    parse: impl FnOnce(&[u8]) -> Result<T, KeyFileError>,
) -> Result<T, Error> {
    if files::is_wide(path) {
        let shown = Untrusted::from_path(path);
        let message = format!("{shown} can be read by others than its owner");
        findings.push(Finding::new(&Code::WIDE_KEY_FILE, Severity::Warning, message));
    }
    parsed(path, what, parse)
}

/// What a file of an identity holds. The bytes are wiped, as some are secret.
pub(crate) fn parsed<T>(
    path: &Path,
    what: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, KeyFileError>,
) -> Result<T, Error> {
    let bytes = Zeroizing::new(files::read(path, FILE_BYTES_MAX)?);
    let path = Untrusted::from_path(path);
    parse(&bytes).map_err(|cause| Error::IdentityFile { path, what, cause })
}
