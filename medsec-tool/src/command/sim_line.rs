//! `medsec sim line`: a simulated device that is being made, at the end of a station's cable.
//!
//! Its folder holds the flash, `chip.key` (the secret of the chip and its number), and `debug.locked` once its debug port is.

use core::time::Duration;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::thread::sleep;

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::hal::{DebugLock as _, DebugState};
use medsec_core::identity::trust::Origin;
use medsec_core::key::sha256;
use medsec_core::lifecycle::State;
use medsec_sim::device::SimFlash;
use medsec_sim::fault::Model;
use medsec_sim::production::{Chip, Firmware, LineDebug, LineUnit, PAGES, UnitKeys, bear};
use medsec_transport::hal::ChannelLost;
use medsec_transport::stream::{Inbox, Outbox};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::LineArgs;
use crate::command::peer;
use crate::command::sim_run::{Door, FRAME_BYTES, draw, save, seed};
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::keyfile::{KeyFileError, parts};
use crate::output::Outcome;
use crate::text::{counted, hex, parse_hex};
use crate::untrusted::Untrusted;

const CHIP_WORD: &str = "medsec-sim-chip-1";
const PAGE_BYTES: u32 = 4_096;
const PAUSE: Duration = Duration::from_micros(200);

/// Answers until the device waits for its owner, or so many connections have ended.
pub(crate) fn run(args: &LineArgs, err: &mut dyn Write) -> Result<Outcome, Error> {
    let mut findings = Vec::new();
    let trust = peer::trust(&args.trust, &mut findings)?;
    let anchors: Vec<_> =
        trust.anchors().iter().filter(|anchor| anchor.origin == Origin::Maker).copied().collect();
    let firmware = |chip: &Chip| {
        // Before there is an owner nobody reads its log.
        let secret = sha256(&[b"medsec-sim-log-authority", &chip.secret]);
        let log_authority = AgreementSecret::from_bytes(Secret::new(secret)).public();
        Firmware { anchors: &anchors, log_authority }
    };
    if !args.dir.join("chip.key").exists() {
        make(&args.dir, firmware)?;
    }
    let chip = chip(&args.dir.join("chip.key"))?;
    let firmware = firmware(&chip);
    let image = files::read(&args.dir.join("flash.bin"), u64::from(PAGES * PAGE_BYTES))?;
    let mut flash = SimFlash::from_image(image, Model::None, seed()?);
    let locked = args.dir.join("debug.locked");
    let mut debug = if locked.exists() { LineDebug::locked() } else { LineDebug::open(true) };
    let (mut door, address) = Door::open(args.listen)?;
    let shown = address.shown();
    files::write(&args.dir.join("address"), &[], |out| writeln!(out, "{shown}"))?;
    // Whoever waits for it reads the file.
    drop(writeln!(err, "  listening at {shown}"));
    let (device, state, ended) = serve(&mut flash, &firmware, &chip, &mut debug, &mut door, args)?;
    if debug.read_state() == DebugState::Locked {
        files::write(&locked, &[], |out| writeln!(out, "locked"))?;
    }
    let is_made = state == Ok(State::AwaitClaim);
    let headline = if is_made {
        format!("MADE: device {device} waits for its owner")
    } else {
        format!("STOPPED: device {device} after {}", counted(u64::from(ended), "connection"))
    };
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline,
        text: Vec::new(),
        payload: None,
        findings,
        data: json!({ "device": device, "address": shown, "connections": ended }),
    })
}

type Ended = (String, Result<State, medsec_core::lifecycle::Tamper>, u32);

fn serve(
    flash: &mut SimFlash,
    firmware: &Firmware<'_>,
    chip: &Chip,
    debug: &mut LineDebug,
    door: &mut Door,
    args: &LineArgs,
) -> Result<Ended, Error> {
    let bug = |_| Error::Bug { what: "the simulated device does not boot" };
    let keys = UnitKeys::find(flash, firmware, chip).map_err(bug)?;
    let mut unit = LineUnit::boot(flash, (firmware, &keys), debug, seed()?).map_err(bug)?;
    let device =
        hex(&medsec::device::device_id(medsec_sim::production::MODEL, &unit.device.public_key()));
    let (mut inbox, mut outbox) = (Inbox::<FRAME_BYTES>::new(), Outbox::<FRAME_BYTES>::new());
    let mut ended = 0;
    loop {
        match door.receive(&mut outbox) {
            Ok(came) if came.is_empty() => sleep(PAUSE),
            Ok(came) => {
                let mut bytes = &came[..];
                while !bytes.is_empty() {
                    let Ok(Some(frame)) = inbox.push(&mut bytes) else { continue };
                    let mut out = [0; medsec::production::OUT_BYTES_MIN];
                    let answer = unit.answer(frame, &mut out);
                    // As a part keeps what was written to it, before anybody hears of it.
                    save(&args.dir, unit.device.log_mut().1)?;
                    if let Some(answer) = answer {
                        door.send(&mut outbox, &answer);
                    }
                }
            }
            Err(ChannelLost) => {
                inbox.clear();
                outbox.clear();
                ended += 1;
                let state = unit.people.lifecycle().state();
                if ended == args.connections || state == Ok(State::AwaitClaim) {
                    return Ok((device, state, ended));
                }
            }
        }
    }
}

/// A blank part, and what the device is born with.
fn make<'a>(dir: &Path, firmware: impl FnOnce(&Chip) -> Firmware<'a>) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|error| Error::Write {
        path: Untrusted::from_path(dir),
        reason: Untrusted::new(error.to_string()),
    })?;
    let mut id = [0; 8];
    getrandom::fill(&mut id).map_err(|_| Error::NoRandomness)?;
    let chip = Chip { secret: *draw()?, id };
    let mut flash = SimFlash::new(PAGES, Model::None, seed()?);
    bear(&mut flash, &firmware(&chip), &chip, seed()?)
        .map_err(|_| Error::Bug { what: "the simulated device was not born" })?;
    save(dir, &flash)?;
    // Last: a folder with it is whole.
    let line = format!("{CHIP_WORD} {} {}\n", hex(&chip.secret), hex(&chip.id));
    files::write_secret(&dir.join("chip.key"), &Zeroizing::new(line))
}

fn chip(path: &Path) -> Result<Chip, Error> {
    peer::parsed(path, "chip of a simulated device", |bytes| {
        let [secret, id] = parts(bytes, CHIP_WORD)?;
        let (secret, id) = (parse_hex(secret), parse_hex(id));
        let digits = KeyFileError::Digits;
        Ok(Chip { secret: secret.ok_or(digits)?, id: id.ok_or(KeyFileError::Digits)? })
    })
}
