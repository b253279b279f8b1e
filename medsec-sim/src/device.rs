//! A whole simulated board: a part, a noise source and a clock behind [`Port`], and a device's identity.

use medsec::audit::log::FormatError;
use medsec::core::agreement::AgreementSecret;
use medsec::core::flash::Region;
use medsec::core::key::{DeviceKey, PublicKey};
use medsec::core::suite::Aes256Gcm;
use medsec::{Device, Identity, Port, Profile, Retention, Secret};

use crate::clock::SimClock;
use crate::fault::Model;
use crate::flash::FaultFlash;
use crate::prng::Prng;
use crate::rng::Noise;

/// Bytes in a page of the simulated part.
pub const PAGE_BYTES: u32 = 4096;
/// Pages of the log.
pub const LOG_PAGES: u32 = 16;
/// Pages of the part.
pub const PAGES: u32 = 4 + LOG_PAGES;
/// Model number of the simulated device.
pub const MODEL: u32 = 0x5049_0001;

/// The simulated part: words of 4 bytes, as an nRF52840's.
pub type SimFlash = FaultFlash<4, 4, 4096>;

/// A board for one boot. The part outlives it.
#[derive(Debug)]
pub struct SimBoard<'a> {
    /// The part.
    pub flash: &'a mut SimFlash,
    /// The noise source.
    pub noise: Noise,
    /// The clock.
    pub clock: SimClock,
}

impl<'a> Port for SimBoard<'a> {
    type Suite = Aes256Gcm;
    type Flash = &'a mut SimFlash;
    type Entropy = Noise;
    type Clock = SimClock;

    const PROFILE: Profile = Profile {
        model: MODEL,
        cell: Region::new(0, 4 * PAGE_BYTES),
        log: Region::new(4 * PAGE_BYTES, LOG_PAGES * PAGE_BYTES),
        retention: Retention::Overwrite,
    };

    fn parts(self) -> (Self::Flash, Self::Entropy, Self::Clock) {
        (self.flash, self.noise, self.clock)
    }
}

/// The secrets of one simulated device and of its owner, all from one seed.
pub struct SimOwner {
    identity: [[u8; 32]; 2],
    authority: [u8; 32],
    station: [u8; 32],
}

impl SimOwner {
    /// An owner with one device.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut prng = Prng::new(seed);
        let mut draw = || {
            let mut bytes = [0; 32];
            prng.fill(&mut bytes);
            bytes
        };
        Self { identity: [draw(), draw()], authority: draw(), station: draw() }
    }

    /// What the device holds.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let [root, signing] = self.identity;
        Identity {
            storage_root: Secret::new(root),
            signing_seed: Secret::new(signing),
            log_authority: self.authority().public(),
        }
    }

    /// What opens the log.
    #[must_use]
    pub fn authority(&self) -> AgreementSecret {
        AgreementSecret::from_bytes(Secret::new(self.authority))
    }

    /// The bytes of what opens the log, for a key file.
    #[must_use]
    pub const fn authority_bytes(&self) -> &[u8; 32] {
        &self.authority
    }

    /// The device's public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        let [_, signing] = self.identity;
        DeviceKey::from_seed(&Secret::new(signing)).public()
    }

    /// A part of the production line's, with an empty log on it.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn manufacture(&self, model: Model, seed: u64) -> Result<SimFlash, FormatError> {
        self.manufacture_with(PAGES, model, seed)
    }

    /// As [`SimOwner::manufacture`], a part of `pages` pages, at least [`PAGES`]. What is behind the log is erased.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn manufacture_with(
        &self,
        pages: u32,
        model: Model,
        seed: u64,
    ) -> Result<SimFlash, FormatError> {
        let mut flash = SimFlash::new(pages, model, seed);
        let (noise, clock) = (Noise::good(seed), SimClock::new());
        let board = SimBoard { flash: &mut flash, noise, clock };
        Device::format(board, &self.identity(), Secret::new(self.station))?;
        Ok(flash)
    }
}
