//! What the log verbs share: reading the inputs, verifying, judging.

use std::path::Path;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::catalogue::{self, Catalogue};
use crate::cli::Subject;
use crate::code::Code;
use crate::error::Error;
use crate::files;
use crate::judgement::{Judgement, judge};
use crate::keyfile::{AuthoritySecret, Checkpoint, DeviceKey, FILE_BYTES_MAX};
use crate::layout::{self, Layout};
use crate::model::{Evidence, LogReport, Trust, Verify};
use crate::output::{Finding, Severity};
use crate::text::hex;
use crate::untrusted::Untrusted;

/// Bytes of the largest export or flash image.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// A log with everything that is known about it.
pub(crate) struct Verified<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) trust: Trust,
    pub(crate) report: LogReport,
    pub(crate) judgement: Judgement,
    pub(crate) log_bytes: usize,
    pub(crate) log_sha256: String,
}

impl Verified<'_> {
    /// The files that no output may replace.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        let Subject { file, device_key, authority_key, anchor, layout, catalogue, .. } =
            self.subject;
        let others = [device_key, authority_key, anchor, layout, catalogue];
        let mut inputs = vec![file.as_path()];
        inputs.extend(others.into_iter().flatten().map(std::path::PathBuf::as_path));
        inputs
    }
}

/// Reads the files of `subject` and verifies the log. Without a device key nothing is even read.
pub(crate) fn verify<'a>(
    subject: &'a Subject,
    verifier: &dyn Verify,
) -> Result<Verified<'a>, Error> {
    let device = subject.device_key.as_deref().ok_or(Error::NoTrustAnchor)?;
    let mut findings = Vec::new();
    let trust = Trust {
        device: device_key(device)?,
        authority: match &subject.authority_key {
            None => None,
            Some(path) => Some(authority_key(path, &mut findings)?),
        },
        anchor: match &subject.anchor {
            None => None,
            Some(path) => Some(checkpoint(path)?),
        },
    };
    let layout = subject.layout.as_deref().map(layout).transpose()?;
    let catalogue = match &subject.catalogue {
        None => Catalogue::default(),
        Some(path) => catalogue(path)?,
    };
    let log = files::read(&subject.file, LOG_BYTES_MAX)?;
    let evidence = Evidence { bytes: &log, layout, catalogue: &catalogue };
    let report = verifier.verify(&evidence, &trust)?;
    let mut judgement = judge(&report, trust.anchor.is_some(), subject.strict);
    judgement.findings.append(&mut findings);
    let log_sha256 = hex(&Sha256::digest(&log));
    Ok(Verified { subject, trust, report, judgement, log_bytes: log.len(), log_sha256 })
}

fn device_key(path: &Path) -> Result<DeviceKey, Error> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    DeviceKey::parse(&bytes)
        .map_err(|cause| Error::DeviceKey { path: Untrusted::from_path(path), cause })
}

fn authority_key(path: &Path, findings: &mut Vec<Finding>) -> Result<AuthoritySecret, Error> {
    if files::is_wide(path) {
        let path = Untrusted::from_path(path);
        let message = format!("{path} can be read by others than its owner");
        findings.push(Finding::new(&Code::WIDE_KEY_FILE, Severity::Warning, message));
    }
    let mut bytes = files::read(path, FILE_BYTES_MAX)?;
    let secret = AuthoritySecret::parse(&bytes);
    bytes.as_mut_slice().zeroize();
    secret.map_err(|cause| Error::AuthorityKey { path: Untrusted::from_path(path), cause })
}

fn checkpoint(path: &Path) -> Result<Checkpoint, Error> {
    let bytes = files::read(path, FILE_BYTES_MAX)?;
    Checkpoint::parse(&bytes)
        .map_err(|cause| Error::CheckpointFile { path: Untrusted::from_path(path), cause })
}

fn layout(path: &Path) -> Result<Layout, Error> {
    let bytes = files::read(path, layout::FILE_BYTES_MAX)?;
    Layout::parse(&bytes)
        .map_err(|cause| Error::LayoutFile { path: Untrusted::from_path(path), cause })
}

fn catalogue(path: &Path) -> Result<Catalogue, Error> {
    let bytes = files::read(path, catalogue::FILE_BYTES_MAX)?;
    Catalogue::parse(&bytes)
        .map_err(|cause| Error::CatalogueFile { path: Untrusted::from_path(path), cause })
}
