//! `medsec sim run`: a simulated pump that answers on a TCP port or a pseudo-terminal.

use core::time::Duration;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Instant;

use infusion_pump::application::Pump;
use infusion_pump::therapy::{TICK_MS, Therapy};
use medsec::link::{Endpoint, Happened, OUT_BYTES_MIN, Standing};
use medsec::{Device, Identity, Pause, Port as _, ResetCause, Secret};
use medsec_audit::log::Progress;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::hal::EntropySource as _;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Kind, NO_SCOPE};
use medsec_core::identity::issuer_state::IssuerRecord;
use medsec_core::identity::trust::{Stage, Trust};
use medsec_core::key::{DeviceKey as SigningKey, device_id};
use medsec_core::suite::{Aes256Gcm, Suite as _};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{MODEL, PAGE_BYTES, PAGES, SimBoard, SimFlash};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;
use medsec_transport::hal::{ByteChannel as _, ChannelLost};
use medsec_transport::stream::{Inbox, Outbox};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::{Listen, SimArgs};
use crate::command::ca::{Wanted, certify, unlock};
use crate::command::peer;
use crate::error::Error;
use crate::exit::Exit;
use crate::files;
use crate::holder::Holder;
use crate::keyfile::{DeviceKey, FILE_BYTES_MAX, KeyFileError, key, parts};
use crate::layout::Layout;
use crate::link::System;
use crate::link::address::Address;
use crate::link::wire::{Wire, pseudo_terminal};
use crate::output::Outcome;
use crate::text::{counted, hex};
use crate::trust::TrustFile;
use crate::untrusted::Untrusted;

const STORE_WORD: &str = "medsec-sim-store-1";
/// How long the pump sleeps while nothing comes.
const PAUSE: Duration = Duration::from_micros(200);
pub(crate) const FRAME_BYTES: usize = 1_024;

/// Runs the pump until so many connections have ended.
pub(crate) fn run(args: &SimArgs, err: &mut dyn Write) -> Result<Outcome, Error> {
    let mut pump = SimPump::of(args)?;
    let revoked = peer::records(args.revoked.as_deref())?;
    pump.trust.begin_epochs(&revoked);
    let (mut door, address) = Door::open(args.listen)?;
    let shown = address.shown();
    files::write(&args.dir.join("address"), &[], |out| writeln!(out, "{shown}"))?;
    // Whoever waits for it reads the file.
    drop(writeln!(err, "  listening at {shown}"));
    let ended = pump.serve(args, &revoked, &mut door)?;
    let device = hex(&pump.holder.certificate().claims().subject);
    Ok(Outcome {
        exit: Exit::Ok,
        verdict: "ok",
        headline: format!(
            "STOPPED: simulated pump {device} after {}",
            counted(u64::from(ended), "connection")
        ),
        text: Vec::new(),
        payload: None,
        findings: Vec::new(),
        data: json!({ "device": device, "address": shown, "connections": ended }),
    })
}

/// What the pump is made of, as its folder holds it.
pub(crate) struct SimPump {
    pub(crate) holder: Holder,
    pub(crate) trust: TrustFile,
    root: Zeroizing<[u8; 32]>,
    log_authority: AgreementKey,
    pub(crate) flash: SimFlash,
}

impl SimPump {
    /// The pump in a folder, which is made first if there is none.
    fn of(args: &SimArgs) -> Result<Self, Error> {
        if !args.dir.join("store.key").exists() {
            make(args)?;
        }
        Self::load(&args.dir)
    }

    /// The pump that there is in a folder.
    pub(crate) fn load(dir: &Path) -> Result<Self, Error> {
        let store = dir.join("store.key");
        let mut findings = Vec::new();
        let holder = peer::holder(&dir.join("device.holder"), &mut findings)?;
        let trust = peer::trust(&dir.join("trust.txt"), &mut findings)?;
        let bytes = Zeroizing::new(files::read(&store, FILE_BYTES_MAX)?);
        let (root, authority) = read_store(&bytes).map_err(|cause| Error::IdentityFile {
            path: Untrusted::from_path(&store),
            what: "store of a simulated pump",
            cause,
        })?;
        let flash = dir.join("flash.bin");
        let image = files::read(&flash, u64::from(PAGES * PAGE_BYTES))?;
        let flash = SimFlash::from_image(image, Model::None, seed()?);
        Ok(Self { holder, trust, root, log_authority: authority, flash })
    }

    /// What the pump keeps in its own store.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            storage_root: Secret::new(*self.root),
            signing_seed: self.holder.signing_seed(),
            log_authority: self.log_authority,
        }
    }

    /// One boot of the pump, in which it answers. Gives the number of connections that have ended.
    fn serve(
        &self,
        args: &SimArgs,
        revoked: &[IssuerRecord],
        door: &mut Door,
    ) -> Result<u32, Error> {
        let dir = &args.dir;
        let (clock, began) = (SimClock::new(), Instant::now());
        let mut flash = self.flash.clone();
        let noise = Noise::good(seed()?);
        let board = SimBoard { flash: &mut flash, noise, clock: clock.clone() };
        let device = Device::boot(board, &self.identity(), ResetCause::PowerOn)
            .map_err(|_| Error::Bug { what: "the simulated pump has no log" })?;
        let therapy = Therapy::new();
        let mut pump = Pump::new(device, &therapy);
        let secret: AgreementSecret = self.holder.secret();
        let (anchors, admission) = (self.trust.anchors(), self.trust.admission());
        let trust = Trust::new(anchors, &[], revoked);
        let standing = Standing {
            own: medsec_transport::link::Own {
                secret: &secret,
                certificate: self.holder.certificate(),
            },
            trust: trust.map_err(|_| Error::Bug { what: "anchors that do not go together" })?,
            floor: Day::FIRST,
            stage: Stage::Service,
            admission: admission.as_ref(),
            pin: None,
        };
        let mut end = Endpoint::<Aes256Gcm, 0>::new(standing, pump.device().now());
        let mut ended = 0;
        let (mut inbox, mut outbox) = (Inbox::<FRAME_BYTES>::new(), Outbox::<FRAME_BYTES>::new());
        let (mut ticked, mut saved) = (0, (0, 0));
        loop {
            let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            clock.set(now);
            while ticked + u64::from(TICK_MS) <= now {
                therapy.tick();
                ticked += u64::from(TICK_MS);
            }
            let rests = pump.idle(&Pause::lend(&mut (), 100)) != Ok(Progress::More);
            // As a part keeps what was written to it: whoever stops this program pulls the plug, and sets nothing back.
            let (_, part) = pump.device().log_mut();
            let counts = part.counts();
            if rests && (counts.programs, counts.erases) != saved {
                save(dir, part)?;
                saved = (counts.programs, counts.erases);
            }
            let mut came = door.receive(&mut outbox);
            let mut is_over = false;
            if let Ok(bytes) = &came
                && !bytes.is_empty()
            {
                let mut frames = Frames { inbox: &mut inbox, outbox: &mut outbox, door };
                is_over = frames.answer(&mut end, pump.device(), bytes);
                if !is_over {
                    continue;
                }
            }
            if is_over && door.is_free() {
                came = Err(ChannelLost);
            }
            if came == Err(ChannelLost) {
                inbox.clear();
                outbox.clear();
                ended += 1;
                if ended == args.connections {
                    return Ok(ended);
                }
            }
            if rests {
                sleep(PAUSE);
            }
        }
    }
}

/// What comes and goes over the door.
struct Frames<'a> {
    inbox: &'a mut Inbox<FRAME_BYTES>,
    outbox: &'a mut Outbox<FRAME_BYTES>,
    door: &'a mut Door,
}

impl Frames<'_> {
    /// Answers each frame in what has come; whether the peer has ended its link.
    fn answer(
        &mut self,
        end: &mut Endpoint<'_, Aes256Gcm, 0>,
        device: &mut Device<SimBoard<'_>>,
        mut bytes: &[u8],
    ) -> bool {
        let mut is_over = false;
        while !bytes.is_empty() {
            let Ok(Some(frame)) = self.inbox.push(&mut bytes) else { continue };
            let mut out = [0; OUT_BYTES_MIN];
            match end.receive(device, frame, &mut out) {
                Ok(Happened::Answer(answer)) => self.door.send(self.outbox, &answer),
                Ok(Happened::Ended) => is_over = true,
                Ok(Happened::Nothing | Happened::Application(..) | _) | Err(_) => {}
            }
        }
        is_over
    }
}

/// Replaces the image whole or not at all, as far as stopping this program goes. It does not wait for the disk: a peer would wait with it, and
/// the pump is a simulation.
pub(crate) fn save(dir: &Path, flash: &SimFlash) -> Result<(), Error> {
    let (path, part) = (dir.join("flash.bin"), dir.join("flash.bin.part"));
    let saved = fs::write(&part, flash.image()).and_then(|()| fs::rename(&part, &path));
    saved.map_err(|error| Error::Write {
        path: Untrusted::from_path(&path),
        reason: Untrusted::new(error.to_string()),
    })
}

/// A new pump, certified by the authority, with an empty log.
fn make(args: &SimArgs) -> Result<(), Error> {
    let Some(ca) = &args.ca else {
        let reason = "a new pump needs --ca, the authority that certifies it";
        return Err(Error::Usage { reason: Untrusted::from(reason) });
    };
    fs::create_dir_all(&args.dir).map_err(|error| Error::Write {
        path: Untrusted::from_path(&args.dir),
        reason: Untrusted::new(error.to_string()),
    })?;
    let (folder, book, secrets) = unlock(ca, args.passphrase_file.as_deref())?;
    let [root, agreement, signing, station] = [draw()?, draw()?, draw()?, draw()?];
    let public = AgreementSecret::from_bytes(Secret::new(*agreement)).public();
    let signs = SigningKey::from_seed(&Secret::new(*signing)).public();
    let wanted = Wanted {
        kind: Kind::Device,
        roles: 0,
        days: None,
        model: MODEL,
        scope: NO_SCOPE,
        subject: device_id(MODEL, &signs),
    };
    let (book, certificate) = certify(&folder, book, &secrets, &wanted, &public, &signs)?;
    let bug = |what| Error::Bug { what };
    let holder = Holder::new(agreement, signing, certificate);
    let holder = holder.map_err(|_| bug("a certificate for other keys"))?;
    let log_authority = secrets.log_authority().public();
    let identity = Identity {
        storage_root: Secret::new(*root),
        signing_seed: holder.signing_seed(),
        log_authority,
    };
    let mut flash = SimFlash::new(PAGES, Model::None, seed()?);
    let board = SimBoard { flash: &mut flash, noise: Noise::good(seed()?), clock: SimClock::new() };
    Device::format(board, &identity, Secret::new(*station))
        .map_err(|_| bug("the simulated pump was not formatted"))?;
    save(&args.dir, &flash)?;
    let write = |name: &str, text: &str| files::write_secret(&args.dir.join(name), text);
    write("device.holder", &holder.to_file())?;
    let trust = TrustFile::new(&[(book.origin, book.key)], Some(*secrets.admission()));
    write("trust.txt", &trust.to_file())?;
    let profile = SimBoard::PROFILE;
    let layout = Layout {
        suite: Aes256Gcm::ID,
        model: MODEL,
        page_bytes: PAGE_BYTES,
        unit: 4,
        cell_offset: profile.cell.offset(),
        log_offset: profile.log.offset(),
        log_bytes: profile.log.bytes(),
    };
    for (name, text) in
        [("layout.txt", layout.to_file()), ("device.key", DeviceKey::from(signs).to_file())]
    {
        files::write(&args.dir.join(name), &[], |out| out.write_all(text.as_bytes()))?;
    }
    // Last: a folder with it is whole.
    let root = Zeroizing::new(hex(&*root));
    let line = format!("{STORE_WORD} {} {}\n", *root, hex(&log_authority.to_bytes()));
    write("store.key", &Zeroizing::new(line))
}

fn read_store(bytes: &[u8]) -> Result<(Zeroizing<[u8; 32]>, AgreementKey), KeyFileError> {
    let [root, authority] = parts(bytes, STORE_WORD)?;
    let authority = AgreementKey::parse(&key(authority)?).map_err(|_| KeyFileError::NoKey)?;
    Ok((Zeroizing::new(key(root)?), authority))
}

pub(crate) fn draw() -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut bytes = Zeroizing::new([0; 32]);
    System.sample(&mut *bytes).map_err(|_| Error::NoRandomness)?;
    Ok(bytes)
}

pub(crate) fn seed() -> Result<u64, Error> {
    let mut bytes = [0; 8];
    System.sample(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Where the pump answers, one connection at a time.
pub(crate) enum Door {
    Tcp {
        listener: TcpListener,
        wire: Option<Wire>,
    },
    /// Whether anybody has said something since it was opened last.
    Tty {
        wire: Wire,
        is_used: bool,
    },
}

impl Door {
    pub(crate) fn open(listen: Listen) -> Result<(Self, Address), Error> {
        let failed = |error: io::Error| Error::NoConnection {
            at: Untrusted::from("this computer"),
            reason: Untrusted::new(error.to_string()),
        };
        match listen {
            Listen::Tcp(port) => {
                let listener = TcpListener::bind(("127.0.0.1", port)).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?.to_string();
                Ok((Self::Tcp { listener, wire: None }, Address::Tcp(address)))
            }
            Listen::Pty => {
                let (wire, path): (Wire, PathBuf) = pseudo_terminal().map_err(failed)?;
                Ok((Self::Tty { wire, is_used: false }, Address::Tty(path)))
            }
        }
    }

    /// What has come; [`ChannelLost`] once when a connection ends.
    pub(crate) fn receive(
        &mut self,
        outbox: &mut Outbox<FRAME_BYTES>,
    ) -> Result<Vec<u8>, ChannelLost> {
        let mut buffer = [0; 1_024];
        match self {
            Self::Tcp { listener, wire } => {
                let Some(there) = wire else {
                    *wire = listener.accept().ok().and_then(|(stream, _)| Wire::tcp(stream).ok());
                    return Ok(Vec::new());
                };
                let sent = outbox.send(there).map(|_| ());
                let came = sent.and_then(|()| there.receive(&mut buffer));
                if came.is_err() {
                    *wire = None;
                }
                came.map(|count| buffer[..count].to_vec())
            }
            Self::Tty { wire, is_used } => {
                let sent = outbox.send(wire).map(|_| ());
                match sent.and_then(|()| wire.receive(&mut buffer)) {
                    Ok(count) => {
                        *is_used |= count > 0;
                        Ok(buffer[..count].to_vec())
                    }
                    Err(ChannelLost) if *is_used => {
                        *is_used = false;
                        Err(ChannelLost)
                    }
                    // Nobody has opened it yet.
                    Err(ChannelLost) => Ok(Vec::new()),
                }
            }
        }
    }

    /// Whether a pseudo-terminal is free for the next peer, once the one before has ended its link: who opens it again at once leaves no gap to see.
    const fn is_free(&mut self) -> bool {
        match self {
            Self::Tcp { .. } => false,
            Self::Tty { is_used, .. } => {
                *is_used = false;
                true
            }
        }
    }

    /// Sends an answer, or lets it be: a peer that does not read its answers gets no more of them.
    pub(crate) fn send(
        &mut self,
        outbox: &mut Outbox<FRAME_BYTES>,
        answer: &medsec_transport::frame::Outgoing<'_>,
    ) {
        if outbox.put(answer).is_ok() {
            let wire = match self {
                Self::Tcp { wire, .. } => wire.as_mut(),
                Self::Tty { wire, .. } => Some(wire),
            };
            // A loss shows when something is received next.
            let _sent = wire.map(|wire| outbox.send(wire));
        }
    }
}
