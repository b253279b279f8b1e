//! `medsec sim export`.

use std::path::{Path, PathBuf};

use medsec::log_file::FILE_PART_BYTES;
use medsec::{Device, Pause, ResetCause};
use medsec_audit::log::Progress;
use medsec_core::event::PrincipalId;
use medsec_core::identity::Day;
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_sim::clock::SimClock;
use medsec_sim::device::SimBoard;
use medsec_sim::rng::Noise;
use medsec_transport::sealed_file::Recipients;
use serde_json::json;

use crate::command::sim_run::{SimPump, save, seed};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::holder::parse_certificate;
use crate::keyfile::FILE_BYTES_MAX;
use crate::output::Outcome;
use crate::text::{counted, hex};
use crate::untrusted::Untrusted;

/// Lets the pump in a folder seal its log to the holders of these certificates.
pub(crate) fn run(dir: &Path, to: &[PathBuf], output: &Path) -> Result<Outcome, Error> {
    let pump = SimPump::load(dir)?;
    let mut certificates = Vec::new();
    for path in to {
        let bytes = files::read(path, FILE_BYTES_MAX)?;
        let certificate = parse_certificate(&bytes).map_err(|cause| Error::IdentityFile {
            path: Untrusted::from_path(path),
            what: "certificate",
            cause,
        })?;
        certificates.push(certificate);
    }
    let trust = Trust::new(pump.trust.anchors(), &[], &[]);
    let trust = trust.map_err(|_| Error::Bug { what: "anchors that do not go together" })?;
    let today = Today { floor: Day::FIRST, clock: None };
    let recipients = Recipients::judge(&certificates, trust, today, Stage::Service);
    let recipients = recipients.map_err(|why| Error::Recipients { why })?;
    let mut flash = pump.flash.clone();
    let noise = Noise::good(seed()?);
    let board = SimBoard { flash: &mut flash, noise, clock: SimClock::new() };
    let failed = |what| Error::Bug { what };
    let mut device = Device::boot(board, &pump.identity(), ResetCause::PowerOn)
        .map_err(|_| failed("the simulated pump has no log"))?;
    device.log_mut().0.request_checkpoint();
    while device.maintain(&Pause::lend(&mut (), 100)) == Ok(Progress::More) {}
    let certificate = pump.holder.certificate();
    let mut out = vec![0; FILE_PART_BYTES];
    let begun = device.begin_log_file(PrincipalId::DEVICE, certificate, &recipients, &mut out);
    let (mut file, header) = begun.map_err(|_| failed("the simulated pump seals nothing"))?;
    let mut sealed = header.bytes().to_vec();
    loop {
        let part = file.next(&mut device, &mut out);
        match part.map_err(|_| failed("the simulated pump seals no more"))? {
            Some(part) => sealed.extend_from_slice(part.bytes()),
            None => break,
        }
    }
    let (_, part) = device.log_mut();
    save(dir, part)?;
    let inputs: Vec<_> = to.iter().map(PathBuf::as_path).collect();
    files::write(output, &inputs, |out| out.write_all(&sealed))?;
    let bytes = u64::try_from(sealed.len()).unwrap_or(u64::MAX);
    let (device, path) = (hex(&certificate.claims().subject), Untrusted::from_path(output));
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline: format!("SEALED: {} by {device}", counted(bytes, "byte")),
        text: vec![format!("  sealed file in {path}; next: medsec export open")],
        payload: None,
        findings: Vec::new(),
        data: json!({ "device": device, "output": path, "bytes": bytes, "recipients": to.len() }),
    })
}
