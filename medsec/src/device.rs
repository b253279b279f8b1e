//! The device: owns the log, the keys and the random source, and wires them to the port.

use medsec_audit::detect::{self, Detector, Rule};
use medsec_audit::hal::Watcher;
use medsec_audit::log::{Config, FormatError, Log, MaintainError, MountError, Progress, Tools};
use medsec_audit::{Birth, DeviceId, Place};
use medsec_core::Secret;
use medsec_core::agreement::AgreementKey;
use medsec_core::event::{
    Count, Event, FlashOperation, RandomTest, RecordError, Recorder, ResetCause, SystemEvent,
};
use medsec_core::flash::cell::PAGES;
use medsec_core::flash::ring::Retention;
use medsec_core::flash::{self, Operation, Region, checked_map};
use medsec_core::hal::{Clock, EntropySource, Flash};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::key::{DeviceKey, PublicKey};
use medsec_core::rng::{Random, RandomError, RngFault};
use medsec_core::suite::Suite;
use medsec_core::time::{Pause, Ticks, WallTime};

use crate::limiter::{LIMITED_RECORDS_MAX, LIMITED_WINDOW_MS, Limiter};
use crate::link::budget::Budgets;
use crate::wall_clock::WallClock;

/// Sessions after which the cell nears the end of its erases: 80 % of 4 pages × 10,000.
pub const SESSIONS_WARNING: u32 = 32_000;

/// Where things lie on the part, whose the device is, and what its log does when full.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Model number of the device, part of its id.
    pub model: u32,
    /// Four pages for the cell.
    pub cell: Region,
    /// Pages of the log.
    pub log: Region,
    /// What a full log does.
    pub retention: Retention,
}

/// What a maker's board gives to medsec.
pub trait Port {
    /// The algorithm suite of this firmware.
    type Suite: Suite;
    /// The flash that holds the regions of [`Port::PROFILE`].
    type Flash: Flash;
    /// The raw noise source.
    type Entropy: EntropySource;
    /// The clock of this boot.
    type Clock: Clock;

    /// The device's map and policy.
    const PROFILE: Profile;

    /// The rules by which attacks and failures are detected. A table that is too long does not compile.
    const RULES: &'static [Rule] = detect::RULES;

    /// Hands the flash, the noise source and the clock over. Called once, at boot.
    fn parts(self) -> (Self::Flash, Self::Entropy, Self::Clock);
}

/// The secrets that belong to one device, from wherever its port keeps them.
pub struct Identity {
    /// Root of all keys for data at rest.
    pub storage_root: Secret<32>,
    /// Seed of the device's signing key.
    pub signing_seed: Secret<32>,
    /// Who can open the log.
    pub log_authority: AgreementKey,
}

/// Why the device has no log. Its essential function goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum BootError {
    /// There is no log on the flash, or it cannot be read.
    Log(MountError),
}

impl core::fmt::Display for BootError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for BootError {}

/// How the device's security service is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Health {
    /// The log.
    pub log: medsec_audit::Health,
    /// Whether the random source serves keys; the fault if it does not.
    pub random: Result<(), RandomError>,
    /// A record was refused in this boot.
    pub records_lost: bool,
}

/// What the device itself has recorded in this boot, one bit each.
#[derive(Clone, Copy, Default)]
struct Recorded(u8);

impl Recorded {
    const BOOT: u8 = 1;
    const STORM: u8 = 2;
    const WEAR: u8 = 4;
    const RANDOM: u8 = 8;
    const NEARLY_FULL: u8 = 16;
    const DAMAGE: u8 = 32;
    const FLASH: u8 = 64;

    const fn lacks(self, what: u8) -> bool {
        self.0 & what == 0
    }
}

/// A device with medsec inside.
///
/// # Limits
/// No call but [`Device::maintain`] erases; that one erases at most one page, or a slice of one within the pause it is
/// lent, per call (invariant 1). RAM: that of [`Log`] and of [`Detector`], and about 220 bytes.
///
/// What is recorded is watched by the rules of [`Port::RULES`]. A [`Watcher`] hears of what they find, if one was given to
/// [`Device::boot_watched`]; [`Device::maintain`] records it in any case, and nothing else follows.
pub struct Device<P: Port, W: Watcher = ()> {
    flash: P::Flash,
    clock: P::Clock,
    random: Random<P::Entropy>,
    key: DeviceKey,
    links: Option<LinkAuthority>,
    log: Log<P::Suite>,
    cause: ResetCause,
    recorded: Recorded,
    limiter: Limiter,
    budgets: Budgets,
    wall: WallClock,
    detector: Detector,
    watcher: W,
}

/// The log's configuration on `P` for `identity`.
fn config<P: Port>(identity: &Identity, key: &DeviceKey) -> Config {
    let [cell, ring] = Device::<P>::MAP;
    Config {
        cell,
        ring,
        retention: P::PROFILE.retention,
        device: device_id(P::PROFILE.model, &key.public()),
        authority: identity.log_authority,
    }
}

/// The id of a device: the first 16 bytes of SHA-256(`medsec/v1/core/device-id` || model || signing key).
#[must_use]
pub fn device_id(model: u32, key: &PublicKey) -> DeviceId {
    medsec_core::key::device_id(model, key)
}

impl<P: Port> Device<P> {
    /// The regions of the port. Overlapping or empty ones do not compile.
    const MAP: [Region; 2] = checked_map([P::PROFILE.cell, P::PROFILE.log]);
    /// The rules of the port. Too many do not compile.
    const RULES: &'static [Rule] = detect::checked(P::RULES);

    /// Makes an empty log on a new device. For the production line, once.
    ///
    /// `station_seed` comes from the station; it carries the strength of a part with a weak noise source.
    ///
    /// # Errors
    /// [`FormatError`]; format again.
    pub fn format(
        port: P,
        identity: &Identity,
        station_seed: Secret<32>,
    ) -> Result<P::Flash, FormatError> {
        let (mut flash, entropy, _) = port.parts();
        let key = DeviceKey::from_seed(&identity.signing_seed);
        let config = config::<P>(identity, &key);
        let mut random = Random::new(entropy);
        let _latched = random.start(station_seed, &config.device);
        let mut draw = || {
            let mut secret = Secret::new([0; 32]);
            random
                .fill_degraded(secret.expose_mut())
                .map(|()| secret)
                .map_err(|_| FormatError::Seal)
        };
        let birth = Birth { audit: draw()?, ephemeral: draw()?, seed: draw()? };
        Log::<P::Suite>::format(&mut flash, &config, &identity.storage_root, birth)?;
        Ok(flash)
    }

    /// Finds the device's log; reads only. [`Device::maintain`] then starts its session.
    ///
    /// # Errors
    /// [`BootError`], with nothing changed.
    pub fn boot(port: P, identity: &Identity, cause: ResetCause) -> Result<Self, BootError> {
        Self::boot_watched(port, identity, cause, ())
    }
}

impl<P: Port, W: Watcher> Device<P, W> {
    /// As [`Device::boot`]; `watcher` hears of what is detected in this boot.
    ///
    /// # Errors
    /// As [`Device::boot`].
    pub fn boot_watched(
        port: P,
        identity: &Identity,
        cause: ResetCause,
        watcher: W,
    ) -> Result<Self, BootError> {
        let (mut flash, entropy, clock) = port.parts();
        let key = DeviceKey::from_seed(&identity.signing_seed);
        let config = config::<P>(identity, &key);
        let mut log =
            Log::mount(&mut flash, config, &identity.storage_root).map_err(BootError::Log)?;
        log.request_session();
        log.request_random();
        Ok(Self {
            flash,
            clock,
            random: Random::new(entropy),
            key,
            links: None,
            log,
            cause,
            recorded: Recorded::default(),
            limiter: Limiter::new(LIMITED_RECORDS_MAX, LIMITED_WINDOW_MS),
            budgets: Budgets::new(),
            wall: WallClock::UNSET,
            detector: Detector::new(Device::<P>::RULES),
            watcher,
        })
    }

    /// Records `event`. At most 2 programs, no erase.
    ///
    /// # Errors
    /// [`RecordError`]; [`RecordError::NotReady`] until [`Device::maintain`] has done what is due.
    pub fn log<E: Event>(&mut self, event: &E) -> Result<Place, RecordError> {
        let now = self.clock.now();
        self.append(event, now)
    }

    /// Records `event`, which anybody can cause again and again: a refused key, a wrong password, a stranger's message.
    ///
    /// In each window of [`LIMITED_WINDOW_MS`] the first
    /// [`LIMITED_RECORDS_MAX`] of all such events are recorded; the others are counted, and
    /// [`Device::maintain`] records their number ([`SystemEvent::RecordsSuppressed`]) when the window is over. So nobody
    /// pushes evidence out of a log that overwrites, or fills one that blocks. `None`: it was counted.
    ///
    /// # Power loss
    /// A number that was not recorded yet is lost.
    ///
    /// # Errors
    /// As [`Device::log`].
    pub fn log_limited<E: Event>(&mut self, event: &E) -> Result<Option<Place>, RecordError> {
        let now = self.clock.now();
        if !self.limiter.admits(now) {
            self.observe(event, now);
            return Ok(None);
        }
        let place = self.append(event, now)?;
        self.limiter.recorded();
        Ok(Some(place))
    }

    /// Lets the rules of detection see what is not recorded.
    pub(crate) fn observe<E: Event>(&mut self, event: &E, now: Ticks) {
        self.detector.observe_append(event, &Ok(()), now, &mut self.watcher);
    }

    /// How often links may be recorded.
    pub(crate) const fn budgets(&mut self) -> &mut Budgets {
        &mut self.budgets
    }

    /// Records `event` from the reserve of a blocking log: what leads to its being emptied.
    ///
    /// # Errors
    /// As [`Device::log`].
    pub fn log_reserved<E: Event>(&mut self, event: &E) -> Result<Place, RecordError> {
        let now = self.clock.now();
        let stored = self.log.append_reserved(&mut self.flash, event, now);
        self.detector.observe_append(event, &stored, now, &mut self.watcher);
        stored
    }

    /// Does the next thing that is due, within `pause`. Call it whenever therapy can spare the time.
    ///
    /// # Errors
    /// [`MaintainError`]; nothing stored is lost.
    pub fn maintain(&mut self, pause: &Pause<'_>) -> Result<Progress, MaintainError> {
        let now = self.clock.now();
        let mut tools = Tools { random: &mut self.random, key: &self.key, now, pause };
        let progress = self.log.maintain(&mut self.flash, &mut tools)?;
        let rests = self.log.is_running() && progress == Progress::Idle;
        if rests && (self.record_suppressed(now) || self.record_pending(now)) {
            return Ok(Progress::More);
        }
        Ok(progress)
    }

    /// How the security service is.
    #[must_use]
    pub fn health(&self) -> Health {
        let log = self.log.health();
        Health { log, random: self.random.verdict(), records_lost: log.refused > 0 }
    }

    /// The public half of the device's signing key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The log itself: checkpoints, export, clearing.
    pub const fn log_mut(&mut self) -> (&mut Log<P::Suite>, &mut P::Flash) {
        (&mut self.log, &mut self.flash)
    }

    /// What a sealed file is signed with, and where its key and the ephemeral keys of links come from.
    pub(crate) const fn sender(&mut self) -> (&DeviceKey, &mut Random<P::Entropy>) {
        (&self.key, &mut self.random)
    }

    /// The right to say who is at the other end of a link; none as long as there can be no keys.
    pub(crate) fn links(&mut self) -> Option<&LinkAuthority> {
        if self.links.is_none() {
            self.links = LinkAuthority::take(&mut self.random);
        }
        self.links.as_ref()
    }

    /// The time since power-on.
    pub fn now(&mut self) -> Ticks {
        self.clock.now()
    }

    /// Sets the wall clock, once that is recorded: as [`SystemEvent::ClockSet`], or as [`SystemEvent::ClockWentBack`] if
    /// there was a later time in this boot.
    ///
    /// Nothing in medsec is ordered or timed by it: records carry ticks and a sequence number. Each boot starts without
    /// a wall time.
    ///
    /// # Trust
    /// `time` says itself where it comes from; the caller answers for that.
    ///
    /// # Errors
    /// As [`Device::log`]; the clock is then as it was.
    pub fn set_wall_time(&mut self, time: WallTime) -> Result<(), RecordError> {
        let now = self.clock.now();
        let (from, latest) = (self.wall.time(now), self.wall.latest(now));
        let event = if time.unix_seconds < latest.unix_seconds {
            SystemEvent::ClockWentBack { from: latest, to: time }
        } else {
            SystemEvent::ClockSet { from, to: time }
        };
        self.append(&event, now)?;
        self.wall.set(time, now);
        Ok(())
    }

    /// The wall time; of unknown source until it is set in this boot.
    pub fn wall_time(&mut self) -> WallTime {
        self.wall.time(self.clock.now())
    }

    /// The latest wall time there was in this boot: what expires is judged by it, so that a clock set back re-opens
    /// nothing.
    pub fn latest_wall_time(&mut self) -> WallTime {
        self.wall.latest(self.clock.now())
    }

    /// Records how many events were left out, if that is due and can be recorded.
    fn record_suppressed(&mut self, now: Ticks) -> bool {
        for which in 0..3_u8 {
            let Some(count) = self.limiter(which).due(now) else { continue };
            let event = SystemEvent::RecordsSuppressed { count: Count::new(count) };
            let stored = self.append(&event, now).is_ok();
            if stored {
                self.limiter(which).told(now);
            }
            return stored;
        }
        false
    }

    /// The limiters one by one: that of the device itself, then those of links.
    const fn limiter(&mut self, which: u8) -> &mut Limiter {
        if which == 0 { &mut self.limiter } else { self.budgets.limiter(which) }
    }

    /// Records the first of what the device itself has to say. Says whether there was something and it was recorded.
    fn record_pending(&mut self, now: Ticks) -> bool {
        let health = self.log.health();
        let recorded = self.recorded;
        let (what, event) = if recorded.lacks(Recorded::BOOT) {
            (Recorded::BOOT, SystemEvent::BootCompleted { cause: self.cause })
        } else if health.live_pages >= PAGES && recorded.lacks(Recorded::STORM) {
            (Recorded::STORM, SystemEvent::BootStorm { boots: Count::new(health.live_pages) })
        } else if health.sessions >= SESSIONS_WARNING && recorded.lacks(Recorded::WEAR) {
            let erases = Count::new(health.sessions.wrapping_shr(2));
            (Recorded::WEAR, SystemEvent::WearWarning { erases })
        } else if let (Err(RandomError::Fault(fault)), true) =
            (self.random.verdict(), recorded.lacks(Recorded::RANDOM))
        {
            (Recorded::RANDOM, SystemEvent::RngFault { test: random_test(fault) })
        } else if let (Some(fault), true) = (health.fault, recorded.lacks(Recorded::FLASH)) {
            (Recorded::FLASH, flash_fault(&fault))
        } else if let (Some(digest), true) =
            (self.log.damaged_page(), recorded.lacks(Recorded::DAMAGE))
        {
            (Recorded::DAMAGE, SystemEvent::DamagedPage { digest })
        } else if health.used_per_mille >= 800 && recorded.lacks(Recorded::NEARLY_FULL) {
            let pages_free = Count::new(health.pages_free);
            (Recorded::NEARLY_FULL, SystemEvent::LogNearlyFull { pages_free })
        } else {
            return self.record_detection(now);
        };
        let stored = self.append(&event, now);
        if stored.is_ok() {
            self.recorded = Recorded(recorded.0 | what);
        }
        stored.is_ok()
    }

    /// Records the first detection that is due; says whether it was recorded. What a detector found is not shown to it
    /// again.
    fn record_detection(&mut self, now: Ticks) -> bool {
        let Some(detection) = self.detector.due() else {
            return false;
        };
        match self.log.append(&mut self.flash, &detection.event(), now) {
            Ok(_) => self.detector.recorded(&detection),
            Err(RecordError::NotReady) => return false,
            Err(_) => {
                self.detector.refused(&detection);
                return false;
            }
        }
        true
    }

    /// Appends `event`, then lets the detector see what became of it.
    fn append<E: Event>(&mut self, event: &E, now: Ticks) -> Result<Place, RecordError> {
        let stored = self.log.append(&mut self.flash, event, now);
        self.detector.observe_append(event, &stored, now, &mut self.watcher);
        stored
    }
}

impl<P: Port, W: Watcher> Recorder for Device<P, W> {
    fn record<E: Event>(&mut self, event: &E) -> Result<(), RecordError> {
        self.log(event).map(|_| ())
    }
}

/// The test in the catalogue that stands for `fault`.
const fn flash_fault(fault: &flash::Error) -> SystemEvent {
    let operation = match fault.operation {
        Operation::Read => FlashOperation::Read,
        Operation::Program => FlashOperation::Program,
        Operation::Erase | _ => FlashOperation::Erase,
    };
    SystemEvent::FlashFault { operation, offset: Count::new(fault.offset) }
}

const fn random_test(fault: RngFault) -> RandomTest {
    match fault {
        RngFault::Repetition => RandomTest::Repetition,
        RngFault::Proportion => RandomTest::Proportion,
        RngFault::Lag => RandomTest::Lag,
        RngFault::Bias => RandomTest::Bias,
        RngFault::Block => RandomTest::Block,
        RngFault::Source | _ => RandomTest::Source,
    }
}
