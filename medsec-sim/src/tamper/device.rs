//! A device that writes a log and loses power, and the export that a host gets of it.

use medsec_audit::export::ExportHeader;
use medsec_audit::log::{Birth, Config, FormatError, Log, MaintainError, Progress, Tools};
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Count, Digest8, PrincipalId, RecordError, ResetCause, SystemEvent};
use medsec_core::flash::Region;
use medsec_core::flash::ring::Retention;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks, TimeSource, WallTime};
use medsec_core::{Secret, Sensitive, events};

use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;
use crate::rng::Noise;

events! {
    /// What the simulated device records beside the events of the system.
    enum DeviceEvent {
        /// A person was served.
        Served = 0x4001 [AccessControl, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// Who it was.
            encrypt person: Sensitive<[u8; 20]>,
        },
        /// A long note was taken.
        Noted = 0x4002 [RequestError, Operational, MinorFailure] {
            /// What it says.
            encrypt text: Sensitive<[u8; 60]>,
        },
    }
}

/// The model of the device.
pub const MODEL: u32 = 1;
/// Pages of its cell.
const CELL_PAGES: u32 = 4;

/// What a simulated device is made of.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Pages of the ring.
    pub pages: u32,
    /// What a full log does.
    pub retention: Retention,
    /// First byte of all its secrets.
    pub seed: u8,
}

fn secret(byte: u8) -> Secret<32> {
    Secret::new([byte; 32])
}

impl Setup {
    /// The device's signing key.
    #[must_use]
    pub fn key(&self) -> DeviceKey {
        DeviceKey::from_seed(&secret(self.seed.wrapping_add(2)))
    }

    /// The log authority's secret.
    #[must_use]
    pub fn authority(&self) -> AgreementSecret {
        AgreementSecret::from_bytes(self.authority_bytes())
    }

    /// Its bytes.
    #[must_use]
    pub fn authority_bytes(&self) -> Secret<32> {
        secret(self.seed.wrapping_add(3))
    }

    /// The audit secret the log is born with.
    #[must_use]
    pub fn first_audit(&self) -> Secret<32> {
        secret(self.seed.wrapping_add(4))
    }

    /// The device's id.
    #[must_use]
    pub fn device(&self) -> [u8; 16] {
        device_id(MODEL, &self.key().public())
    }

    fn root(&self) -> Secret<32> {
        secret(self.seed.wrapping_add(1))
    }

    fn config(&self, page: usize) -> Config {
        let page = u32::try_from(page).unwrap_or(0);
        let cell = CELL_PAGES * page;
        Config {
            cell: Region::new(0, cell),
            ring: Region::new(cell, self.pages * page),
            retention: self.retention,
            device: self.device(),
            authority: self.authority().public(),
        }
    }
}

/// The device, switched off or on.
pub struct Device<S: Suite, const R: usize, const W: usize, const P: usize> {
    /// Its flash.
    pub flash: FaultFlash<R, W, P>,
    setup: Setup,
    random: Random<Noise>,
    log: Option<Log<S>>,
    now: u64,
}

impl<S: Suite, const R: usize, const W: usize, const P: usize> Device<S, R, W, P> {
    /// A device as it leaves the factory, powered.
    ///
    /// # Errors
    /// [`FormatError`]: the geometry suits no log.
    pub fn new(setup: Setup, model: Model, seed: u64) -> Result<Self, FormatError> {
        let mut flash = FaultFlash::new(CELL_PAGES + setup.pages, model, seed);
        let birth = Birth {
            audit: setup.first_audit(),
            ephemeral: secret(setup.seed.wrapping_add(5)),
            seed: secret(setup.seed.wrapping_add(6)),
        };
        Log::<S>::format(&mut flash, &setup.config(P), &setup.root(), birth)?;
        let random = Random::new(Noise::good(seed));
        Ok(Self { flash, setup, random, log: None, now: 0 })
    }

    /// Power comes on and the log is mounted; whether there is one.
    pub fn boot(&mut self, seed: u64) -> bool {
        if self.flash.is_off() {
            self.flash.power_on();
        }
        self.random = Random::new(Noise::good(seed));
        self.now = 1;
        let config = self.setup.config(P);
        self.log = Log::mount(&mut self.flash, config, &self.setup.root()).ok();
        self.log.is_some()
    }

    /// Power goes, at once.
    pub fn power_off(&mut self) {
        self.flash.power_off();
        self.log = None;
    }

    /// Time goes by.
    pub fn wait(&mut self, ms: u64) {
        self.now += ms;
    }

    /// The log.
    pub fn log(&mut self) -> Option<&mut Log<S>> {
        self.log.as_mut()
    }

    /// Does all maintenance that is due.
    ///
    /// # Errors
    /// [`MaintainError`].
    pub fn maintain(&mut self) -> Result<(), MaintainError> {
        let Some(log) = self.log.as_mut() else { return Ok(()) };
        let key = self.setup.key();
        for _ in 0..256 {
            self.now += 1;
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 1);
            let now = Ticks::from_millis(self.now);
            let mut tools = Tools { random: &mut self.random, key: &key, now, pause: &pause };
            if log.maintain(&mut self.flash, &mut tools)? == Progress::Idle {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Records one of the events, drawn by chance.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn record(&mut self, prng: &mut Prng) -> Result<u64, RecordError> {
        let number = u32::try_from(prng.word() >> 40).unwrap_or(0);
        let by = PrincipalId::new(prng.word().to_le_bytes());
        let count = Count::new(number);
        let wall = |seconds| WallTime {
            unix_seconds: seconds,
            source: TimeSource::Person,
            uncertainty_seconds: 3,
        };
        let mut person = [0; 60];
        prng.fill(&mut person);
        let system = match prng.below(8) {
            0 => SystemEvent::BootCompleted { cause: ResetCause::BrownOut },
            1 => SystemEvent::ExportStarted { by },
            2 => SystemEvent::ClockSet { from: wall(u64::from(number)), to: wall(prng.word()) },
            3 => {
                let head = *person.first_chunk().unwrap_or(&[0; 20]);
                let person = Sensitive::new(head);
                return self.append(&DeviceEvent::Served { by, person });
            }
            4 => return self.append(&DeviceEvent::Noted { text: Sensitive::new(person) }),
            5 => SystemEvent::DamagedPage { digest: Digest8::of(&[1; 32]) },
            _ => SystemEvent::RecordsSuppressed { count },
        };
        self.append(&system)
    }

    /// Records `event`.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn append<E: medsec_core::event::Event>(&mut self, event: &E) -> Result<u64, RecordError> {
        let log = self.log.as_mut().ok_or(RecordError::NotReady)?;
        self.now += 7;
        let now = Ticks::from_millis(self.now);
        log.append(&mut self.flash, event, now).map(|place| place.seq)
    }

    /// What a host gets: the export of the mounted log, in one piece.
    #[must_use]
    pub fn export(&mut self) -> Option<Vec<u8>> {
        let log = self.log.as_ref()?;
        let bytes = usize::try_from(log.export_bytes()).ok()?;
        let mut export = vec![0; bytes];
        let mut done = 0;
        let mut cursor = log.export_start().ok()?;
        while done < bytes {
            let count =
                log.export(&mut self.flash, MODEL, &mut cursor, &mut export[done..]).ok()?;
            if count == 0 {
                return None;
            }
            done += count;
        }
        ExportHeader::parse(&export).is_ok().then_some(export)
    }
}
