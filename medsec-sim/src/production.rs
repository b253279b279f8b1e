//! A production line: a maker's authority and station, and units that are made on it.
//!
//! The station is a small one, for tests and drivers: it keeps its book in memory and takes the answers of a unit apart by itself. The one of
//! the host tool is another.

use medsec::auth::credential::Claim;
use medsec::auth::hal::{HeldPepper, SameFlash};
use medsec::auth::lockout::{AtCut, Config, Policy};
use medsec::core::agreement::AgreementSecret;
use medsec::core::flash::Region;
use medsec::core::flash::cell::Progress;
use medsec::core::hal::{DebugLock, DebugState};
use medsec::core::identity::Day;
use medsec::core::identity::birth::{Birth, BirthCell};
use medsec::core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec::core::identity::own::OwnCell;
use medsec::core::identity::permit::Actions;
use medsec::core::identity::trust::{Anchor, Origin, Trust};
use medsec::core::key::{DeviceKey, PublicKey, device_id};
use medsec::core::rng::Random;
use medsec::core::suite::Aes256Gcm;
use medsec::production::{OUT_BYTES_MIN, Parts, Production, Unmade};
use medsec::{
    Device, Identity, Pause, People, Port, Profile, ResetCause, Retention, Secret, Staff, policy,
};

use crate::clock::SimClock;
use crate::flash::FaultFlash;
use crate::rng::Noise;

/// Model number of the units.
pub const MODEL: u32 = 0x5049_0002;
/// Pages of a unit's part, of 4,096 bytes each.
pub const PAGES: u32 = 32;
const PAGE: u32 = 4_096;
/// Where what a unit is born with lies.
pub const BIRTH: Region = Region::new(24 * PAGE, 4 * PAGE);
/// Where its certificate lies.
pub const OWN: Region = Region::new(28 * PAGE, 4 * PAGE);

mod station;

pub use station::{Cable, NoAnswer, StationKeys, StationLink, hello};

policy! {
    /// A policy for units on which there is nobody yet.
    pub policy LinePolicy;

    /// Its roles.
    pub roles LineRole {
        /// The first person of an owner.
        Administrator = 0 may [Manage] assigns [Administrator],
    }

    permissions {
        /// Makes people known.
        Manage = 0 [Administration, TwoFactors, Local] people,
    }

    apart {}
}

/// The people that a unit has place for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Nobody {}

impl Staff for Nobody {
    type Policy = LinePolicy;
    type Pepper = HeldPepper<SameFlash>;

    const ATTEMPTS: Config = Config {
        region: Region::new(12 * PAGE, 4 * PAGE),
        policy: Policy::DEFAULT,
        at_cut: AtCut::KeepsPage,
    };
    const STORE: Region = Region::new(16 * PAGE, 8 * PAGE);
}

/// The board of a unit, for one boot.
#[derive(Debug)]
pub struct LineBoard<'a, const READ: usize, const WRITE: usize, const BYTES: usize> {
    flash: &'a mut FaultFlash<READ, WRITE, BYTES>,
    noise: Noise,
    clock: SimClock,
}

impl<'a, const READ: usize, const WRITE: usize, const BYTES: usize> Port
    for LineBoard<'a, READ, WRITE, BYTES>
{
    type Suite = Aes256Gcm;
    type Flash = &'a mut FaultFlash<READ, WRITE, BYTES>;
    type Entropy = Noise;
    type Clock = SimClock;

    const PROFILE: Profile = Profile {
        model: MODEL,
        cell: Region::new(0, 4 * PAGE),
        log: Region::new(4 * PAGE, 8 * PAGE),
        retention: Retention::Overwrite,
    };

    fn parts(self) -> (Self::Flash, Self::Entropy, Self::Clock) {
        (self.flash, self.noise, self.clock)
    }
}

/// The debug port of a unit, which is locked from the next reset on, or at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LineDebug {
    /// The lock has effect at once.
    pub is_prompt: bool,
    is_asked: bool,
    is_locked: bool,
}

impl LineDebug {
    /// One that is open.
    #[must_use]
    pub const fn open(is_prompt: bool) -> Self {
        Self { is_prompt, is_asked: false, is_locked: false }
    }

    /// The unit is switched on.
    pub const fn reset(&mut self) {
        self.is_locked = self.is_asked;
    }
}

impl DebugLock for LineDebug {
    const LOCKABLE: bool = true;

    fn read_state(&mut self) -> DebugState {
        if self.is_locked { DebugState::Locked } else { DebugState::Open }
    }

    fn lock(&mut self) {
        self.is_asked = true;
        self.is_locked = self.is_locked || self.is_prompt;
    }
}

/// The secret of the chip of unit `number`, and its number.
#[must_use]
pub fn chip(number: u64) -> (Secret<32>, [u8; 8]) {
    let mut secret = [0x77; 32];
    secret[..8].copy_from_slice(&number.to_le_bytes());
    (Secret::new(secret), number.to_be_bytes())
}

/// A maker: who certifies stations and devices, and reads the log of what has no owner yet.
pub struct Maker {
    signer: DeviceKey,
    log_authority: AgreementSecret,
    /// Its anchor.
    pub anchors: [Anchor; 1],
}

impl Maker {
    /// The maker `number`.
    #[must_use]
    pub fn new(number: u8) -> Self {
        let signer = DeviceKey::from_seed(&Secret::new([number; 32]));
        let anchor = Anchor {
            origin: Origin::Maker,
            key: signer.public(),
            may_issue: Kinds::of(&[Kind::Device, Kind::Station, Kind::Service]),
            roles: 0xff,
            scope: NO_SCOPE,
            model: 0,
            min_epoch: 0,
            permits: Actions::NONE,
        };
        let log_authority = AgreementSecret::from_bytes(Secret::new([number ^ 0x55; 32]));
        Self { signer, log_authority, anchors: [anchor] }
    }

    /// A certificate for these keys; a device's names its model and itself.
    #[must_use]
    pub fn certify(
        &self,
        kind: Kind,
        serial: u32,
        agreement: &[u8; 32],
        signing: &PublicKey,
    ) -> Option<Certificate> {
        let is_device = kind == Kind::Device;
        let claims = Claims {
            kind,
            suites: 0b11,
            is_test: false,
            serial,
            issuer: self.signer.public().kid(),
            epoch: u32::from(!is_device),
            not_before: None,
            not_after: None,
            roles: 0,
            may_issue: Kinds::NONE,
            model: if is_device { MODEL } else { 0 },
            scope: NO_SCOPE,
            subject: if is_device { device_id(MODEL, signing) } else { [0x57; 16] },
        };
        let agreement = medsec::core::agreement::AgreementKey::parse(agreement).ok()?;
        Unsigned::new(claims, Some(&agreement), Some(signing)).ok()?.sign(&self.signer).ok()
    }

    /// What a unit keeps of it, beside what it is born with.
    #[must_use]
    pub fn identity(&self, birth: &Birth) -> Identity {
        Identity {
            storage_root: birth.storage_root.duplicate(),
            signing_seed: birth.signing_seed.duplicate(),
            log_authority: self.log_authority.public(),
        }
    }
}

impl core::fmt::Debug for Maker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Maker")
    }
}

/// What went wrong on the line, in words.
pub type Fault = String;

fn said<E: core::fmt::Display>(what: &'static str) -> impl Fn(E) -> Fault {
    move |error| format!("{what}: {error}")
}

/// Makes the unit `number` on a blank part: the first boot.
///
/// # Errors
/// What failed.
pub fn bear<const READ: usize, const WRITE: usize, const BYTES: usize>(
    flash: &mut FaultFlash<READ, WRITE, BYTES>,
    maker: &Maker,
    number: u64,
) -> Result<(), Fault> {
    let mut random = Random::new(<Noise>::good(number ^ 0x0B1A));
    let (part, id) = chip(number);
    let started = random.start(Secret::new([0x5D; 32]), &id);
    started.map_err(said("noise"))?;
    let birth = Birth::draw(&mut random).map_err(said("birth"))?;
    BirthCell::format(flash, BIRTH, &part, &birth).map_err(said("birth"))?;
    let identity = maker.identity(&birth);
    OwnCell::format(flash, OWN, &birth.storage_root).map_err(said("certificate"))?;
    let noise = Noise::good(number ^ 0x0B1B);
    let board = LineBoard { flash: &mut *flash, noise, clock: SimClock::new() };
    Device::format(board, &identity, Secret::new([0x5E; 32])).map_err(said("log"))?;
    People::<LineBoard<'_, READ, WRITE, BYTES>, Nobody>::format(
        &mut &mut *flash,
        &identity,
        &Claim::none(),
    )
    .map_err(said("people"))
}

/// What a unit is in one boot, but for its part.
pub struct UnitKeys {
    /// What it was born with.
    pub birth: Birth,
    agreement: AgreementSecret,
    identity: Identity,
    chip: [u8; 8],
}

impl UnitKeys {
    /// Finds what the unit `number` was born with.
    ///
    /// # Errors
    /// What failed; the power may be off.
    pub fn find<const READ: usize, const WRITE: usize, const BYTES: usize>(
        flash: &mut FaultFlash<READ, WRITE, BYTES>,
        maker: &Maker,
        number: u64,
    ) -> Result<Self, Fault> {
        let (part, chip) = chip(number);
        let mut cell = BirthCell::mount(flash, BIRTH, &part).map_err(said("birth"))?;
        let mut lender = ();
        while cell.settle(flash, &Pause::lend(&mut lender, 100)).map_err(said("birth"))?
            != Progress::Done
        {}
        let birth = cell.secrets().ok_or("birth: no secrets")?;
        let agreement = AgreementSecret::from_bytes(birth.agreement.duplicate());
        let identity = maker.identity(&birth);
        Ok(Self { birth, agreement, identity, chip })
    }
}

impl core::fmt::Debug for UnitKeys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("UnitKeys")
    }
}

type Board<'a, const READ: usize, const WRITE: usize, const BYTES: usize> =
    LineBoard<'a, READ, WRITE, BYTES>;

/// A unit that is switched on, at the end of a station's cable.
pub struct LineUnit<'a, const READ: usize, const WRITE: usize, const BYTES: usize> {
    /// The device.
    pub device: Device<Board<'a, READ, WRITE, BYTES>>,
    /// Its people.
    pub people: People<Board<'a, READ, WRITE, BYTES>, Nobody>,
    /// Its certificate.
    pub own: OwnCell,
    debug: &'a mut LineDebug,
    end: Production<'a, Aes256Gcm>,
}

impl<'a, const READ: usize, const WRITE: usize, const BYTES: usize>
    LineUnit<'a, READ, WRITE, BYTES>
{
    /// Boots it.
    ///
    /// # Errors
    /// What failed; the power may be off.
    pub fn boot(
        flash: &'a mut FaultFlash<READ, WRITE, BYTES>,
        (maker, keys): (&'a Maker, &'a UnitKeys),
        debug: &'a mut LineDebug,
        noise: u64,
    ) -> Result<Self, Fault> {
        debug.reset();
        let identity = &keys.identity;
        let own =
            OwnCell::mount(flash, OWN, &identity.storage_root).map_err(said("certificate"))?;
        let board = LineBoard { flash, noise: Noise::good(noise), clock: SimClock::new() };
        let mut device = Device::boot(board, identity, ResetCause::PowerOn).map_err(said("log"))?;
        let mut lender = ();
        while device.maintain(&Pause::lend(&mut lender, 100)).map_err(said("log"))?
            != medsec::audit::Progress::Idle
        {}
        let pepper = HeldPepper::from_same_flash(keys.birth.pepper.duplicate());
        let people = People::boot(&mut device, identity, pepper).map_err(said("people"))?;
        if let Some(why) = people.unmounted() {
            return Err(format!("people: {why}"));
        }
        let unmade = Unmade {
            agreement: &keys.agreement,
            trust: Trust::new(&maker.anchors, &[], &[]).map_err(said("anchors"))?,
            floor: Day::FIRST,
            chip: keys.chip,
            revision: 3,
            firmware: [0xF1; 32],
        };
        let end = Production::new(unmade, device.now());
        Ok(Self { device, people, own, debug, end })
    }

    /// Takes a message of the station, and gives the answer, if there is one.
    pub fn receive(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; OUT_BYTES_MIN];
        let mut parts = Parts {
            device: &mut self.device,
            people: &mut self.people,
            own: &mut self.own,
            debug: &mut *self.debug,
        };
        let answer = self.end.receive(&mut parts, &mut message.to_vec(), &mut out).ok()??;
        Some(answer.bytes().to_vec())
    }
}

impl<const READ: usize, const WRITE: usize, const BYTES: usize> core::fmt::Debug
    for LineUnit<'_, READ, WRITE, BYTES>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LineUnit")
    }
}
