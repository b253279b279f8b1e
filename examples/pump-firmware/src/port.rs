//! What the board gives to medsec.

use infusion_pump::therapy::Alarm;
use medsec::audit::Place;
use medsec::core::agreement::AgreementKey;
use medsec::core::key::sha256;
use medsec::{Identity, Port, Profile, Retention, Secret};
use medsec_core::flash::Region;
use medsec_core::suite::Aes256Gcm;

use crate::board::clock::BoardClock;
use crate::board::console::Line;
use crate::board::flash::SemihostFlash;
use crate::board::noise::EmulatedNoise;
use crate::board::semihosting::HostFault;

const PAGE_BYTES: u32 = 4096;
const CELL_PAGES: u32 = 4;
const LOG_PAGES: u32 = 16;

/// Model number of the emulated pump.
pub const MODEL: u32 = 386;

/// The emulated log authority's public key; its secret is SHA-256 of `emulated pump: log authority`.
const AUTHORITY: [u8; 32] = [
    0x4f, 0xed, 0x79, 0x69, 0x00, 0x06, 0x09, 0x01, 0x49, 0x5d, 0x75, 0x4c, 0x3c, 0x56, 0xad, 0x92,
    0xc2, 0xd9, 0x8d, 0x0b, 0xb5, 0xf3, 0xf5, 0x2d, 0x93, 0x0c, 0x8e, 0xd6, 0x83, 0xbf, 0xbb, 0x57,
];

/// The board. `BLOCKS` says what its log does when full: refuse, or give up the oldest.
#[derive(Debug)]
pub struct Board<const BLOCKS: bool> {
    flash: SemihostFlash,
    noise: EmulatedNoise,
}

impl<const BLOCKS: bool> Board<BLOCKS> {
    /// The board of the run seeded with `seed`.
    ///
    /// # Errors
    /// [`HostFault`]: there is no flash file.
    pub fn open(seed: u64) -> Result<Self, HostFault> {
        Ok(Self { flash: SemihostFlash::open(seed)?, noise: EmulatedNoise::new(seed) })
    }
}

impl<const BLOCKS: bool> Port for Board<BLOCKS> {
    type Suite = Aes256Gcm;
    type Flash = SemihostFlash;
    type Entropy = EmulatedNoise;
    type Clock = BoardClock;

    const PROFILE: Profile = Profile {
        model: MODEL,
        cell: Region::new(0, CELL_PAGES * PAGE_BYTES),
        log: Region::new(CELL_PAGES * PAGE_BYTES, LOG_PAGES * PAGE_BYTES),
        retention: if BLOCKS { Retention::Block } else { Retention::Overwrite },
    };

    fn parts(self) -> (Self::Flash, Self::Entropy, Self::Clock) {
        (self.flash, self.noise, BoardClock)
    }
}

/// The secrets of the emulated device. A port to silicon has them from a protected store; these are hashes, so that no
/// image holds them.
#[must_use]
pub fn identity() -> Option<Identity> {
    Some(Identity {
        storage_root: Secret::new(sha256(&[b"emulated pump: storage root"])),
        signing_seed: Secret::new(sha256(&[b"emulated pump: signing seed"])),
        log_authority: AgreementKey::parse(&AUTHORITY).ok()?,
    })
}

/// The seed that the station of the emulated factory gives.
#[must_use]
pub fn station_seed() -> Secret<32> {
    Secret::new(sha256(&[b"emulated pump: station seed"]))
}

/// Tells the console that a record is stored, after the call that stored it has returned.
pub fn acknowledge(session: u32, place: Place, event: u16) {
    let line = Line::new().text("ACK ").number(session.into()).text(" ").number(place.seq);
    line.text(" ").number(place.page.into()).text(" ").number(event.into()).send();
}

/// The alarms that the workload raises, in turn.
#[must_use]
pub const fn alarm(step: u32) -> Alarm {
    match step % 3 {
        0 => Alarm::Occlusion,
        1 => Alarm::AirInLine,
        _ => Alarm::Empty,
    }
}
