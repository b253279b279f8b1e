//! The device with the log.

use std::rc::Rc;

use medsec_audit::checkpoint::Statement;
use medsec_audit::log::{
    Birth, Config, DeviceId, FORGET_AFTER_MS, Log, MaintainError, Progress, Tools,
};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::RecordError;
use medsec_core::flash::Region;
use medsec_core::flash::ring::Retention;
use medsec_core::key::{DeviceKey, PublicKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks};

use super::host::{self, Claims, Evidence, MORE_MAX, Record};
use super::tap::{Seen, Tap};
use super::{
    CELL_PAGES, VARIANT_BLOCK, VARIANT_CHAIN, VARIANT_FAILURE, VARIANT_STEPS, VARIANT_STUCK,
};
use crate::exhaust::{Case, Life, Stop, Violation};
use crate::flash::FaultFlash;
use crate::powercut::ring::hash;
use crate::powercut::snapshot::Device;
use crate::prng::Prng;
use crate::rng::{Behaviour, Noise};

/// Steps of maintenance in which it must come to rest.
const WORK_MAX: u32 = 150;
/// Sessions of a chain before the history of [`VARIANT_CHAIN`] begins.
const CHAIN_BEFORE: u32 = 250;

/// The keys of device and host.
pub(super) struct Keyring {
    root: Secret<32>,
    key: DeviceKey,
    pub(super) public: PublicKey,
    pub(super) device: DeviceId,
    pub(super) authority: AgreementSecret,
}

impl Keyring {
    fn new() -> Self {
        let key = DeviceKey::from_seed(&Secret::new([2; 32]));
        let public = key.public();
        Self {
            root: Secret::new([1; 32]),
            device: device_id(1, &public),
            key,
            public,
            authority: AgreementSecret::from_bytes(Secret::new([3; 32])),
        }
    }
}

/// What a device does with its log.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum Act {
    #[default]
    Append,
    /// One step of maintenance.
    Step,
    /// Maintenance until nothing is due.
    Maintain,
    /// Starts a session and records nothing.
    Start,
    Checkpoint,
    Forget,
    Clear,
    /// Goes on for as long as therapy takes.
    Wait,
    Reboot,
}

/// A device that records, and what it knows must be found.
pub(super) struct Station<S: Suite> {
    keyring: Rc<Keyring>,
    config: Config,
    unit: u32,
    page_bytes: u32,
    steps: u32,
    chain: bool,
    fails_at: Option<u32>,
    noise: Behaviour,
    prng: Prng,
    now: u64,
    boots: u64,
    next: u32,
    records: Vec<Record>,
    anchor: Option<Statement>,
    seen: Seen,
    random: Random<Noise>,
    log: Option<Log<S>>,
    publicly: bool,
    /// The image that a host saw last, as a hash, and the one whose signatures it verified last.
    verified: [u64; 2],
}

/// Whether something was done, unless the power failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Yes,
    /// The log blocks and is full.
    Full,
    /// The part failed.
    Failed,
}

impl<S: Suite> Station<S> {
    pub(super) fn new<const READ: usize, const WRITE: usize, const PAGE: usize>(
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Self, Violation> {
        if case.variant & VARIANT_STEPS != 0 {
            flash.set_erase_steps(3);
        }
        let keyring = Rc::new(Keyring::new());
        let mut prng = Prng::new(case.seed);
        let cell = case.page.saturating_mul(CELL_PAGES);
        let ring = case.page.saturating_mul(case.pages).checked_sub(cell);
        let ring = ring.ok_or_else(|| Violation::new("harness", "too few pages"))?;
        let fails = case.variant & VARIANT_FAILURE != 0;
        Ok(Self {
            config: Config {
                cell: Region::new(0, cell),
                ring: Region::new(cell, ring),
                retention: if case.variant & VARIANT_BLOCK == 0 {
                    Retention::Overwrite
                } else {
                    Retention::Block
                },
                device: keyring.device,
                authority: keyring.authority.public(),
            },
            keyring,
            unit: case.read.max(case.write).max(4),
            page_bytes: case.page,
            steps: 25 + prng.below_u32(76),
            chain: case.variant & VARIANT_CHAIN != 0,
            fails_at: fails.then(|| 1 + prng.below_u32(120)),
            noise: if case.variant & VARIANT_STUCK == 0 {
                Behaviour::Good
            } else {
                Behaviour::Stuck(true)
            },
            prng,
            now: 0,
            boots: 0,
            next: 1,
            records: Vec::new(),
            anchor: None,
            seen: Seen::default(),
            random: Random::new(Noise::good(0)),
            log: None,
            publicly: case.seed.is_multiple_of(4),
            verified: [0; 2],
        })
    }

    fn blocks(&self) -> bool {
        self.config.retention == Retention::Block
    }

    fn claims(&self, signed: bool) -> Claims<'_> {
        Claims {
            keyring: &self.keyring,
            records: &self.records,
            anchor: self.anchor.as_ref(),
            signed,
        }
    }

    /// What a host says of the part as it is now, unless it said so already.
    fn verify(&mut self, image: &[u8], signed: bool) -> Result<(), Violation> {
        let sum = hash(image);
        let [seen, verified] = &mut self.verified;
        let known = if signed { *verified == sum } else { *seen == sum };
        if known {
            return Ok(());
        }
        *seen = sum;
        if signed {
            *verified = sum;
        }
        let evidence = Evidence::of_part(image, self.unit, self.page_bytes)
            .ok_or_else(|| Violation::new("harness", "image of another size"))?;
        let rests = host::check::<S>(&evidence, &self.claims(signed))?;
        if rests.is_some() {
            self.anchor = rests;
        }
        if self.publicly {
            host::check_publicly::<S>(&evidence, &self.claims(signed))?;
        }
        Ok(())
    }

    fn log(&mut self) -> Result<&mut Log<S>, Violation> {
        self.log.as_mut().ok_or_else(|| Violation::new("harness", "a step without a boot"))
    }

    /// One step of maintenance; nothing if nothing is due.
    fn step_once<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Option<Done>, Stop> {
        self.now += 1;
        let (mut lender, erases) = ((), flash.counts().erases);
        let pause = Pause::lend(&mut lender, 1);
        let mut tools = Tools {
            random: &mut self.random,
            key: &self.keyring.key,
            now: Ticks::from_millis(self.now),
            pause: &pause,
        };
        let Some(log) = self.log.as_mut() else { return Ok(Some(Done::Failed)) };
        let from = self.config.ring.offset();
        let mut tap = Tap { flash: &mut *flash, seen: &mut self.seen, from };
        let progress = log.maintain(&mut tap, &mut tools);
        self.seen.check()?;
        if flash.counts().erases > erases + 1 {
            return Err(Violation::new("maintain", "more than one erase").into());
        }
        match progress {
            Ok(Progress::Idle) => Ok(None),
            Ok(_) => Ok(Some(Done::Yes)),
            Err(_) if flash.is_off() => Err(Stop::PowerCut),
            Err(MaintainError::Full) if self.blocks() => Ok(Some(Done::Full)),
            Err(MaintainError::Flash(_)) if self.fails_at.is_some() => Ok(Some(Done::Failed)),
            Err(error) => Err(Violation::new("maintain", error.to_string()).into()),
        }
    }

    fn maintain<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Done, Stop> {
        for _ in 0..WORK_MAX {
            match self.step_once(flash)? {
                None => return Ok(Done::Yes),
                Some(Done::Yes | Done::Failed) => {}
                Some(Done::Full) => return Ok(Done::Full),
            }
        }
        Err(Violation::new("wedged", "maintenance never ends").into())
    }

    fn append<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        reserved: bool,
    ) -> Result<Done, Stop> {
        for _ in 0..4 {
            if let Some(done) = self.try_append(flash, reserved)? {
                return Ok(done);
            }
            if self.maintain(flash)? == Done::Full {
                return Ok(Done::Full);
            }
        }
        Err(Violation::new("wedged", "not ready although maintained").into())
    }

    /// Records; nothing if maintenance is due.
    fn try_append<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        reserved: bool,
    ) -> Result<Option<Done>, Stop> {
        let more = self.prng.below_u32(MORE_MAX + 1);
        let mut record = Record { number: self.next, more, place: None };
        self.next += 1;
        let now = Ticks::from_millis(self.now);
        let before = flash.counts();
        let Some(log) = self.log.as_mut() else { return Ok(Some(Done::Failed)) };
        let from = self.config.ring.offset();
        let mut tap = Tap { flash: &mut *flash, seen: &mut self.seen, from };
        let appended = if reserved {
            log.append_reserved(&mut tap, &record, now)
        } else {
            log.append(&mut tap, &record, now)
        };
        self.seen.check()?;
        let after = flash.counts();
        if after.erases != before.erases || after.programs > before.programs + 2 {
            return Err(Violation::new("append", "more than two programs, or an erase").into());
        }
        record.place = appended.ok();
        if after.programs != before.programs {
            self.records.push(record);
        }
        match appended {
            Ok(_) => Ok(Some(Done::Yes)),
            Err(_) if flash.is_off() => Err(Stop::PowerCut),
            Err(RecordError::NotReady) => Ok(None),
            Err(RecordError::Full) if self.blocks() => Ok(Some(Done::Full)),
            Err(RecordError::Fault) if self.fails_at.is_some() => Ok(Some(Done::Failed)),
            Err(error) => Err(Violation::new("append", error.to_string()).into()),
        }
    }

    fn clear<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Done, Stop> {
        for _ in 0..3 {
            self.log()?.request_clear();
            if self.maintain(flash)? != Done::Full {
                return Ok(Done::Yes);
            }
        }
        Err(Violation::new("wedged", "cannot be cleared").into())
    }

    /// Reads the log out in pieces and lets a host verify that.
    fn export<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<(), Violation> {
        let log = self.log()?;
        let mut export = Vec::new();
        let mut piece = [0; 1000];
        let refused = |error| Violation::new("export", format!("{error:?}"));
        let mut cursor = log.export_start().map_err(refused)?;
        loop {
            let count = log.export(flash, 1, &mut cursor, &mut piece).map_err(refused)?;
            export.extend_from_slice(&piece[..count]);
            if count == 0 {
                break;
            }
        }
        let evidence = Evidence::of_export(&export)
            .ok_or_else(|| Violation::new("export", "cannot be parsed"))?;
        host::check::<S>(&evidence, &self.claims(true))?;
        host::check_publicly::<S>(&evidence, &self.claims(true))
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, S: Suite>
    Life<FaultFlash<READ, WRITE, PAGE>> for Station<S>
{
    fn factory(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        let secret = |byte| Secret::new([byte; 32]);
        let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
        Log::<S>::format(flash, &self.config, &self.keyring.root, birth)
            .map_err(|error| Stop::of(flash, "format", &error))?;
        if self.chain {
            for _ in 0..CHAIN_BEFORE + self.prng.below_u32(8) {
                self.mount(flash)?;
                self.log()?.request_session();
                self.maintain(flash)?;
            }
        }
        if let Some(operation) = self.fails_at {
            flash.fail_after(operation);
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        self.mount(flash)?;
        let signed = self.boots.is_multiple_of(4);
        Ok(self.verify(&flash.image(), signed)?)
    }

    fn step(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>, _: u32) -> Result<(), Stop> {
        use Act::{Append, Checkpoint, Clear, Forget, Maintain, Reboot, Start, Step, Wait};
        let act = self.prng.choose(&[
            Append, Append, Append, Append, Append, Append, Append, Append, Append, Append, Step,
            Step, Maintain, Start, Checkpoint, Forget, Clear, Wait, Reboot, Reboot, Reboot,
        ]);
        let clears = self.blocks();
        let done = match act {
            Append => self.append(flash, false)?,
            Step => self.step_once(flash)?.unwrap_or(Done::Yes),
            Start => {
                self.log()?.request_session();
                self.maintain(flash)?
            }
            Checkpoint => {
                self.log()?.request_checkpoint();
                self.maintain(flash)?
            }
            Forget => {
                self.log()?.request_forget();
                self.maintain(flash)?
            }
            Clear if clears => self.clear(flash)?,
            Wait => {
                self.now += FORGET_AFTER_MS / 4;
                Done::Yes
            }
            Maintain | Clear => self.maintain(flash)?,
            Reboot => {
                flash.power_off();
                return Err(Stop::PowerCut);
            }
        };
        if done == Done::Full && self.prng.one(1, 2) {
            if self.log()?.is_running() && self.prng.one(1, 2) {
                self.append(flash, true)?;
            }
            self.clear(flash)?;
        }
        Ok(())
    }
}

impl<S: Suite> Station<S> {
    fn mount<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<(), Stop> {
        let writes = flash.operations();
        let log = Log::mount(flash, self.config, &self.keyring.root)
            .map_err(|error| Stop::of(flash, "mount", &error))?;
        if flash.operations() != writes {
            return Err(Violation::new("mount", "wrote").into());
        }
        self.log = Some(log);
        self.boots += 1;
        self.now = 0;
        // A stuck source gives every boot the same.
        let seed = if self.noise == Behaviour::Good { self.boots } else { 0 };
        self.random = Random::new(Noise::new(self.noise.clone(), seed));
        Ok(())
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, S: Suite>
    Device<FaultFlash<READ, WRITE, PAGE>> for Station<S>
{
    fn steps(&self) -> u32 {
        self.steps
    }

    fn at_rest(&self) -> Self {
        Self {
            keyring: Rc::clone(&self.keyring),
            config: self.config,
            unit: self.unit,
            page_bytes: self.page_bytes,
            steps: self.steps,
            chain: self.chain,
            fails_at: self.fails_at,
            noise: self.noise.clone(),
            prng: self.prng,
            now: self.now,
            boots: self.boots,
            next: self.next,
            records: self.records.clone(),
            anchor: self.anchor,
            seen: self.seen.clone(),
            random: Random::new(Noise::good(0)),
            log: None,
            publicly: self.publicly,
            verified: self.verified,
        }
    }

    fn close(&mut self, flash: &mut FaultFlash<READ, WRITE, PAGE>) -> Result<(), Stop> {
        for _ in 0..4 {
            match self.append(flash, false)? {
                Done::Yes if self.prng.one(1, 4) => return Ok(self.export(flash)?),
                Done::Yes => return Ok(()),
                Done::Full => {
                    self.clear(flash)?;
                }
                Done::Failed => {}
            }
        }
        Err(Violation::new("wedged", "nothing can be recorded").into())
    }
}
