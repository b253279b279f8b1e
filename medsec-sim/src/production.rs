//! A production line: a maker's authority and station, and units that are made on it.
//!
//! The station is a small one, for tests and drivers: it keeps its book in memory and takes the answers of a unit apart by itself. The one of
//! the host tool is another.

use medsec::auth::credential::Claim;
use medsec::auth::hal::{HeldPepper, SameFlash};
use medsec::auth::lockout::{AtCut, Config, Policy};
use medsec::core::agreement::{AgreementKey, AgreementSecret};
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
use medsec::transport::frame::Outgoing;
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

    /// One that was locked in an earlier boot.
    #[must_use]
    pub const fn locked() -> Self {
        Self { is_prompt: true, is_asked: true, is_locked: true }
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

/// A chip: the secret that it has, and its number.
#[derive(Clone, Copy)]
pub struct Chip {
    /// The secret.
    pub secret: [u8; 32],
    /// The number.
    pub id: [u8; 8],
}

impl Chip {
    /// That of unit `number`.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let mut secret = [0x77; 32];
        secret[..8].copy_from_slice(&number.to_le_bytes());
        Self { secret, id: number.to_be_bytes() }
    }
}

impl core::fmt::Debug for Chip {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Chip")
    }
}

/// What the firmware of a unit has of its maker.
#[derive(Clone, Copy, Debug)]
pub struct Firmware<'a> {
    /// Whose certificates it takes.
    pub anchors: &'a [Anchor],
    /// Who reads the log of what has no owner yet.
    pub log_authority: AgreementKey,
}

impl Firmware<'_> {
    fn identity(&self, birth: &Birth) -> Identity {
        Identity {
            storage_root: birth.storage_root.duplicate(),
            signing_seed: birth.signing_seed.duplicate(),
            log_authority: self.log_authority,
        }
    }
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
        self.certify_for(0b11, kind, serial, agreement, signing)
    }

    /// A station that is for one model.
    pub(crate) fn certify_station(
        &self,
        model: u32,
        serial: u32,
        agreement: &[u8; 32],
        signing: &PublicKey,
    ) -> Option<Certificate> {
        let general = self.certify(Kind::Station, serial, agreement, signing)?;
        let claims = Claims { model, ..*general.claims() };
        let agreement = AgreementKey::parse(agreement).ok()?;
        Unsigned::new(claims, Some(&agreement), Some(signing)).ok()?.sign(&self.signer).ok()
    }

    /// The same for some suites only.
    #[must_use]
    pub fn certify_for(
        &self,
        suites: u8,
        kind: Kind,
        serial: u32,
        agreement: &[u8; 32],
        signing: &PublicKey,
    ) -> Option<Certificate> {
        let is_device = kind == Kind::Device;
        let claims = Claims {
            kind,
            suites,
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
        let agreement = AgreementKey::parse(agreement).ok()?;
        Unsigned::new(claims, Some(&agreement), Some(signing)).ok()?.sign(&self.signer).ok()
    }

    /// What a unit has of it.
    #[must_use]
    pub fn firmware(&self) -> Firmware<'_> {
        Firmware { anchors: &self.anchors, log_authority: self.log_authority.public() }
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

/// Makes a unit on a blank part: the first boot. `seed` draws its noise.
///
/// # Errors
/// What failed.
pub fn bear<const READ: usize, const WRITE: usize, const BYTES: usize>(
    flash: &mut FaultFlash<READ, WRITE, BYTES>,
    firmware: &Firmware<'_>,
    chip: &Chip,
    seed: u64,
) -> Result<(), Fault> {
    let mut random = Random::new(<Noise>::good(seed));
    let part = Secret::new(chip.secret);
    let started = random.start(Secret::new([0x5D; 32]), &chip.id);
    started.map_err(said("noise"))?;
    let birth = Birth::draw(&mut random).map_err(said("birth"))?;
    BirthCell::format(flash, BIRTH, &part, &birth).map_err(said("birth"))?;
    let identity = firmware.identity(&birth);
    OwnCell::format(flash, OWN, &birth.storage_root).map_err(said("certificate"))?;
    let noise = Noise::good(!seed);
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
    /// Finds what a unit was born with.
    ///
    /// # Errors
    /// What failed; the power may be off.
    pub fn find<const READ: usize, const WRITE: usize, const BYTES: usize>(
        flash: &mut FaultFlash<READ, WRITE, BYTES>,
        firmware: &Firmware<'_>,
        chip: &Chip,
    ) -> Result<Self, Fault> {
        let part = Secret::new(chip.secret);
        let mut cell = BirthCell::mount(flash, BIRTH, &part).map_err(said("birth"))?;
        let mut lender = ();
        while cell.settle(flash, &Pause::lend(&mut lender, 100)).map_err(said("birth"))?
            != Progress::Done
        {}
        let birth = cell.secrets().ok_or("birth: no secrets")?;
        let agreement = AgreementSecret::from_bytes(birth.agreement.duplicate());
        let identity = firmware.identity(&birth);
        Ok(Self { birth, agreement, identity, chip: chip.id })
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
    /// Its clock.
    pub clock: SimClock,
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
        (firmware, keys): (&Firmware<'a>, &'a UnitKeys),
        debug: &'a mut LineDebug,
        noise: u64,
    ) -> Result<Self, Fault> {
        debug.reset();
        let identity = &keys.identity;
        let own =
            OwnCell::mount(flash, OWN, &identity.storage_root).map_err(said("certificate"))?;
        let clock = SimClock::new();
        let board = LineBoard { flash, noise: Noise::good(noise), clock: clock.clone() };
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
            trust: Trust::new(firmware.anchors, &[], &[]).map_err(said("anchors"))?,
            floor: Day::FIRST,
            chip: keys.chip,
            revision: 3,
            firmware: [0xF1; 32],
        };
        let end = Production::new(unmade, device.now());
        Ok(Self { device, people, own, clock, debug, end })
    }

    /// Takes a message of the station, and gives the answer, if there is one.
    pub fn receive(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let mut out = [0; OUT_BYTES_MIN];
        let answer = self.answer(&mut message.to_vec(), &mut out)?;
        Some(answer.bytes().to_vec())
    }

    /// The same, as a channel takes it; `out` has [`OUT_BYTES_MIN`] bytes.
    pub fn answer<'m>(&mut self, message: &mut [u8], out: &'m mut [u8]) -> Option<Outgoing<'m>> {
        let mut parts = Parts {
            device: &mut self.device,
            people: &mut self.people,
            own: &mut self.own,
            debug: &mut *self.debug,
        };
        self.end.receive(&mut parts, message, out).ok().flatten()
    }
}

impl<const READ: usize, const WRITE: usize, const BYTES: usize> core::fmt::Debug
    for LineUnit<'_, READ, WRITE, BYTES>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LineUnit")
    }
}
