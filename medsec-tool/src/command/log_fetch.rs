//! `medsec log fetch`.

use core::time::Duration;
use std::fs;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use medsec::link::request::{Answer, Refused, Request};
use medsec_audit::export::Cursor;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use serde_json::json;

use crate::cli::{Peer, SuiteChoice};
use crate::code::Code;
use crate::command::peer;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::keyfile::parts;
use crate::link::Client;
use crate::output::{Finding, Outcome, Severity};
use crate::text::{counted, hex, parse_hex};
use crate::untrusted::Untrusted;

/// Bytes of the largest export that is fetched.
const EXPORT_BYTES_MAX: u64 = 256 << 20;
const CURSOR_WORD: &str = "medsec-cursor-1";
/// How long what came is kept for the next run.
const KEPT_MAX: Duration = Duration::from_secs(3_600);
/// Bytes of the shortest part but the last: a device that gives less would never end.
const PART_BYTES_MIN: usize = 64;
/// Times that a fetch begins again because the log has gone on too far.
const BEGINNINGS_MAX: u32 = 3;

/// Fetches a device's log. What came before a link was lost is kept, and the next run goes on behind it.
pub(crate) fn run(peer: &Peer, output: &Path) -> Result<Outcome, Error> {
    match peer.suite {
        SuiteChoice::AesGcm => fetch::<Aes256Gcm>(peer, output),
        SuiteChoice::Chacha => fetch::<ChaCha20Poly1305>(peer, output),
    }
}

fn fetch<S: Suite>(args: &Peer, output: &Path) -> Result<Outcome, Error> {
    let inputs = args.parties.files();
    let part = Part::of(output);
    files::refuse_inputs(output, &inputs)?;
    part.refuse(&inputs)?;
    let opened = peer::open(&args.parties)?;
    let mut client = opened.connect::<S>(args)?;
    let (device, _) = client.device().ok_or(Error::OddAnswer)?;
    let mut begun = part.resume(&device)?;
    let mut findings = opened.findings;
    if begun.is_some() {
        let message = "the log is as it was when the fetch that broke off began".to_owned();
        findings.push(Finding::new(&Code::RESUMED, Severity::Notice, message));
    }
    let was_kept = begun.is_some();
    let resumed = begun.as_ref().map_or(0, |begun| begun.log.len());
    for _ in 0..BEGINNINGS_MAX {
        let mut fetch = match begun.take() {
            Some(begun) => begun,
            None => start(&mut client, device)?,
        };
        let fetched = all(&mut client, &mut fetch);
        if matches!(fetched, Ok(false)) {
            continue;
        }
        if let Err(error) = fetched {
            part.keep(&fetch)?;
            return Err(error);
        }
        client.close();
        files::write(output, &inputs, |out| out.write_all(&fetch.log))?;
        if was_kept {
            part.forget();
        }
        let bytes = u64::try_from(fetch.log.len()).unwrap_or(u64::MAX);
        let path = Untrusted::from_path(output);
        let data = json!({
            "device": hex(&device),
            "output": path,
            "bytes": bytes,
            "resumed_at": resumed,
        });
        return Ok(Outcome {
            exit: Exit::Ok,
            verdict: "fetched",
            headline: format!("FETCHED: {} of device {}", counted(bytes, "byte"), hex(&device)),
            text: vec![format!("  log in {path}; next: medsec log verify")],
            payload: None,
            findings,
            data,
        });
    }
    Err(Error::RequestRefused { why: Refused::Changed })
}

/// A fetch on its way.
struct Begun {
    device: [u8; 16],
    cursor: Cursor,
    bytes: u32,
    log: Vec<u8>,
}

fn start<S: Suite>(client: &mut Client<S>, device: [u8; 16]) -> Result<Begun, Error> {
    let answer = client.ask(Request::ExportStart)?;
    match Answer::parse(&answer) {
        Ok(Answer::ExportStarted(cursor, bytes)) if u64::from(bytes) <= EXPORT_BYTES_MAX => {
            Ok(Begun { device, cursor, bytes, log: Vec::new() })
        }
        _ => Err(Error::OddAnswer),
    }
}

/// Fetches what is left; `false` if it has to begin again.
fn all<S: Suite>(client: &mut Client<S>, fetch: &mut Begun) -> Result<bool, Error> {
    let bar = ProgressBar::new(u64::from(fetch.bytes));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    loop {
        let answer = client.ask(Request::ExportRead(fetch.cursor))?;
        let (cursor, part) = match Answer::parse(&answer) {
            Ok(Answer::Part(cursor, part)) => (cursor, part),
            Ok(Answer::Refused(Refused::Changed)) => return Ok(false),
            _ => return Err(Error::OddAnswer),
        };
        if part.is_empty() {
            bar.finish_and_clear();
            let is_whole = u32::try_from(fetch.log.len()) == Ok(fetch.bytes);
            return if is_whole { Ok(true) } else { Err(Error::OddAnswer) };
        }
        let is_last = cursor.offset == fetch.bytes;
        if part.len() < PART_BYTES_MIN && !is_last {
            return Err(Error::OddAnswer);
        }
        fetch.log.extend_from_slice(part);
        let length = u32::try_from(fetch.log.len()).unwrap_or(u32::MAX);
        if length > fetch.bytes || cursor.offset != length {
            return Err(Error::OddAnswer);
        }
        fetch.cursor = cursor;
        bar.set_position(u64::from(length));
    }
}

/// The files beside the output in which a fetch that broke off waits: what came, and where to go on.
struct Part {
    log: PathBuf,
    cursor: PathBuf,
}

impl Part {
    fn of(output: &Path) -> Self {
        let beside = |end: &str| {
            let mut name = output.file_name().unwrap_or_default().to_os_string();
            name.push(end);
            output.with_file_name(name)
        };
        Self { log: beside(".part"), cursor: beside(".cursor") }
    }

    /// That neither is an input: they are replaced and removed.
    fn refuse(&self, inputs: &[&Path]) -> Result<(), Error> {
        files::refuse_inputs(&self.log, inputs)?;
        files::refuse_inputs(&self.cursor, inputs)
    }

    /// What an earlier run has kept, if it is of this device, whole and not old: a log of last week is not what is asked for.
    fn resume(&self, device: &[u8; 16]) -> Result<Option<Begun>, Error> {
        let modified = fs::metadata(&self.cursor).and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| modified.elapsed().ok());
        if age.is_none_or(|age| age > KEPT_MAX) || !self.log.exists() {
            return Ok(None);
        }
        let line = files::read(&self.cursor, 512)?;
        let log = files::read(&self.log, EXPORT_BYTES_MAX)?;
        let begun = parse(&line).filter(|begun| {
            begun.device == *device && u32::try_from(log.len()) == Ok(begun.cursor.offset)
        });
        Ok(begun.map(|begun| Begun { log, ..begun }))
    }

    fn keep(&self, fetch: &Begun) -> Result<(), Error> {
        files::write(&self.log, &[], |out| out.write_all(&fetch.log))?;
        let Cursor { offset, page, end, index } = fetch.cursor;
        let numbers = [offset, page, end, index, fetch.bytes].map(u32::to_le_bytes).concat();
        let line = format!("{CURSOR_WORD} {} {}\n", hex(&fetch.device), hex(&numbers));
        files::write(&self.cursor, &[], |out| out.write_all(line.as_bytes()))
    }

    fn forget(&self) {
        drop(fs::remove_file(&self.cursor));
        drop(fs::remove_file(&self.log));
    }
}

/// A cursor file, without the bytes that belong to it.
fn parse(line: &[u8]) -> Option<Begun> {
    let [device, numbers] = parts(line, CURSOR_WORD).ok()?;
    let numbers: [u8; 20] = parse_hex(numbers)?;
    let (numbers, _) = numbers.as_chunks::<4>();
    let [offset, page, end, index, bytes] = *numbers else { return None };
    let [offset, page, end, index, bytes] =
        [offset, page, end, index, bytes].map(u32::from_le_bytes);
    let cursor = Cursor { offset, page, end, index };
    let is_sound = offset <= bytes && u64::from(bytes) <= EXPORT_BYTES_MAX;
    is_sound.then_some(Begun { device: parse_hex(device)?, cursor, bytes, log: Vec::new() })
}
